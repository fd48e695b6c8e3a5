from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_data import SKELETON, data_set, instance, instances, write_image

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.formats import detect_format, open_dataset, save_dataset
from video_files import make_video

SIZE = {"original_width": 64, "original_height": 48, "image_rotation": 0}


def keypoint(key: str, name: str, x: float, y: float, **more: object) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": 1, "keypointlabels": [name]}
    return {"id": key, "type": "keypointlabels", **SIZE, "value": value, **more}


def rectangle(key: str, x: float, y: float, w: float, h: float) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": w, "height": h, "rectanglelabels": ["mouse"]}
    return {"id": key, "type": "rectanglelabels", **SIZE, "value": value}


def relation(a: str, b: str) -> dict[str, Any]:
    return {"type": "relation", "from_id": a, "to_id": b, "direction": "right"}


def export(folder: Path, *results: list, image: str = "/data/upload/3/0a1b2c3d-a.png") -> Path:
    write_image(folder / "pictures" / "a.png")
    task = {"id": 7, "data": {"image": image}, "annotations": [{"result": r} for r in results]}
    (folder / "tasks.json").write_text(json.dumps([task]))
    return folder / "tasks.json"


def test_percent_of_width_and_height(tmp_path: Path) -> None:
    path = export(tmp_path, [keypoint("k", "nose", 50, 25), keypoint("l", "tail", 0, 100)])
    dataset = open_dataset(path)
    assert detect_format(path).name == "label-studio"
    assert dataset[0].path == "pictures/a.png"
    assert (dataset[0].id, dataset[0].width, dataset[0].height) == (7, 64, 48)
    assert dataset[0].instances[0].points.tolist() == [[32, 12], [0, 48]]
    assert dataset[0].instances[0].box is None


def test_objects_by_parent_and_by_relation(tmp_path: Path) -> None:
    regions = [
        rectangle("r1", 0, 0, 50, 50),
        rectangle("r2", 50, 50, 25, 50),
        keypoint("k1", "nose", 10, 10, parentID="r2"),
        keypoint("k2", "nose", 20, 10),
        relation("k2", "r1"),
        keypoint("k3", "tail", 30, 10),
        relation("r1", "k3"),
    ]
    found = open_dataset(export(tmp_path, regions))[0].instances
    assert [i.annotated.tolist() for i in found] == [[True, True], [True, False]]
    assert [i.box for i in found] == [(0, 0, 32, 24), (32, 24, 16, 24)]


@pytest.mark.parametrize(
    "address",
    [
        "/data/local-files/?d=pictures/a.png",
        "/data/local-files/?d=old%20disk/a.png",
        "s3://bucket/data/a.png",
        "https://example.com/x/a.png?token=1",
        "pictures\\a.png",
    ],
)
def test_addresses_of_images(tmp_path: Path, address: str) -> None:
    path = export(tmp_path, [keypoint("k", "nose", 50, 25)], image=address)
    assert open_dataset(path)[0].path == "pictures/a.png"


def test_several_annotations_and_a_turned_image(tmp_path: Path) -> None:
    path = export(tmp_path, [keypoint("k", "nose", 1, 1)], [keypoint("k", "nose", 50, 50)])
    dataset = open_dataset(path)
    assert dataset[0].instances[0].points.tolist() == [[32, 24]]
    assert "1 task has several annotations; the last was taken: 7" in dataset.problems
    turned = keypoint("k", "nose", 50, 50) | {"image_rotation": 90}
    ok = keypoint("k", "nose", 50, 50)
    path = export(tmp_path, [turned])
    tasks = json.loads(path.read_text())
    tasks.append(tasks[0] | {"id": 8, "annotations": [{"result": [ok]}]})
    path.write_text(json.dumps(tasks))
    dataset = open_dataset(path)
    assert [i.labeled for i in dataset] == [False, True]
    assert "1 task is left unlabelled: the image was turned there: 7" in dataset.problems


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        (
            [keypoint("a", "nose", 1, 1), keypoint("b", "nose", 2, 2)],
            "task 7: 'nose' is there twice",
        ),
        ([rectangle("r", 0, 0, 1, 1)], "there is no keypoint in this file"),
        (
            [{"id": "q", "type": "keypointlabels", "value": {"keypointlabels": ["nose"]}}],
            "task 7: region 'q' lacks x, y",
        ),
    ],
)
def test_bad_input(tmp_path: Path, regions: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_dataset(export(tmp_path, regions))


def test_not_tasks(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1, 2]")
    with pytest.raises(DataError, match="this is no list of tasks"):
        open_dataset(tmp_path / "a.json", format="label-studio")


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(instances(), max_size=3), min_size=1, max_size=3))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    folder = tmp_path_factory.mktemp("ls")
    dataset = data_set(
        folder / "a b", [Image(f"{n}#.png", instances=r) for n, r in enumerate(rows)]
    )
    save_dataset(dataset, folder / "out.json", "label-studio")
    again = open_dataset(folder / "out.json", format="label-studio")
    assert again.skeleton is not None
    assert again.skeleton.keypoints == SKELETON.keypoints
    for a, b in zip(dataset, again, strict=True):
        assert again.file(b).resolve() == dataset.file(a).resolve()
        for one, two in zip(a.instances, b.instances, strict=True):
            np.testing.assert_allclose(one.points, two.points, atol=0.01)
            assert one.visibility.tolist() == two.visibility.tolist()


def test_predictions_become_pre_annotations(tmp_path: Path) -> None:
    made = instance([(1, 2), None, (5, 6)], confidence=np.array([0.25, 0, 1]), score=0.75)
    dataset = data_set(tmp_path / "in", [Image("a.png", instances=[made])])
    save_dataset(dataset, tmp_path / "out.json", "label-studio")
    task = json.loads((tmp_path / "out.json").read_text())[0]
    assert task["annotations"] == []
    assert task["predictions"][0]["score"] == 0.75
    found = open_dataset(tmp_path / "out.json")[0].instances[0]
    assert found.confidence is not None
    assert found.confidence.tolist() == [0.25, 0, 1]
    assert found.score == 0.75


def test_frames_are_written_out(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", 4)
    images = [Image(video.as_posix(), instances=[instance([(1, 2)] * 3)], frame=2)]
    save_dataset(Dataset(SKELETON, images, tmp_path), tmp_path / "out.json", "label-studio")
    assert open_dataset(tmp_path / "out.json")[0].path == "images/img000002.png"
