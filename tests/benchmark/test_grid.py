"""The grid in one process: every cell once, a killed one continued, a failed one told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pointillist.benchmark import cells as cells_module
from pointillist.benchmark.cells import Cell
from pointillist.benchmark.grid import CellsFailed, GridStopped, run_grid
from pointillist.benchmark.protocol import Protocol
from pointillist.errors import ConfigError, DataError
from pointillist.inference import evaluate
from pointillist.methods.collapse import CollapseWarning, CollapseWatch
from pointillist.run import Run
from pointillist.split import split_dataset
from pointillist.training import TrainingInterrupted, train


@pytest.fixture
def where(tmp_path: Path) -> dict[str, Any]:
    return {"results": tmp_path / "results", "runs": tmp_path / "runs", "quiet": True}


def read(where: dict[str, Any], cell: Cell) -> dict[str, Any]:
    file = where["results"] / "tiny" / f"{cell.name}.json"
    return dict(json.loads(file.read_text(encoding="utf-8")))


def test_a_finished_cell_is_never_run_twice_and_a_killed_one_is_continued(
    protocol: Protocol, where: dict[str, Any]
) -> None:
    said: list[str] = []
    grid = [Cell("te_ti", 25, 1, unlabeled=50), Cell("supervised", 100, 0)]
    run_grid(protocol, grid, **where, say=said.append)
    result = read(where, grid[0])
    assert {"protocol", "method", "fraction", "seed", "steps", "minutes", "metrics", "dataset",
            "config", "commit", "machine"} <= set(result)  # fmt: skip
    assert (result["method"], result["fraction"], result["steps"]) == ("te_ti", 25, 2)
    assert result["unlabeled"] == 50
    assert result["dataset"] == {
        "labeled": 6, "unlabeled": 9, "val": 8, "crops": 15, "left_out": 0, "test": 8,
    }  # fmt: skip
    assert result["config"]["method"] == "semantic_consistency"
    assert result["config"]["method_options"] == {"semantic": 0.0}
    assert [f.name for f in (where["runs"] / "tiny").iterdir()] == ["locks"]
    file = where["results"] / "tiny" / f"{grid[0].name}.json"
    before = file.read_bytes()

    # One that was killed: its run is there, trained half way, and there is no result.
    (where["results"] / "tiny" / f"{grid[1].name}.json").unlink()
    half = protocol.config_for("supervised", 0, {"max_steps": 1})
    parts = split_dataset(protocol.open_data(), ranges=protocol.split.ranges, seed=0)
    started = where["runs"] / "tiny" / grid[1].name
    train(parts.labeled, started, val=parts.val, config=half, quiet=True)
    half.training.max_steps = 2
    half.save(started / "config.yaml")
    (started / "result.json").unlink()  # what a killed training never came to write

    said.clear()
    run_grid(protocol, grid, **where, say=said.append)
    assert said[0] == "te_ti-25-unlabeled50-seed1: done before"
    assert said[-1].startswith("[1/1] supervised-100-seed0: pck@0.1 ")
    assert file.read_bytes() == before
    assert read(where, grid[1])["steps"] == 2


def test_labels_alone(protocol: Protocol, where: dict[str, Any]) -> None:
    cell = Cell("te_ti", 25, 0, unlabeled=0)
    run_grid(protocol, [cell], **where, say=lambda _: None)
    data = read(where, cell)["dataset"]
    assert (data["labeled"], data["unlabeled"], data["crops"]) == (6, 0, 6)


@pytest.mark.parametrize("done", [True, False])
def test_a_cell_of_another_length_is_not_taken_for_this_one(
    protocol: Protocol, where: dict[str, Any], done: bool
) -> None:
    cell = Cell("supervised", 25, 0)
    run_grid(protocol, [cell], **where, training={"max_steps": 1}, keep_runs=True)
    if not done:  # a training that was killed after its only step
        (where["results"] / "tiny" / f"{cell.name}.json").unlink()
    with pytest.raises(ConfigError, match=r"there with other steps: 1, not 2.*--results"):
        run_grid(protocol, [cell], **where)
    with pytest.raises(ConfigError, match=r"other minutes: no limit, not 5"):
        run_grid(protocol, [cell], **where, training={"max_steps": 1, "max_minutes": 5})
    run_grid(protocol, [cell], **where, training={"max_steps": 1})


def test_a_cell_that_fails_does_not_take_the_others_along(
    protocol: Protocol, creatures: Path, where: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cells_module.run_cell

    def run_cell(protocol: Protocol, cell: Cell, *rest: Any, **more: Any) -> dict[str, Any]:
        if cell.seed == 0:
            raise RuntimeError("out of\nmemory")
        return real(protocol, cell, *rest, **more)

    monkeypatch.setattr(cells_module, "run_cell", run_cell)
    said: list[str] = []
    grid = [Cell("supervised", 25, seed) for seed in (0, 1)]
    with pytest.raises(CellsFailed, match=r"1 of 2 cells failed\. .*again") as error:
        run_grid(protocol, grid, **where, say=said.append)
    assert error.value.exit_code == 1
    assert read(where, grid[1])["seed"] == 1
    log = where["runs"] / "tiny" / "supervised-25-seed0.log"
    assert "Traceback" in log.read_text(encoding="utf-8")
    assert said[-1] == f"supervised-25-seed0 failed: RuntimeError: out of memory ({log})"

    monkeypatch.undo()
    monkeypatch.setenv("POINTILLIST_DATA", str(creatures))
    run_grid(protocol, grid, **where, say=said.append)
    assert read(where, grid[0])["seed"] == 0
    assert not log.exists()


def test_a_collapse_stays_with_the_result_and_is_said(
    protocol: Protocol, where: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A score beside the others does not show it, and the training's folder is gone."""
    monkeypatch.setattr(CollapseWatch.__init__, "__defaults__", (2.0, 0.5, 1, 0.0))
    said: list[str] = []
    grid = [Cell("te_ti", 25, 0), Cell("supervised", 25, 0)]
    with pytest.warns(CollapseWarning):
        run_grid(protocol, grid, **where, say=said.append)
    teacher = read(where, grid[0])["teacher"]
    assert teacher["collapsed"]
    assert 0 < teacher["mean_peak"] <= teacher["highest_mean_peak"] < 2
    assert said[1].endswith("min; a teacher collapsed, what it taught is background")
    assert read(where, grid[1])["teacher"] is None
    assert said[3].endswith(" min")


def test_a_cell_that_another_command_has_is_left_to_it(
    protocol: Protocol, where: dict[str, Any]
) -> None:
    cell = Cell("supervised", 25, 0)
    work = cells_module.Work(
        protocol=protocol, cell=cell, results=where["results"], runs=where["runs"]
    )
    said: list[str] = []
    lock = work.lock()
    run_grid(protocol, [cell], **where, say=said.append)
    lock.release()
    assert "another benchmark is at it" in said[-2]
    assert said[-1] == "left to another command: 1 of 1 cells"
    assert not work.file.exists()


@pytest.mark.parametrize("stop", [TrainingInterrupted("stopped at step 1"), KeyboardInterrupt()])
def test_stopped_says_how_to_continue(
    protocol: Protocol,
    where: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    stop: BaseException,
) -> None:
    def run_cell(*_: Any, **__: Any) -> dict[str, Any]:
        raise stop

    monkeypatch.setattr(cells_module, "run_cell", run_cell)
    with pytest.raises(GridStopped, match=r"stopped with 0 of 1 cells done.*continues") as error:
        run_grid(protocol, [Cell("supervised", 25, 0)], **where, say=lambda _: None)
    assert error.value.exit_code == 130


def test_what_is_wrong_for_all_is_told_before_any_begins(
    protocol: Protocol, where: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    grid = [Cell("supervised", 25, 0), Cell("superwised", 25, 0)]
    with pytest.raises(ConfigError, match="did you mean 'supervised'"):
        run_grid(protocol, grid, **where, say=said.append)
    with pytest.raises(ConfigError, match=r"there is no option 'training\.steps'"):
        run_grid(protocol, grid[:1], training={"steps": 3}, **where, say=said.append)
    with pytest.raises(ConfigError, match="0 cells at a time"):
        run_grid(protocol, grid[:1], jobs=0, **where, say=said.append)
    monkeypatch.setenv("POINTILLIST_DATA", str(where["results"]))
    for jobs in (1, 2):
        with pytest.raises(DataError, match="tiny expects its data here"):
            run_grid(protocol, grid[:1], jobs=jobs, **where, say=said.append)
    assert said == []
    assert not where["runs"].exists()


@pytest.mark.parametrize("flip", [False, True])
def test_every_cell_is_also_scored_from_one_look(
    protocol: Protocol, where: dict[str, Any], flip: bool
) -> None:
    protocol.flip_test = flip
    protocol.methods["supervised"] = {"input": {"copies": flip}}
    cell = Cell("supervised", 100, 0)
    run_grid(protocol, [cell], **where, keep_runs=True)
    result = read(where, cell)
    run = Run.open(where["runs"] / "tiny" / cell.name)
    assert run.config.input.copies == result["config"]["input"]["copies"] == flip
    test = split_dataset(protocol.open_data(), ranges=protocol.split.ranges, seed=0).test

    run.config.input.copies = False
    once, _, _ = evaluate(run, test, flip=False)
    assert result["one_look"] == {
        "pck@0.1": {key: once["pck@0.1"][key] for key in ("value", "ci95")}
    }
    assert (result["metrics"]["nme"] == once["nme"]) is not flip
