"""The LightningModule around a method: optimiser, schedule, averaged weights, validation."""

from __future__ import annotations

import time
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor

from pointillist.augment import ViewMaker
from pointillist.batch import Batch
from pointillist.config import Config, TrainingOptions
from pointillist.ema import WeightAverage
from pointillist.geometry import transform_points
from pointillist.methods import Method
from pointillist.metrics import pck
from pointillist.models.localizer import Localizer
from pointillist.points import predict_points


class TrainingModule(L.LightningModule):
    """Trains a method.

    Args:
        method: what turns a batch into losses.
        config: of the training.
        views: makes the plain view for validation.
        lengths: (N,) the length that PCK measures by, for every validation sample, file pixels.
    """

    def __init__(
        self, method: Method, config: Config, views: ViewMaker, lengths: np.ndarray
    ) -> None:
        super().__init__()
        self.method = method
        self.config = config
        self.options: TrainingOptions = config.training
        self.views = views
        self.lengths = lengths
        decay = self.options.ema_decay
        self.average = WeightAverage(method.predictor, decay) if decay else None
        self._network = torch.compile(method) if self.options.compile else method
        self._validated: list[tuple[np.ndarray, ...]] = []
        self._earlier_minutes = 0.0
        self._started = time.monotonic()
        self.images_seen = 0

    # -- training ------------------------------------------------------------------------------

    @property
    def best_network(self) -> Localizer:
        """The averaged weights where they are kept, else the method's own."""
        if self.average is not None:
            return self.average.network  # type: ignore[return-value]
        return self.method.predictor

    @property
    def minutes(self) -> float:
        """Wall time spent on this training, earlier sessions included."""
        return self._earlier_minutes + (time.monotonic() - self._started) / 60

    @property
    def share_done(self) -> float:
        """How much of the training is behind us, in [0, 1], by steps or by time."""
        done = self.global_step / self.options.max_steps
        if self.options.max_minutes is not None:
            done = max(done, self.minutes / self.options.max_minutes)
        return min(done, 1.0)

    def on_train_start(self) -> None:
        self._started = time.monotonic()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> int | None:
        # Seeded by the step: a resumed training draws what the uninterrupted one would have.
        seed = np.random.SeedSequence([self.options.seed, self.global_step, self.global_rank])
        torch.manual_seed(int(seed.generate_state(1)[0]))
        self.method.progress = self.share_done
        return None

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        losses = self._network(batch)
        total = torch.stack(list(losses.values())).sum()
        self.images_seen += len(batch)
        if self.global_step % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            values = {f"loss/{name}": value.detach() for name, value in losses.items()}
            values.update({f"state/{name}": v for name, v in self.method.figures.items()})
            self.log_dict(values)
            self.log("loss", total.detach(), prog_bar=True)
        return total

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        if self.average is not None:
            self.average.update(self.method.predictor)
        if self.options.max_minutes is not None and self.minutes >= self.options.max_minutes:
            self.trainer.should_stop = True

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = make_optimizer(self.method, self.options)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate_factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def _rate_factor(self, step: int) -> float:
        done = step / self.options.max_steps
        if self.options.max_minutes is not None and self._trainer is not None:
            done = max(done, self.minutes / self.options.max_minutes)
        return rate_factor(step, done, self.options)

    # -- validation ----------------------------------------------------------------------------

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        decoding = self.config.input.decoding
        predicted, _ = predict_points(
            self.best_network, self.views, batch, decoding=decoding, flip=False
        )
        truth = transform_points(batch.to_file, batch.points)
        self._validated.append(
            tuple(t.float().cpu().numpy() for t in (truth, predicted, batch.annotated, batch.index))
        )

    def on_validation_epoch_end(self) -> None:
        truth, predicted, annotated, index = (
            np.concatenate(parts) for parts in zip(*self._validated, strict=True)
        )
        self._validated.clear()
        lengths = self.lengths[index.astype(int)]
        value = pck(truth, predicted, annotated > 0, lengths, 0.1)
        self.log("val/pck@0.1", value, prog_bar=True, sync_dist=True)

    # -- checkpoints ---------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["pointillist_minutes"] = self.minutes

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._earlier_minutes = checkpoint["pointillist_minutes"]


def make_optimizer(method: Method, options: TrainingOptions) -> torch.optim.Optimizer:
    """Adam or AdamW; weights of norms and biases do not decay, a backbone may learn slower."""
    backbone = {id(p) for p in method.model.backbone.parameters()}
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for parameter in method.parameters():
        if parameter.requires_grad:
            kind = (id(parameter) in backbone, parameter.ndim > 1)
            groups.setdefault(kind, []).append(parameter)
    parameters = [
        {
            "params": members,
            "lr": options.learning_rate * (options.backbone_rate if in_backbone else 1.0),
            "weight_decay": options.weight_decay if decays else 0.0,
        }
        for (in_backbone, decays), members in groups.items()
    ]
    optimizer = torch.optim.AdamW if options.optimizer == "adamw" else torch.optim.Adam
    return optimizer(parameters, lr=options.learning_rate, fused=True)


def rate_factor(step: int, done: float, options: TrainingOptions) -> float:
    """Share of the learning rate at a step: linear warm-up, then cosine or constant."""
    if step < options.warmup_steps:
        return (step + 1) / options.warmup_steps
    if options.schedule == "constant":
        return 1.0
    return 0.5 * (1 + np.cos(np.pi * min(done, 1.0)))
