"""The grid: every cell once, a killed one continued."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pointillist.benchmark.grid import Cell, cells, run_grid
from pointillist.benchmark.protocol import Protocol
from pointillist.split import split_dataset
from pointillist.synthetic import make_dataset
from pointillist.training import train


@pytest.fixture(scope="module")
def protocol(tmp_path_factory: pytest.TempPathFactory) -> Protocol:
    folder = tmp_path_factory.mktemp("data")
    make_dataset(folder / "creatures", 40, size=(64, 64))
    return Protocol(
        name="tiny",
        title="Tiny",
        data={"path": "creatures", "format": "coco", "home": "nowhere"},
        split={"ranges": {"train": "0:24", "val": "24:32", "test": "32:40"}},
        methods={
            "supervised": {},
            "te": {"method": "semantic_consistency", "method_options": {"semantic": 0.0}},
        },
        config={
            "input": {"width": 64, "height": 64},
            "model": {"backbone": "resnet10t", "width": 16},
            "training": {"max_steps": 4, "validate_every": 2, "labeled_per_step": 4,
                         "unlabeled_per_step": 4},
        },
    )  # fmt: skip


def test_seeds_come_last() -> None:
    grid = cells(["a", "b"], [5, 10], 2)
    assert [c.name for c in grid[:4]] == ["a-5-seed0", "b-5-seed0", "a-10-seed0", "b-10-seed0"]
    assert len(grid) == 8


def test_a_finished_cell_is_never_run_twice_and_a_killed_one_is_continued(
    protocol: Protocol, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("grid")
    data = Path(tmp_path_factory.getbasetemp())
    creatures = next(p for p in data.glob("data*") if (p / "creatures").exists())
    monkeypatch.setenv("POINTILLIST_DATA", str(creatures))
    said: list[str] = []
    where = {"results": folder / "results", "runs": folder / "runs"}
    grid = [Cell("supervised", 50, 0), Cell("te", 25, 1)]
    run_grid(protocol, grid, **where, quiet=True, say=said.append)
    file = folder / "results" / "tiny" / "te-25-seed1.json"
    result = json.loads(file.read_text(encoding="utf-8"))
    assert {"protocol", "method", "fraction", "seed", "steps", "minutes", "metrics", "dataset",
            "config", "commit", "machine"} <= set(result)  # fmt: skip
    assert (result["method"], result["fraction"], result["steps"]) == ("te", 25, 4)
    assert result["dataset"] == {
        "labeled": 6, "unlabeled": 18, "val": 8, "crops": 24, "left_out": 0, "test": 8,
    }  # fmt: skip
    assert result["config"]["method"] == "semantic_consistency"
    assert not list((folder / "runs" / "tiny").iterdir())  # trainings are removed when scored
    before = file.read_bytes()

    # One that was killed: its run is there, trained half way, and there is no result.
    (folder / "results" / "tiny" / "supervised-50-seed0.json").unlink()
    half = protocol.config_for("supervised", 0, {"max_steps": 4})
    parts = split_dataset(protocol.open_data(), ranges=protocol.split.ranges, labeled="50%", seed=0)
    started = folder / "runs" / "tiny" / "supervised-50-seed0"
    half.training.max_steps = 2
    train(parts.labeled, started, unlabeled=[parts.unlabeled], val=parts.val, config=half,
          quiet=True)  # fmt: skip
    half.training.max_steps = 4
    half.save(started / "config.yaml")
    (started / "result.json").unlink()  # what a killed training never came to write

    said.clear()
    run_grid(protocol, grid, **where, quiet=True, say=said.append)
    assert "te-25-seed1: done before" in said[-1]
    assert file.read_bytes() == before
    again = json.loads(
        (folder / "results" / "tiny" / "supervised-50-seed0.json").read_text(encoding="utf-8")
    )
    assert again["steps"] == 4
