"""Writing COCO keypoints JSON: whatever the data model has, and images found from anywhere."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_data import assert_same_points, datasets, make_image

from pointillist.dataset import HIDDEN, NOT_ANNOTATED, VISIBLE, Dataset, Image, Instance
from pointillist.formats.coco import read, write
from pointillist.skeleton import Skeleton

SKELETON = Skeleton(
    ("nose", "left ear", "right ear"),
    edges=((0, 1), (0, 2)),
    flip_pairs=((1, 2),),
    sigmas=(0.02, 0.03, 0.03),
    name="seal",
    head=(1, 2),
    torso=(0, 2),
)


def test_writes_everything_the_data_model_has(tmp_path: Path) -> None:
    full = Instance(
        np.array([[1.25, 2], [3, 4], [np.nan, np.nan]]),
        np.array([VISIBLE, HIDDEN, NOT_ANNOTATED]),
        box=(0.5, 1, 5, 4),
        box_from_points=True,
        head_box=(1, 1, 2, 3),
        area=7.5,
        confidence=np.array([0.5, 0.25, 0.125]),
        score=0.75,
        track="anna",
        category="harbour seal",
        crowd=True,
        absent=np.array([False, False, True]),
        id=41,
    )
    images = [
        Image("a.png", 8, 6, [full], id=3, group="june"),
        Image("film.mp4", boxes=[(1, 2, 3, 4)], frame=12, id=5),
    ]
    assert write(Dataset(SKELETON, images, root=tmp_path), tmp_path / "out.json") == []
    again = read(tmp_path / "out.json")
    assert again.skeleton == SKELETON
    assert [(i.path, i.id, i.group, i.frame, i.boxes, i.width) for i in again] == [
        ("a.png", 3, "june", None, [], 8),
        ("film.mp4", 5, None, 12, [(1, 2, 3, 4)], None),
    ]
    (instance,) = again[0].instances
    assert_same_points(full, instance, within=0)
    for name in ("box", "box_from_points", "head_box", "area", "score", "track", "category"):
        assert getattr(instance, name) == getattr(full, name), name
    assert (instance.crowd, instance.id) == (True, 41)
    np.testing.assert_array_equal(instance.absent, full.absent)
    np.testing.assert_array_equal(instance.confidence, full.confidence)


def test_how_a_tool_takes_what_is_left_out_stays_with_the_data(tmp_path: Path) -> None:
    data = Dataset(SKELETON, [Image("a.png", 8, 6)], root=tmp_path)
    for meant in (True, False):
        write(replace(data, missing_absent=meant), tmp_path / "out.json")
        assert read(tmp_path / "out.json").missing_absent == meant
    assert "missing_absent" not in json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))


def test_written_files_keep_to_what_coco_tools_expect(tmp_path: Path) -> None:
    instance = Instance(np.array([[1, 2], [3, 4], [9, 9]]), np.array([2, 1, 0]), box=(0, 1, 5, 4))
    write(Dataset(SKELETON, [Image("a.png", 8, 6, [instance])], root=tmp_path), tmp_path)
    content = json.loads((tmp_path / "annotations.json").read_text(encoding="utf-8"))
    assert content["images"] == [{"id": 1, "file_name": "a.png", "width": 8, "height": 6}]
    assert content["annotations"] == [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 1,
            "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0],
            "num_keypoints": 2,
            "iscrowd": 0,
            "bbox": [0, 1, 5, 4],
            "area": 20,
            "area_from_box": True,
        }
    ]
    (category,) = content["categories"]
    assert category["skeleton"] == [[1, 2], [1, 3]]
    assert category["flip_pairs"] == [["left ear", "right ear"]]


def test_an_area_that_nobody_annotated_is_none_when_read_again(tmp_path: Path) -> None:
    make_image(tmp_path / "a.png")
    points, seen = np.array([[1.0, 2.0], [5.0, 5.0]]), np.array([2, 2])
    objects = [
        Instance(points, seen, box=(0, 1, 5, 4)),
        Instance(points, seen),
        Instance(points, seen, area=7.0),
    ]
    skeleton = Skeleton(("a", "b"))
    write(
        Dataset(skeleton, [Image("a.png", instances=objects)], root=tmp_path), tmp_path / "out.json"
    )
    entries = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["annotations"]
    assert [entry["area"] for entry in entries] == [20, 12, 7]
    assert [instance.area for instance in read(tmp_path / "out.json")[0].instances] == [
        None,
        None,
        7,
    ]


def test_a_data_set_without_skeleton_is_written_and_read(tmp_path: Path) -> None:
    make_image(tmp_path / "a.png")
    write(Dataset(None, [Image("a.png")], root=tmp_path), tmp_path / "out.json")
    again = read(tmp_path / "out.json")
    assert again.skeleton is None
    assert [image.path for image in again] == ["a.png"]


def test_repeated_image_ids_are_numbered_anew(tmp_path: Path) -> None:
    images = [Image("a.png", id=4), Image("b.png", id=4)]
    notes = write(Dataset(SKELETON, images, root=tmp_path), tmp_path / "out.json")
    assert notes == ["image ids repeated, so the images were numbered anew"]
    assert [image.id for image in read(tmp_path / "out.json")] == [1, 2]


@pytest.mark.parametrize("out", ["a.json", "deep/er/a.json", "../beside/a.json"])
def test_images_are_found_from_wherever_the_file_is_written(tmp_path: Path, out: str) -> None:
    root = tmp_path / "project"
    make_image(root / "pictures" / "a.png")
    source = Dataset(SKELETON, [Image("pictures/a.png")], root=root)
    write(source, root / out)
    dataset = read(root / out)
    assert not Path(dataset[0].path).is_absolute()
    assert dataset.file(dataset[0]).resolve() == (root / "pictures" / "a.png").resolve()


def test_images_are_found_through_a_symbolic_link(tmp_path: Path) -> None:
    make_image(tmp_path / "real" / "deep" / "a.png")
    (tmp_path / "real" / "out").mkdir()
    try:
        (tmp_path / "link").symlink_to(tmp_path / "real" / "out", target_is_directory=True)
    except OSError:
        return  # Windows without the right to make links: nothing to get wrong
    source = Dataset(SKELETON, [Image("a.png")], root=tmp_path / "real" / "deep")
    write(source, tmp_path / "link" / "a.json")
    dataset = read(tmp_path / "link" / "a.json")
    assert dataset.file(dataset[0]).is_file()


@settings(deadline=None)
@given(st.data())
def test_round_trip_keeps_points_boxes_and_order(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dataset = data.draw(datasets(Path(folder), SKELETON))
        write(dataset, Path(folder) / "out.json")
        again = read(Path(folder) / "out.json")
    assert again.skeleton == SKELETON
    assert [i.path for i in again] == [i.path for i in dataset]
    for ours, theirs in zip(dataset, again, strict=True):
        assert len(ours.instances) == len(theirs.instances)
        for a, b in zip(ours.instances, theirs.instances, strict=True):
            assert_same_points(a, b, within=1e-3)
            assert (a.visibility == b.visibility).all()
            assert b.box == pytest.approx(a.box, abs=1e-3)
