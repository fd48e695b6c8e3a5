"""What Lightning calls during a training: keeping networks and checkpoints, showing progress."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, RichProgressBar
from safetensors.torch import save_file
from torch import nn

from pointillist.files import whole_file

#: What validation is judged by.
MONITOR = "val/pck@0.1"


def save_network(network: nn.Module, path: Path) -> None:
    """Writes a network's weights as safetensors, whole or not at all."""
    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()
    }
    with whole_file(path) as temporary:
        save_file(state, temporary)


class KeepLast(Callback):
    """Saves what a resumed training needs: at intervals, at the end and after an error.

    Args:
        path: of the checkpoint.
        every: steps.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path, self.every = path, every

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any
    ) -> None:
        if trainer.global_step % self.every == 0:
            trainer.save_checkpoint(self.path)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.save_checkpoint(self.path)


class KeepBestNetwork(Callback):
    """Writes the network to predict with whenever validation is better than ever before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.best: float | None = None
        self.step: int | None = None

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        value = trainer.callback_metrics.get(MONITOR)
        if value is None or not trainer.is_global_zero:
            return
        if self.best is None or float(value) > self.best:
            self.best, self.step = float(value), trainer.global_step
            save_network(pl_module.best_network, self.path)  # type: ignore[arg-type]

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best, self.step = state_dict["best"], state_dict["step"]


class TrainingProgress(RichProgressBar):
    """The progress bar, with images per second; time left is Lightning's own column."""

    def __init__(self) -> None:
        super().__init__(refresh_rate=5, leave=True)
        self._seen: tuple[float, int] | None = None
        self._rate = 0.0

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
