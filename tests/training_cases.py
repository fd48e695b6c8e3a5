"""What the tests of training share: looking into runs, comparing them, stopping them."""

from __future__ import annotations

import csv
import os
import signal
from typing import Any

import torch
from torch import Tensor

from pointillist.batch import Batch
from pointillist.methods import Method
from pointillist.methods.supervised import Supervised
from pointillist.run import Run

#: Options of a training of 24 steps with validations at 8, 16 and 24.
STOPPABLE = (
    "training.max_steps=24",
    "training.validate_every=8",
    "training.ema_decay=0.8",
    "views.perspective=0.1",
)


def at_step(step: int, act: Any, method: type[Method] = Supervised) -> Any:
    """A method's ``forward`` that does something at a step, counted from 0 over the process."""
    forward, seen = method.forward, [0]

    def acting(self: Method, batch: Batch) -> dict[str, Tensor]:
        if seen[0] == step:
            act()
        seen[0] += 1
        return forward(self, batch)

    return acting


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def rows(run: Run) -> list[dict[str, str]]:
    with (run.path / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def column(run: Run, name: str) -> dict[int, float]:
    """A column of metrics.csv by step, counted from 1 as people do."""
    return {int(row["step"]) + 1: float(row[name]) for row in rows(run) if row.get(name)}


def checkpoint(run: Run) -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(run.last_checkpoint, weights_only=True)
    return loaded


def assert_same(a: Any, b: Any, place: str = "") -> None:
    """Nested states: equal to the last bit."""
    assert type(a) is type(b), place
    if isinstance(a, dict):
        assert list(a) == list(b), place
        for key in a:
            assert_same(a[key], b[key], f"{place}/{key}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), place
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{place}/{i}")
    elif isinstance(a, Tensor):
        assert torch.equal(a, b), place
    else:
        assert a == b, place


def assert_same_training(resumed: Run, whole: Run) -> None:
    mine, theirs = checkpoint(resumed), checkpoint(whole)
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "global_step"):
        assert_same(mine[part], theirs[part], part)
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()
    for name in ("loss", "val/pck@0.1"):
        theirs = column(whole, name)
        assert {k: v for k, v in column(resumed, name).items() if k in theirs} == theirs
    left, right = resumed.metrics, whole.metrics
    assert left.pop("minutes") > 0
    right.pop("minutes")
    assert left == right
