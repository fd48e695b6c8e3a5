"""The CSV table: what a spreadsheet shows."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.formats.csv_points import write_csv
from pointillist.skeleton import Skeleton

SKELETON = Skeleton(("nose", "tail, tip"), name="fox")
NOSE = ["nose_x", "nose_y", "nose_confidence"]
TAIL = ["tail, tip_x", "tail, tip_y", "tail, tip_confidence"]


def table(dataset: Dataset, file: Path) -> list[list[str]]:
    write_csv(dataset, file)
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def test_one_row_for_each_instance(tmp_path: Path) -> None:
    first = Instance(
        np.array([[1.5, 2.25], [300, 4]]),
        np.array([2, 2]),
        confidence=np.array([0.75, 0.5]),
        score=0.625,
    )
    second = Instance(np.array([[5, 6], [0, 0]]), np.array([1, 0]))
    images = [Image("füchse/a.png", instances=[first, second]), Image("b.png")]
    rows = table(Dataset(SKELETON, images, root=tmp_path), tmp_path / "out.csv")
    assert rows == [
        ["image", "instance", "score", *NOSE, *TAIL],
        ["füchse/a.png", "1", "0.6250", "1.500", "2.250", "0.7500", "300.000", "4.000", "0.5000"],
        ["füchse/a.png", "2", "", "5.000", "6.000", "", "", "", ""],
    ]


def test_frames_tracks_and_categories_have_columns_where_there_are_any(tmp_path: Path) -> None:
    points, there = np.ones((2, 2)), np.array([2, 2])
    images = [
        Image("film.mp4", instances=[Instance(points, there, track="anna")], frame=12),
        Image("film.mp4", instances=[Instance(points, there, category="vixen")], frame=13),
    ]
    rows = table(Dataset(SKELETON, images, root=tmp_path), tmp_path / "out.csv")
    assert [row[:5] for row in rows] == [
        ["image", "frame", "track", "category", "instance"],
        ["film.mp4", "12", "anna", "", "1"],
        ["film.mp4", "13", "", "vixen", "1"],
    ]


def test_lines_end_alike_on_every_system(tmp_path: Path) -> None:
    write_csv(Dataset(SKELETON, [], root=tmp_path), tmp_path / "out.csv")
    data = (tmp_path / "out.csv").read_bytes()
    assert data.endswith(b'confidence"\n')
    assert b"\r" not in data


def test_without_a_skeleton_there_are_no_points(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no skeleton"):
        write_csv(Dataset(None, [Image("a.png")], root=tmp_path), tmp_path / "out.csv")
