from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pointillist.boxes.given import read_detections
from pointillist.dataset import Dataset, Image
from pointillist.errors import ConfigError, DataError
from pointillist.formats import open_dataset
from pointillist.skeleton import Skeleton

TWO = Skeleton(("nose", "tail"))


def _images(*paths: str, skeleton: Skeleton | None = TWO) -> Dataset:
    images = [Image(path, id=10 + i) for i, path in enumerate(paths)]
    return Dataset(skeleton, images, Path("data"))


def _file(folder: Path, *entries: dict[str, Any]) -> Path:
    path = folder / "detections.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def _entry(**values: Any) -> dict[str, Any]:
    return {"bbox": [1, 2, 30, 40], "score": 0.8, "category_id": 1, **values}


def test_by_id_the_most_certain_first(tmp_path: Path) -> None:
    far = [100, 100, 5, 5]
    file = _file(
        tmp_path,
        _entry(image_id=11, score=0.5, bbox=far),
        _entry(image_id=11),
        _entry(image_id=11, score=0.7),  # the same box once more
        _entry(image_id=11, score=0.2, bbox=[50, 50, 5, 5]),  # not certain enough
        _entry(image_id=99),
    )
    boxes, strange = read_detections(file, _images("a.jpg", "b.jpg"))
    assert boxes[0] == []
    assert [(scored.box, scored.score) for scored in boxes[1]] == [
        ((1, 2, 30, 40), 0.8),
        (tuple(far), 0.5),
    ]
    assert strange == 1
    assert len(read_detections(file, _images("a.jpg", "b.jpg"), 0.1)[0][1]) == 3


def test_by_file_name(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        _entry(file_name="one/a.jpg", image_id=99),
        _entry(file_name="elsewhere\\c.jpg"),  # its name is enough, as no other has it
        _entry(file_name="a.jpg"),  # which of the two?
    )
    boxes, strange = read_detections(file, _images("one/a.jpg", "two/a.jpg", "two/c.jpg"))
    assert [len(found) for found in boxes] == [1, 0, 1]
    assert strange == 1


def test_ids_of_a_plain_folder_are_no_ids(tmp_path: Path) -> None:
    folder = _images("a.jpg", skeleton=None)
    with pytest.raises(DataError, match=r"none of the 1 detections is of these images.*file_name"):
        read_detections(_file(tmp_path, _entry(image_id=10)), folder)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (_entry(), "neither 'file_name' nor 'image_id'"),
        ({"image_id": 10, "score": 1}, "no 'bbox'"),
        (_entry(image_id=10, bbox=[1, 2, 3]), "four finite numbers"),
        (_entry(image_id=10, bbox=[1, 2, 0, 3]), "no area"),
        (_entry(image_id=10, score=7), "between 0 and 1"),
    ],
)
def test_a_broken_entry_is_named(tmp_path: Path, entry: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=f"detections.json, row 2: .*{reason}"):
        read_detections(_file(tmp_path, _entry(image_id=10), entry), _images("a.jpg"))


def test_not_a_list_and_not_of_a_video(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="a list of objects"):
        read_detections(path, _images("a.jpg"))
    frames = Dataset(None, [Image("v.mp4", frame=3)], tmp_path)
    with pytest.raises(ConfigError, match="frames of a video"):
        read_detections(path, frames)


def test_a_real_detectors_file(data: Path) -> None:
    coco = data / "coco_style" / "coco"
    images = open_dataset(coco / "test_coco.json")
    boxes, _ = read_detections(coco / "test_coco_det_AP_H_56.json", images, 0.5)
    assert all(boxes), "people are found in every image"
    for image, found in zip(images, boxes, strict=True):
        largest = max((i.box for i in image.instances if i.box), key=lambda b: b[2] * b[3])
        assert any(np.allclose(scored.box, largest, atol=40) for scored in found), image.path
