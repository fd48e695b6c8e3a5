from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pointillist.logs import make_loggers


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def log(folder: Path, start: int, steps: range, name: str) -> None:
    table, board = make_loggers(folder, start)
    for step in steps:
        table.log_metrics({name: float(step)}, step)
        table.save()
        board.log_metrics({name: float(step)}, step)
    for logger in (table, board):
        logger.finalize("success")


@pytest.mark.filterwarnings("ignore:Experiment logs directory")
def test_a_resumed_run_goes_on_writing(tmp_path: Path) -> None:
    log(tmp_path, 0, range(0, 6), "loss")
    # Resumed from a checkpoint at step 4, with a column that was not there before.
    log(tmp_path, 4, range(4, 7), "other")
    found = rows(tmp_path)
    assert [row["step"] for row in found] == [str(step) for step in range(7)]
    assert [row["loss"] for row in found] == ["0.0", "1.0", "2.0", "3.0", "", "", ""]
    assert [row["other"] for row in found] == ["", "", "", "", "4.0", "5.0", "6.0"]
    assert len(list((tmp_path / "tensorboard").glob("events*"))) == 2


def test_resumed_without_figures(tmp_path: Path) -> None:
    log(tmp_path, 4, range(4, 6), "loss")
    assert [row["step"] for row in rows(tmp_path)] == ["4", "5"]
