"""A data set whose images moved: what each command says, and what ``--images`` does."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from console import TINY, Console


@pytest.fixture
def moved(creatures: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The annotations of the creatures, and the folder below which their images lie now."""
    shutil.copytree(creatures.parent / "images", tmp_path / "disk" / "project" / "images")
    (tmp_path / "labels").mkdir()
    shutil.copy(creatures, tmp_path / "labels" / creatures.name)
    return tmp_path / "labels" / creatures.name, tmp_path / "disk"


FOUND = "30 files have moved and were found by name below"


def test_info(console: Console, moved: tuple[Path, Path]) -> None:
    data, folder = moved
    lost = json.loads(console("info", data, "--json").out)
    assert lost["problem_counts"]["missing"] == 30
    assert any("no image was found" in line for line in lost["problems"])
    found = json.loads(console("info", data, "--images", folder, "--json").out)
    assert found["problem_counts"] == {"reading": 1}
    assert FOUND in found["problems"][0]


def test_split(console: Console, moved: tuple[Path, Path], tmp_path: Path) -> None:
    data, folder = moved
    done = console("split", data, "-o", tmp_path / "parts", "--images", folder)
    assert done.code == 0
    assert FOUND in done.err
    assert json.loads(console("info", tmp_path / "parts" / "labeled.json", "--json").out)[
        "problems"
    ] == []  # fmt: skip


def test_train(console: Console, moved: tuple[Path, Path], tmp_path: Path) -> None:
    data, folder = moved
    words = ("train", data, "-o", tmp_path / "run", "--max-steps", 1, *TINY)
    error = console(*words).error
    assert "none of the labelled images can be read, such as" in error
    assert "--images" in error
    assert not (tmp_path / "run").exists()
    done = console(*words, "--images", folder)
    assert done.code == 0, done.err
    notes = (tmp_path / "run" / "notes.txt").read_text(encoding="utf-8").splitlines()
    assert FOUND in notes[0]
    assert notes[1].startswith("a mirror image exchanges: left_")
    assert all(line in done.err for line in notes)
    assert (tmp_path / "run" / "problems.txt").read_text(encoding="utf-8") == ""


def test_resume(console: Console, moved: tuple[Path, Path], tmp_path: Path) -> None:
    """Of a run that was stopped before its images moved."""
    data, folder = moved
    run = tmp_path / "run"
    words = ("train", data, "--images", folder, "-o", run, *TINY)
    assert console(*words, "--max-steps", 1).code == 0
    options = (run / "config.yaml").read_text(encoding="utf-8")
    assert "max_steps: 1\n" in options
    (run / "config.yaml").write_text(options.replace("max_steps: 1\n", "max_steps: 2\n"))
    (run / "result.json").unlink()
    folder.rename(tmp_path / "other")
    shutil.rmtree(run / "cache", ignore_errors=True)
    done = console("train", "--resume", "-o", run, "--images", tmp_path / "other")
    assert done.code == 0, done.err
    assert "files have moved and were found by name below" in done.err
    assert "2 steps" in done.out


def test_evaluate(console: Console, run: Path, moved: tuple[Path, Path]) -> None:
    data, folder = moved
    error = console("evaluate", run, data).error
    assert "none of the images can be read, such as" in error
    assert "--images" in error
    done = console("evaluate", run, data, "--images", folder, "--json")
    assert FOUND in done.err
    assert json.loads(done.out)["pck@0.2"]["n"] > 0


def test_predict(console: Console, run: Path, moved: tuple[Path, Path], tmp_path: Path) -> None:
    data, folder = moved
    out = tmp_path / "points.csv"
    lost = console("predict", run, data, "-o", out)
    assert lost.code == 1
    assert "30 not read" in lost.out
    out.unlink()
    done = console("predict", run, data, "--images", folder, "-o", out)
    assert done.code == 0, done.err
    assert FOUND in done.err
    with out.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) >= 24


def test_a_folder_that_is_not_there(console: Console, run: Path, creatures: Path) -> None:
    for words in (("info",), ("evaluate", run)):
        error = console(*words, creatures, "--images", creatures.parent / "nowhere").error
        assert "there is no such folder to look for images in" in error
