from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pointillist.dataset import Image, Instance
from pointillist.errors import ConfigError
from pointillist.formats import open_dataset
from pointillist.formats.video_points import video_points
from pointillist.skeleton import Skeleton

TWO = Skeleton(("nose", "tail"), edges=((0, 1),))


def _frame(number: int, count: int = 1) -> Image:
    instances = [
        Instance(
            np.array([[number + i, 2.5], [30.25, 40.0]]),
            np.array([2, 2]),
            box=(0.0, 0.0, 50.0, 50.0),
            confidence=np.array([0.5, 1.0]),
            score=0.75,
        )
        for i in range(count)
    ]
    return Image("clip.mp4", 64, 48, instances, frame=number)


def _write(path: Path, *, format: str | None = None, smooth: bool = False) -> None:
    with video_points(path, TWO, path.parent, format=format, smooth=smooth) as file:
        for number, count in ((0, 1), (1, 2), (5, 0), (6, 1)):
            image = _frame(number, count)
            beside = [i.points + 0.125 for i in image.instances] if smooth else None
            file.add(image, beside)
        file.about |= {"frames": 7, "problem": "it ends early"}
        assert not path.exists()


def test_a_table_and_what_is_to_be_known_beside_it(tmp_path: Path) -> None:
    _write(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["image"] for row in rows} == {"clip.mp4"}
    assert [(row["frame"], row["instance"]) for row in rows] == [
        ("0", "1"), ("1", "1"), ("1", "2"), ("6", "1")
    ]  # fmt: skip
    assert rows[2]["nose_x"] == "2.000"
    assert rows[2]["nose_confidence"] == "0.5000"
    assert json.loads((tmp_path / "out.csv.json").read_text(encoding="utf-8")) == {
        "frames": 7,
        "problem": "it ends early",
    }


def test_smoothed_points_stand_beside_the_raw_ones(tmp_path: Path) -> None:
    _write(tmp_path / "out.csv", smooth=True)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        row = list(csv.DictReader(file))[-1]
    assert (row["nose_x"], row["nose_x_smooth"]) == ("6.000", "6.125")
    assert (row["tail_y"], row["tail_y_smooth"]) == ("40.000", "40.125")
    _write(tmp_path / "out.json", smooth=True)
    entry = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["annotations"][0]
    assert entry["keypoints"][:2] == [0, 2.5]
    assert entry["keypoints_smooth"] == [0.125, 2.625, 30.375, 40.125]


def test_deeplabcuts_table_by_name(tmp_path: Path) -> None:
    """As DeepLabCut writes what it finds: a row a frame, counting from the pixel's centre."""
    _write(tmp_path / "out.csv", format="deeplabcut")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == [
        "scorer", "individuals", "bodyparts", "coords", "0", "1", "5", "6"
    ]  # fmt: skip
    assert rows[3][1:4] == ["x", "y", "likelihood"]
    assert [float(cell) for cell in rows[4][1:4]] == [-0.5, 2.0, 0.5]
    assert rows[6][1:] == [""] * (len(rows[6]) - 1)  # nothing was found in frame 5
    assert json.loads((tmp_path / "out.csv.json").read_text(encoding="utf-8"))["frames"] == 7
    with pytest.raises(ConfigError, match="'deeplabcut' has no place for smoothed points"):
        _write(tmp_path / "other.csv", format="deeplabcut", smooth=True)


def test_a_coco_file_opens_again(tmp_path: Path) -> None:
    _write(tmp_path / "out.json")
    content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [entry["frame"] for entry in content["images"]] == [0, 1, 5, 6]
    assert content["info"] == {"frames": 7, "problem": "it ends early"}
    (tmp_path / "clip.mp4").write_bytes(b"it only has to be there")
    dataset = open_dataset(tmp_path / "out.json")
    assert dataset.skeleton == TWO
    assert [(image.frame, len(image.instances)) for image in dataset] == [
        (0, 1), (1, 2), (5, 0), (6, 1)
    ]  # fmt: skip
    second = dataset[1].instances[1]
    assert second.points.tolist() == [[2, 2.5], [30.25, 40]]
    assert second.score == 0.75
    assert second.confidence is not None
    assert second.confidence.tolist() == [0.5, 1]


def test_a_video_without_a_frame_is_valid_json(tmp_path: Path) -> None:
    with video_points(tmp_path / "out.json", TWO, tmp_path):
        pass
    content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert content["images"] == content["annotations"] == []


def _write_and_be_stopped(path: Path) -> None:
    with video_points(path, TWO, path.parent) as file:
        file.add(_frame(0))
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["out.csv", "out.json"])
def test_after_an_exception_nothing_is_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        _write_and_be_stopped(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_wrong_endings_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"out\.txt"):
        video_points(tmp_path / "out.txt", TWO, tmp_path)
    with pytest.raises(ConfigError, match="no place for smoothed points"):
        video_points(tmp_path / "out.slp", TWO, tmp_path, smooth=True)
