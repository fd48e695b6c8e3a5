"""Trainings that are killed, and trainings of several processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pointillist import training
from pointillist.augment import ViewOptions
from pointillist.models.options import ModelOptions
from pointillist.run import Run
from train_process import main, with_group_norm
from training_cases import STOPPABLE, assert_same_training, checkpoint, column

SCRIPT = Path(__file__).with_name("train_process.py")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def start(data: Path, out: Path, options: dict[str, object]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(data), str(out), json.dumps(options)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_killed_processes_resume_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """Ctrl-C in the middle, and a kill after the checkpoint of step 8, up to the last bit."""
    options = {"sets": STOPPABLE, "val": 6}
    stops = {"SIGINT": (5, 130), "SIGKILL": (13, -9)}
    # Both at once, and the undisturbed one in this process meanwhile.
    started = {
        name: start(tmp_path / name, tmp_path / "runs" / name, options | {"signal": name, "at": at})
        for name, (at, _) in stops.items()
    }
    main(tmp_path / "whole", tmp_path / "runs" / "whole", options)
    whole = Run.open(tmp_path / "runs" / "whole")
    for name, process in started.items():
        output, _ = process.communicate(timeout=300)
        assert process.returncode == stops[name][1], output
        assert ("stopped at step 6; everything is saved" in output) == (name == "SIGINT")
        stopped = Run.open(tmp_path / "runs" / name)
        assert checkpoint(stopped)["global_step"] == {"SIGINT": 6, "SIGKILL": 8}[name]
        assert not list((stopped.path / "checkpoints").glob(".*"))  # no half files
        resumed = training.train(out=stopped.path, resume=True, quiet=True)
        assert_same_training(resumed, whole)


def test_two_processes_are_one_with_the_double_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without what differs on purpose: random views, and batch norm within each process.

    129 validation images are two lists of up to 64 for one process and one list for the other,
    were they not dealt out evenly.
    """
    plain = ViewOptions(
        rotation=0, scale=0, shift=0, flip=0, perspective=0, color=0, erase=0, gray=0
    )
    sets = [f"views.{name}={value}" for name, value in plain]
    sets += ["training.max_steps=20", "training.validate_every=10", "training.ema_decay=0.8"]
    # Adam divides by what gradients usually are: with larger steps, rounding grows to 1e-4.
    sets += ["training.learning_rate=1e-4"]
    options: dict[str, object] = {"val": 129, "group_norm": True}
    double = [*sets, "training.labeled_per_step=4", "training.devices=2"]
    process = start(tmp_path / "2", tmp_path / "runs" / "2", options | {"sets": double})

    monkeypatch.setattr(training, "create_localizer", with_group_norm)
    one = [*sets, "training.labeled_per_step=8"]
    main(tmp_path / "1", tmp_path / "runs" / "1", options | {"sets": one})
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output

    runs = [Run.open(tmp_path / "runs" / name) for name in ("1", "2")]
    losses = [column(run, "loss/supervised") for run in runs]
    assert list(losses[0]) == list(losses[1]) == [20]
    assert list(losses[1].values()) == pytest.approx(list(losses[0].values()), rel=1e-5)
    scores = [column(run, "val/pck@0.1") for run in runs]
    assert list(scores[0]) == [10, 20]
    assert scores[1] == pytest.approx(scores[0], abs=1e-3)
    assert [run.metrics["steps"] for run in runs] == [20, 20]
    states = [checkpoint(run)["state_dict"] for run in runs]
    assert set(states[0]) == set(states[1])
    for name, tensor in states[0].items():
        if isinstance(tensor, torch.Tensor):
            torch.testing.assert_close(states[1][name], tensor, rtol=1e-3, atol=1e-5)


def test_no_batch_norm_is_left() -> None:
    options = ModelOptions(backbone="test_resnet.r160_in1k", width=16)
    kinds = {type(module).__name__ for module in with_group_norm(options, 3).modules()}
    assert not any("BatchNorm" in kind for kind in kinds)
