"""Whole trainings, of a tiny network on drawn dots."""

from __future__ import annotations

import os
import signal
import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core_cases import SKELETON, dots_dataset, tiny_config
from pointillist import lightning_module, training
from pointillist.batch import Batch
from pointillist.config import Config
from pointillist.dataset import Dataset
from pointillist.errors import DataError
from pointillist.files import read_json
from pointillist.inference import evaluate
from pointillist.lightning_module import TrainingModule
from pointillist.methods import METHODS
from pointillist.methods.supervised import Supervised
from pointillist.run import Run
from pointillist.training import TrainingInterrupted
from training_cases import (
    STOPPABLE,
    assert_same,
    assert_same_training,
    at_step,
    checkpoint,
    column,
    interrupt,
)

train = partial(training.train, quiet=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return dots_dataset(tmp_path_factory.mktemp("dots"), 12)


@pytest.fixture(scope="module")
def val(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return dots_dataset(tmp_path_factory.mktemp("val"), 6, seed=1)


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, data: Dataset, val: Dataset
) -> tuple[Run, list[float]]:
    """A finished run of 130 steps, and the loss of every step."""
    losses: list[float] = []
    forward = Supervised.forward

    def listening(self: Supervised, batch: Batch) -> dict[str, Tensor]:
        result = forward(self, batch)
        losses.append(result["supervised"].item())
        return result

    config = tiny_config(
        "training.max_steps=130",
        "training.validate_every=50",
        "training.labeled_per_step=8",
        "training.learning_rate=0.005",
        "training.ema_decay=0.9",
        "views.rotation=10",
        "views.flip=0",
        "views.color=0.1",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Supervised, "forward", listening)
        run = train(data, tmp_path_factory.mktemp("runs") / "run", val=val, config=config)
    return run, losses


def test_the_loss_falls_and_points_are_found(
    trained: tuple[Run, list[float]], tmp_path: Path
) -> None:
    run, losses = trained
    assert len(losses) == 130
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    # So many that a point more or less does not decide: 0.64 of 120, where validation has 18.
    scores, truth, predicted = evaluate(run, dots_dataset(tmp_path, 40, seed=2))
    assert scores["pck@0.2"]["value"] > 0.5
    assert len(truth) == len(predicted) == 40


def test_what_a_run_leaves_on_disk(trained: tuple[Run, list[float]], val: Dataset) -> None:
    run, _ = trained
    names = {str(f.relative_to(run.path).as_posix()) for f in run.path.rglob("*") if f.is_file()}
    boards = {name for name in names if name.startswith("tensorboard/events")}
    assert len(boards) == 1
    assert names - boards == {
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "config.yaml",
        "environment.json",
        "metrics.csv",
        "model.safetensors",
        "notes.txt",
        "problems.txt",
        "result.json",
        "skeleton.json",
        "split/labeled.json",
        "split/val.json",
        "student.safetensors",
        "tensorboard/hparams.yaml",
        "training.lock",
    }
    assert Run.open(run.path).config == run.config
    result = run.metrics
    assert (result["status"], result["steps"], result["method"]) == ("finished", 130, "supervised")
    assert result["dataset"] == {
        "labeled": 12, "unlabeled": 0, "val": 6, "crops": 12, "left_out": 0,
    }  # fmt: skip
    assert result["minutes"] > 0
    # The best of all validations, the last one included, which is no multiple of 50.
    scores = column(run, "val/pck@0.1")
    assert list(scores) == [50, 100, 130]
    assert result["best_val_pck@0.1"] == pytest.approx(max(scores.values()))
    assert scores[result["best_step"]] == pytest.approx(max(scores.values()))
    assert result["val_pck@0.1"] == pytest.approx(scores[130])


def test_logged_losses_are_those_of_their_steps(trained: tuple[Run, list[float]]) -> None:
    run, losses = trained
    logged = column(run, "loss/supervised")
    assert list(logged) == [20, 40, 60, 80, 100, 120, 130]
    assert list(logged.values()) == pytest.approx([losses[step - 1] for step in logged])
    assert column(run, "loss") == logged


def test_a_finished_run_is_left_as_it_is(trained: tuple[Run, list[float]]) -> None:
    run, _ = trained
    before = {f: f.read_bytes() for f in run.path.rglob("*") if f.is_file()}
    assert train(out=run.path, resume=True).metrics == run.metrics
    assert {f: f.read_bytes() for f in run.path.rglob("*") if f.is_file()} == before
    with pytest.raises(DataError, match="there is a run in this folder already"):
        train(dots_dataset(run.path.parent / "more", 2), run.path, config=tiny_config())


# -- stopping and going on --------------------------------------------------------------------


@pytest.fixture
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: Dataset, val: Dataset) -> Run:
    """The same training without an interruption."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    run = train(data, tmp_path_factory.mktemp("whole"), val=val, config=tiny_config(*STOPPABLE))
    torch.set_num_threads(before)
    return run


@pytest.mark.parametrize("step", [3, 7, 12])
def test_interrupted_and_resumed_is_as_never_interrupted(
    step: int,
    whole: Run,
    data: Dataset,
    val: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    one_thread: None,
) -> None:
    """Before any validation, in the step before one, and between two."""
    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(Supervised, "forward", at_step(step, interrupt))
        with pytest.raises(TrainingInterrupted, match=f"stopped at step {step + 1}") as caught:
            train(data, tmp_path, val=val, config=tiny_config(*STOPPABLE))
    assert caught.value.exit_code == 130
    assert "--resume" in str(caught.value)
    assert signal.getsignal(signal.SIGINT) is handler
    run = Run.open(tmp_path)
    assert (run.metrics["status"], run.metrics["steps"]) == ("interrupted", step + 1)
    # No validation that was not due; and there is a network to predict with all the same.
    due = [8] if step == 7 else [8] * (step > 7)
    assert list(column(run, "val/pck@0.1")) == due
    run.network()
    assert_same_training(train(out=tmp_path, resume=True), whole)


def test_asked_to_end_saves_and_resumes(
    whole: Run, data: Dataset, val: Dataset, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, one_thread: None,
) -> None:  # fmt: skip
    """SIGTERM, as batch systems and containers send it."""
    with monkeypatch.context() as patch:
        act = at_step(10, lambda: os.kill(os.getpid(), signal.SIGTERM))
        patch.setattr(Supervised, "forward", act)
        with pytest.raises(TrainingInterrupted, match="stopped at once at step 11"):
            train(data, tmp_path, val=val, config=tiny_config(*STOPPABLE))
    assert checkpoint(Run.open(tmp_path))["global_step"] == 11
    assert_same_training(train(out=tmp_path, resume=True), whole)


def test_after_an_error_it_goes_on_from_the_last_checkpoint(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    """Without validation, where checkpoints are saved in the midst of a step's end."""

    def fail() -> None:
        raise RuntimeError("out of memory")

    config = tiny_config(*STOPPABLE)
    whole = train(data, tmp_path / "whole", config=config)
    with monkeypatch.context() as patch:
        patch.setattr(Supervised, "forward", at_step(13, fail))
        with pytest.raises(RuntimeError, match="out of memory"):
            train(data, tmp_path / "run", config=config)
    assert checkpoint(Run.open(tmp_path / "run"))["global_step"] == 8
    assert_same_training(train(out=tmp_path / "run", resume=True), whole)


def test_a_second_interrupt_stops_at_once(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice() -> None:
        interrupt()
        interrupt()

    monkeypatch.setattr(Supervised, "forward", at_step(5, twice))
    with pytest.raises(TrainingInterrupted, match="stopped at once at step 5"):
        train(data, tmp_path, config=tiny_config("training.validate_every=4"))
    # What was saved last is there: without validation, at every fourth step.
    assert checkpoint(Run.open(tmp_path))["global_step"] == 4
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_trains_outside_the_main_thread(data: Dataset, tmp_path: Path) -> None:
    """There are no signals there, but the labelling page trains so."""
    config = tiny_config("training.max_steps=2")
    thread = threading.Thread(target=train, args=(data, tmp_path), kwargs={"config": config})
    thread.start()
    thread.join()
    assert Run.open(tmp_path).metrics["status"] == "finished"


def test_max_minutes_ends_a_run_in_time(
    data: Dataset, val: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock on which every step takes a tenth of a minute."""
    rates: list[float] = []

    def slow(self: TrainingModule) -> float:
        return self.global_step / 10

    class Watching(TrainingModule):
        def on_train_batch_start(self, batch: Batch, batch_idx: int) -> int | None:
            rates.append(self.optimizers().param_groups[0]["lr"])  # type: ignore[union-attr]
            return super().on_train_batch_start(batch, batch_idx)

    monkeypatch.setattr(TrainingModule, "minutes", property(slow))
    monkeypatch.setattr(training, "TrainingModule", Watching)
    config = tiny_config(
        "training.max_steps=100000", "training.max_minutes=1.2", "training.warmup_steps=1"
    )
    run = train(data, tmp_path, val=val, config=config)
    assert (run.metrics["status"], run.metrics["steps"]) == ("finished", 12)
    # The learning rate has followed the clock down, and the end was validated.
    assert rates[0] == pytest.approx(1e-3)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.1e-3
    assert list(column(run, "val/pck@0.1")) == [10, 12]


def test_patience(
    data: Dataset, val: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.1, 0.3, 0.2, 0.3, 0.4])
    monkeypatch.setattr(lightning_module, "pck", lambda *_: next(scores))
    config = tiny_config(
        "training.max_steps=50", "training.validate_every=2", "training.patience=2"
    )
    run = train(data, tmp_path, val=val, config=config)
    # Better at step 4; not at 6, and as good at 8.
    assert run.metrics["steps"] == 8
    assert run.metrics["best_step"] == 8
    assert run.metrics["best_val_pck@0.1"] == pytest.approx(0.3)


# -- what trainings are given ------------------------------------------------------------------


def test_without_validation(data: Dataset, tmp_path: Path) -> None:
    run = train(data, tmp_path, config=tiny_config("training.max_steps=5"))
    assert run.metrics["best_val_pck@0.1"] is None
    assert run.metrics["val_pck@0.1"] is None
    assert {f.name for f in (tmp_path / "checkpoints").iterdir()} == {"last.ckpt"}
    averaged = {
        name.removeprefix("average.network."): tensor
        for name, tensor in checkpoint(run)["state_dict"].items()
        if name.startswith("average.network.")
    }
    assert all(torch.equal(t, averaged[n]) for n, t in run.network().state_dict().items())


def test_unlabelled_images_come_along_where_a_method_wants_them(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Batch] = []

    class Curious(Supervised):
        name = "curious"
        uses_unlabeled = True

        def forward(self, batch: Batch) -> dict[str, Tensor]:
            seen.append(batch)
            self.figures = {"share": batch.labeled.float().mean()}
            losses = super().forward(batch.select(batch.labeled))
            if len(seen) > 20:  # it has ended
                return losses
            return losses | {"other": 0 * losses["supervised"] + 2.0}

    monkeypatch.setitem(METHODS, "curious", Curious)
    config = tiny_config("method=curious", "training.max_steps=40")
    more = dots_dataset(tmp_path / "more", 3, seed=5)
    run = train(data, tmp_path / "run", unlabeled=[more], config=config)
    assert len(seen) == 40
    assert all(batch.labeled.tolist() == [True] * 4 + [False] * 2 for batch in seen)
    assert all(batch.points[4:].isnan().all() for batch in seen)
    assert all((batch.index[4:] >= 12).all() for batch in seen)
    assert run.metrics["dataset"]["unlabeled"] == 3
    assert run.metrics["dataset"]["crops"] == 15
    assert column(run, "state/share") == {
        20: pytest.approx(2 / 3),
        40: pytest.approx(2 / 3),
    }
    assert column(run, "loss/other") == {20: 2.0}
    assert column(run, "loss")[20] == pytest.approx(column(run, "loss/supervised")[20] + 2)
    assert column(run, "loss")[40] == pytest.approx(column(run, "loss/supervised")[40])


@pytest.mark.parametrize("cache", ["none", "disk"])
def test_every_cache_trains_the_same(
    cache: str, data: Dataset, tmp_path: Path, one_thread: None
) -> None:
    sets = ["training.max_steps=4", "training.workers=1"]
    runs = [
        train(data, tmp_path / kind, config=tiny_config(*sets, f"training.cache={kind}"))
        for kind in ("memory", cache)
    ]
    assert_same(*(checkpoint(run)["state_dict"] for run in runs))


def test_with_a_progress_bar(
    data: Dataset, val: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny_config("training.max_steps=4", "training.validate_every=2")
    train(data, tmp_path, val=val, config=config, quiet=False)
    shown = capsys.readouterr().out
    assert "images/s" in shown
    assert "4/4" in shown


def test_the_seed_decides_everything(data: Dataset, tmp_path: Path, one_thread: None) -> None:
    runs = [
        train(
            data,
            tmp_path / str(i),
            config=tiny_config("training.max_steps=3", f"training.seed={s}"),
        )
        for i, s in enumerate((1, 1, 2))
    ]
    first, second, other = (read_weights(run) for run in runs)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def read_weights(run: Run) -> Tensor:
    return torch.cat([p.flatten() for p in run.network().parameters()]).detach()


def test_files_of_the_split_are_what_was_trained_on(trained: tuple[Run, list[float]]) -> None:
    run, _ = trained
    written = read_json(run.path / "split" / "labeled.json")
    assert len(written["images"]) == 12
    assert Config.model_validate(run.config.model_dump()) == run.config
    assert run.skeleton == SKELETON
