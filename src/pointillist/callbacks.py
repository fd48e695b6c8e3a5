"""What Lightning calls during a training: keeping networks and checkpoints, showing progress."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, Checkpoint, EarlyStopping, RichProgressBar
from lightning.pytorch.utilities.exceptions import SIGTERMException
from safetensors.torch import save_file

from pointillist.files import whole_file
from pointillist.lightning_module import TrainingModule
from pointillist.models.localizer import Localizer
from pointillist.run import Run

#: What validation is judged by.
MONITOR = "val/pck@0.1"


def save_network(network: Localizer, path: Path) -> None:
    """Writes a network's weights and normalisation as safetensors, whole or not at all."""
    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()
    }
    with whole_file(path) as temporary:
        # One entry: of several, the order in the file would be left to chance.
        save_file(state, temporary, {"normalisation": json.dumps([network.mean, network.std])})


class KeepLast(Checkpoint):
    """Saves what a resumed training needs: after each validation, or at intervals, and at the end.

    As one of Lightning's checkpoints it is called after the other callbacks, so that the file
    holds what they have learnt from the validation.

    Args:
        path: of the checkpoint.
        every: steps, where there is no validation; none: after each validation.
    """

    def __init__(self, path: Path, every: int | None) -> None:
        self.path, self.every = path, every
        self._saved: int | None = None

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any
    ) -> None:
        if self.every is not None and trainer.global_step % self.every == 0:
            self._save(trainer)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._save(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._saved != trainer.global_step:
            self._save(trainer)

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        # Asked to end (SIGTERM: a batch system, a container), Lightning stops between two steps.
        if isinstance(exception, SIGTERMException):
            self._save(trainer)

    def _save(self, trainer: L.Trainer) -> None:
        self._saved = trainer.global_step
        if not trainer.is_global_zero:  # takes part, but only the first process writes
            trainer.save_checkpoint(self.path)
            return
        # Lightning moves a file from the system's temporary folder, which may be another disk
        # and then is no single act: a kill would leave half a checkpoint.
        with whole_file(self.path) as temporary:
            trainer.save_checkpoint(temporary)


def save_networks(module: TrainingModule, run: Run) -> None:
    """Writes the network to predict with and, if that is an average, the one that learns."""
    save_network(module.best_network, run.weights)
    if module.best_student is not None:
        save_network(module.best_student, run.student_weights)


class KeepBestNetwork(Callback):
    """Writes a run's networks whenever validation is as good as ever before, or better: of equals,
    which are frequent among few images, the last one has learnt from most."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.best: float | None = None
        self.step: int | None = None

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        value = trainer.callback_metrics.get(MONITOR)
        if value is None or not trainer.is_global_zero:
            return
        if self.best is None or float(value) >= self.best:
            self.best, self.step = float(value), trainer.global_step
            save_networks(pl_module, self.run)  # type: ignore[arg-type]

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best, self.step = state_dict["best"], state_dict["step"]


class Patience(EarlyStopping):
    """Ends a training after so many validations without progress, but not while a method
    prepares: what it would keep had not begun.

    Args:
        validations: without progress.
    """

    def __init__(self, validations: int) -> None:
        super().__init__(MONITOR, mode="max", patience=validations)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not pl_module.method.preparing:  # type: ignore[union-attr]
            super().on_validation_end(trainer, pl_module)


class TrainingProgress(RichProgressBar):
    """The progress bar, with images per second; time left is Lightning's own column."""

    def __init__(self) -> None:
        super().__init__(refresh_rate=5, leave=True)
        self._seen: tuple[float, int] | None = None
        self._rate = 0.0

    @property
    def total_train_batches(self) -> int:
        """All steps of the training, those of an earlier session included."""
        return int(self.trainer.max_steps)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any
    ) -> None:
        super().on_train_batch_end(trainer, pl_module, *args)
        # A box finder's training has the bar, but neither parts nor a clock.
        if self.progress is None or not isinstance(pl_module, TrainingModule):
            return
        method, done = pl_module.method, pl_module.share_done
        if method.news is not None:
            self.progress.console.print(f"step {trainer.global_step - 1:,}: {method.news}")
            method.news = None
        if pl_module.options.max_minutes is not None and done:
            # By the clock nobody knows how many steps there will be: as many as at this rate.
            for task in self.progress.tasks:
                if task.id == self.train_progress_bar_id:
                    task.total = min(math.ceil(trainer.global_step / done), trainer.max_steps)

    def _get_train_description(self, current_epoch: int) -> str:
        return "training  "  # epochs mean nothing here; as long as Lightning's "Validation"

    def get_metrics(
        self, trainer: L.Trainer, pl_module: L.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        now, images = time.monotonic(), int(pl_module.images_seen)  # type: ignore[arg-type]
        if self._seen is None or now - self._seen[0] > 2:
            if self._seen is not None:
                self._rate = (images - self._seen[1]) / (now - self._seen[0])
            self._seen = (now, images)
        metrics["images/s"] = f"{self._rate:.0f}"
        return metrics
