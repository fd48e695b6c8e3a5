"""The ending of a file says how predictions are written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import ConfigError, DataError
from pointillist.formats.predictions import check_output, write_predictions
from pointillist.skeleton import Skeleton


def predictions(folder: Path) -> Dataset:
    fox = Instance(np.ones((1, 2)), np.array([2]), confidence=np.array([0.5]), score=0.5)
    return Dataset(Skeleton(("nose",)), [Image("a.png", instances=[fox], id=1)], root=folder)


def test_json_is_coco_results(tmp_path: Path) -> None:
    assert write_predictions(predictions(tmp_path), tmp_path / "out.JSON") == []
    (entry,) = json.loads((tmp_path / "out.JSON").read_text(encoding="utf-8"))
    assert entry["keypoints"] == [1, 1, 0.5]


def test_csv_is_a_table(tmp_path: Path) -> None:
    assert write_predictions(predictions(tmp_path), tmp_path / "out.csv") == []
    text = (tmp_path / "out.csv").read_text(encoding="utf-8")
    assert text.splitlines()[1] == "a.png,1,0.5000,1.000,1.000,0.5000"


def test_other_endings_are_refused_before_any_work(tmp_path: Path) -> None:
    check_output("out.slp")
    with pytest.raises(ConfigError, match=r"Known are \.json \(COCO results\), \.csv"):
        check_output("out.xlsx")
    with pytest.raises(ConfigError, match=r"out\.txt"):
        write_predictions(predictions(tmp_path), tmp_path / "out.txt")
    assert not (tmp_path / "out.txt").exists()


def test_tables_as_deeplabcut_has_them(tmp_path: Path) -> None:
    import pandas as pd

    made = predictions(tmp_path)
    write_predictions(made, tmp_path / "out.h5")
    write_predictions(made, tmp_path / "out.csv", format="deeplabcut")
    frame = pd.read_hdf(tmp_path / "out.h5")
    assert frame.columns.names[0] == "scorer"
    assert "likelihood" in frame.columns.get_level_values("coords")
    assert (tmp_path / "out.csv").read_text().startswith("scorer,pointillist")


def test_a_layout_by_name(tmp_path: Path) -> None:
    check_output(tmp_path / "new", "yolo")
    with pytest.raises(DataError, match="'folder' can only be read"):
        check_output(tmp_path / "new", "folder")
    with pytest.raises(DataError, match="did you mean 'yolo'"):
        check_output(tmp_path / "new", "yollo")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="something here already"):
        check_output(tmp_path / "old", "yolo")
