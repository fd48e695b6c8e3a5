"""COCO results: what COCO's own tools read, and back again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO

from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.formats import open_dataset
from pointillist.formats.coco import write
from pointillist.formats.coco_results import read_results, write_results
from pointillist.skeleton import Skeleton

SKELETON = Skeleton(("nose", "tail"), name="fox")


def predictions() -> Dataset:
    sure = Instance(
        np.array([[1.5, 2.25], [3, 4]]),
        np.array([2, 2]),
        confidence=np.array([0.75, 0.5]),
        score=0.6,
        box=(0, 0, 9, 9),
    )
    half = Instance(np.array([[5, 6], [0, 0]]), np.array([2, 0]), confidence=np.array([0.5, 0.3]))
    images = [Image("a.png", instances=[sure, half], id=7), Image("b.png", id=4)]
    return Dataset(SKELETON, images, root=Path("data"))


def save(folder: Path, entries: Any) -> Path:
    file = folder / "results.json"
    file.write_text(json.dumps(entries), encoding="utf-8")
    return file


def test_writes_one_entry_for_each_instance(tmp_path: Path) -> None:
    write_results(predictions(), tmp_path / "out.json")
    entries = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert entries == [
        {
            "image_id": 7,
            "category_id": 1,
            "keypoints": [1.5, 2.25, 0.75, 3, 4, 0.5],
            "score": 0.6,
            "file_name": "a.png",
        },
        {
            # The score is the mean confidence of the points that are there.
            "image_id": 7,
            "category_id": 1,
            "keypoints": [5, 6, 0.5, 0, 0, 0],
            "score": 0.5,
            "file_name": "a.png",
        },
    ]


def test_cocos_own_tools_read_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(predictions(), tmp_path / "truth.json")
    write_results(predictions(), tmp_path / "out.json")
    loaded = COCO(str(tmp_path / "truth.json")).loadRes(str(tmp_path / "out.json"))
    assert len(loaded.anns) == 2
    # pycocotools takes the extent of a prediction's points for its box.
    assert loaded.anns[1]["bbox"] == [1.5, 2.25, 1.5, 1.75]


def test_round_trip(tmp_path: Path) -> None:
    data = predictions()
    write_results(data, tmp_path / "out.json")
    again = read_results(tmp_path / "out.json", data)
    assert [len(image.instances) for image in again] == [2, 0]
    for ours, theirs in zip(data[0].instances, again[0].instances, strict=True):
        np.testing.assert_allclose(theirs.points, ours.points)
        there = ours.annotated
        np.testing.assert_allclose(theirs.confidence[there], ours.confidence[there])
    assert again[0].instances[0].score == 0.6


def test_detections_are_boxes_without_points(tmp_path: Path) -> None:
    file = save(tmp_path, [{"image_id": 4, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9}])
    (instance,) = read_results(file, predictions())[1].instances
    assert (instance.box, instance.score, instance.labeled) == ((1, 2, 3, 4), 0.9, False)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"image_id": 5, "bbox": [1, 2, 3, 4]}, "row 1: the data set 'data' has no image of the"),
        ({"image_id": 4}, "row 1: the entry has neither 'keypoints' nor 'bbox'"),
        ({"image_id": 4, "keypoints": [1, 2, 3]}, "row 1: 3 numbers for keypoints; 2 keypoints"),
        ({"image_id": 4, "keypoints": [float("nan"), 2, 1] * 2}, r"row 1: keypoint 'nose' .*nan"),
        ({"image_id": 4, "keypoints": [1, 2, float("nan")] * 2}, "row 1: a confidence is not"),
        ({"image_id": 4, "bbox": [1, 2, 3, 4], "score": "x"}, "row 1: 'score' is not a list of"),
        ({"image_id": 4, "bbox": [1, 2, 3, 4], "score": float("inf")}, "row 1: 'score' is not a"),
    ],
)
def test_broken_entries_are_named(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_results(save(tmp_path, [entry]), predictions())


def test_annotations_are_told_from_results(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="COCO results are a list"):
        read_results(save(tmp_path, {"images": []}), predictions())


def test_without_a_skeleton_there_are_no_predictions(tmp_path: Path) -> None:
    bare = Dataset(None, [Image("a.png")], root=tmp_path)
    with pytest.raises(DataError, match="has no skeleton"):
        write_results(bare, tmp_path / "out.json")
    with pytest.raises(DataError, match="has no skeleton"):
        read_results(save(tmp_path, []), bare)


def test_real_detections(data: Path) -> None:
    folder = data / "coco_style" / "coco"
    dataset = open_dataset(folder / "test_coco.json")
    detected = read_results(folder / "test_coco_det_AP_H_56.json", dataset)
    assert sum(len(image.instances) for image in detected) == 118
    assert detected[0].instances[0].score == pytest.approx(0.9999731779098511)
