from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, patch

import pytest
import torch
from lightning import LightningModule
from lightning.pytorch.callbacks import Checkpoint, RichProgressBar
from lightning.pytorch.utilities.exceptions import SIGTERMException
from rich.console import Console
from rich.progress import Progress
from safetensors import safe_open
from safetensors.torch import load_file

from core_cases import TINY
from pointillist.callbacks import (
    MONITOR,
    KeepBestNetwork,
    KeepLast,
    TrainingProgress,
    save_network,
)
from pointillist.config import Config
from pointillist.lightning_module import TrainingModule
from pointillist.models.localizer import Localizer, create_localizer
from pointillist.models.options import ModelOptions
from pointillist.run import Run
from pointillist.skeleton import Skeleton


@pytest.fixture
def network() -> Localizer:
    return create_localizer(ModelOptions(backbone=TINY, width=8), 2)


class Trainer(SimpleNamespace):
    """What the callbacks use of a trainer."""

    def __init__(self, **values: Any) -> None:
        super().__init__(global_step=0, is_global_zero=True, callback_metrics={}, **values)

    def save_checkpoint(self, path: Path) -> None:
        path.write_text(str(self.global_step), encoding="utf-8")


def folder_of(path: Path) -> Run:
    return Run(path, Config(), Skeleton(("a", "b")))


def test_a_saved_network_has_all_weights_and_its_normalisation(
    network: Localizer, tmp_path: Path
) -> None:
    network.mean, network.std = (0.1, 0.2, 0.3), (1.0, 2.0, 3.0)
    network.to(memory_format=torch.channels_last)
    save_network(network, tmp_path / "model.safetensors")
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        state = network.state_dict()
        assert set(file.keys()) == set(state)
        assert all(torch.equal(file.get_tensor(name), state[name]) for name in state)
        assert file.metadata() == {"normalisation": "[[0.1, 0.2, 0.3], [1.0, 2.0, 3.0]]"}
    assert [f.name for f in tmp_path.iterdir()] == ["model.safetensors"]


def test_the_best_network_is_kept(network: Localizer, tmp_path: Path) -> None:
    run = folder_of(tmp_path)
    keep, file = KeepBestNetwork(run), run.weights
    trainer, module = Trainer(), SimpleNamespace(best_network=network, best_student=None)

    def validate(step: int, value: float | None) -> None:
        trainer.global_step = step
        trainer.callback_metrics = {} if value is None else {MONITOR: torch.tensor(value)}
        keep.on_validation_end(trainer, module)  # type: ignore[arg-type]

    validate(1, None)
    assert not file.exists()
    validate(2, 0.0)  # even a bad one is better than none
    assert file.exists()
    file.unlink()
    validate(3, 0.0)  # of equals the last one
    assert file.exists()
    validate(4, 0.5)
    file.unlink()
    validate(5, 0.4)
    assert not file.exists()
    assert keep.state_dict() == {"best": 0.5, "step": 4}
    other = KeepBestNetwork(run)
    other.load_state_dict(keep.state_dict())
    assert (other.best, other.step) == (0.5, 4)
    assert list(tmp_path.iterdir()) == []


def test_an_average_is_kept_together_with_what_it_averages(
    network: Localizer, tmp_path: Path
) -> None:
    student = create_localizer(ModelOptions(backbone=TINY, width=8), 2)
    module = SimpleNamespace(best_network=network, best_student=student)
    trainer = Trainer()
    trainer.callback_metrics = {MONITOR: torch.tensor(0.5)}
    run = folder_of(tmp_path)
    KeepBestNetwork(run).on_validation_end(trainer, module)  # type: ignore[arg-type]
    for file, saved in ((run.weights, network), (run.student_weights, student)):
        stored, state = load_file(file), saved.state_dict()
        assert all(torch.equal(stored[name], state[name]) for name in state)


def test_only_the_first_process_writes_the_best(network: Localizer, tmp_path: Path) -> None:
    keep = KeepBestNetwork(folder_of(tmp_path))
    trainer = Trainer()
    trainer.is_global_zero, trainer.callback_metrics = False, {MONITOR: torch.tensor(0.5)}
    keep.on_validation_end(trainer, SimpleNamespace(best_network=network))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def steps(keep: KeepLast, file: Path, upto: int) -> list[str]:
    """What the file says after every step, none: not there."""
    trainer, said = Trainer(), []
    for step in range(1, upto + 1):
        trainer.global_step = step
        keep.on_train_batch_end(trainer, SimpleNamespace())  # type: ignore[arg-type]
        said.append(file.read_text(encoding="utf-8") if file.exists() else "none")
    keep.on_train_end(trainer, SimpleNamespace())  # type: ignore[arg-type]
    return [*said, file.read_text(encoding="utf-8")]


def test_last_at_intervals_and_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "last.ckpt"
    assert steps(KeepLast(file, 2), file, 5) == ["none", "2", "2", "4", "4", "5"]


def test_last_after_validations(tmp_path: Path) -> None:
    file = tmp_path / "last.ckpt"
    keep = KeepLast(file, None)
    assert isinstance(keep, Checkpoint)  # so Lightning calls it after the other callbacks
    assert steps(keep, file, 3) == ["none", "none", "none", "3"]
    trainer = Trainer()
    trainer.global_step = 7
    keep.on_validation_end(trainer, SimpleNamespace())  # type: ignore[arg-type]
    assert file.read_text(encoding="utf-8") == "7"


def test_last_when_asked_to_end_but_not_after_an_error(tmp_path: Path) -> None:
    file = tmp_path / "last.ckpt"
    keep, trainer = KeepLast(file, None), Trainer()
    keep.on_exception(trainer, SimpleNamespace(), RuntimeError())  # type: ignore[arg-type]
    assert not file.exists()
    keep.on_exception(trainer, SimpleNamespace(), SIGTERMException())  # type: ignore[arg-type]
    assert file.exists()


def test_a_failed_save_leaves_the_earlier_file(tmp_path: Path) -> None:
    class Full(Trainer):
        def save_checkpoint(self, path: Path) -> None:
            path.write_text("half", encoding="utf-8")
            raise OSError("no space left on device")

    file = tmp_path / "last.ckpt"
    keep = KeepLast(file, None)
    keep.on_validation_end(Trainer(), SimpleNamespace())  # type: ignore[arg-type]
    with pytest.raises(OSError, match="no space"):
        keep.on_validation_end(Full(), SimpleNamespace())  # type: ignore[arg-type]
    assert file.read_text(encoding="utf-8") == "0"
    assert [f.name for f in tmp_path.iterdir()] == ["last.ckpt"]


class Screen(TrainingProgress):
    """The bar with what Lightning does to it left out."""

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *args: Any) -> None:
        with patch.object(RichProgressBar, "on_train_batch_end"):
            super().on_train_batch_end(trainer, pl_module, *args)


def test_a_training_of_something_else_has_the_bar_too() -> None:
    """Box finders are trained with it."""
    bar = Screen()
    bar.progress = Progress()  # type: ignore[assignment]
    bar.on_train_batch_end(Trainer(), LightningModule())


def module_at(share: float, minutes: float | None) -> TrainingModule:
    module = Mock(spec=TrainingModule)
    module.method = SimpleNamespace(news="a part begins")
    module.options, module.share_done = SimpleNamespace(max_minutes=minutes), share
    return module


@pytest.mark.parametrize(("minutes", "total"), [(None, 3000), (10.0, 240)])
def test_by_the_clock_the_bar_is_as_long_as_the_rate_says(
    minutes: float | None, total: int
) -> None:
    bar, text = Screen(), io.StringIO()
    bar.progress = Progress(console=Console(file=text))  # type: ignore[assignment]
    bar.train_progress_bar_id = bar.progress.add_task("training", total=3000)
    module, trainer = module_at(0.25, minutes), Trainer(max_steps=3000)
    trainer.global_step = 60
    bar.on_train_batch_end(trainer, module)
    assert bar.progress.tasks[0].total == total
    bar.on_train_batch_end(trainer, module)
    assert text.getvalue() == "step 59: a part begins\n"  # once
