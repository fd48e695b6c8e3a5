"""The LightningModule around a method: optimiser, schedule, averaged weights, validation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from pointillist.augment import ViewMaker
from pointillist.batch import Batch
from pointillist.config import Config, TrainingOptions
from pointillist.ema import WeightAverage
from pointillist.geometry import transform_points
from pointillist.methods import Method
from pointillist.metrics import pck
from pointillist.models.heads import LocalizerOutput
from pointillist.models.localizer import Localizer
from pointillist.points import points_in_file


class TrainingModule(L.LightningModule):
    """Trains a method.

    Args:
        method: what turns a batch into losses.
        config: of the training.
        views: makes the plain view for validation.
        lengths: (N,) the length that PCK measures by, for every validation sample, file pixels.
        begun: when (``time.monotonic``) this session of the training began, decoding included;
            none: now.
    """

    def __init__(
        self,
        method: Method,
        config: Config,
        views: ViewMaker,
        lengths: np.ndarray,
        begun: float | None = None,
    ) -> None:
        super().__init__()
        self.method = method
        self.config = config
        self.options: TrainingOptions = config.training
        self.views = views
        self.lengths = lengths
        decay = self.options.ema_decay
        first, *others = method.candidates
        self.average = WeightAverage(first, decay) if decay else None
        self.other_averages = nn.ModuleList(
            WeightAverage(network, decay) for network in (others if decay else ())
        )
        # Not as a submodule of the method: it would be saved, and optimised, twice.
        object.__setattr__(method, "average", self.average.network if self.average else None)
        if self.options.compile:
            # In place, and after the copy that is averaged: the names of the weights stay. Its
            # two parts, as a method may add something to the features between them.
            for network in method.modules():
                if isinstance(network, Localizer):
                    network.backbone.compile()
                    network.head.compile()
        #: Set from outside: stop after the step under way.
        self.stop_wanted = False
        #: Whether the training stopped, in all processes, because that was wanted in one.
        self.interrupted = False
        self.images_seen = 0
        self._losses: dict[str, Tensor] = {}
        self._validated: list[tuple[np.ndarray, ...]] = []
        # Which of the candidates the last validation found best.
        self._best = 0
        self._earlier_minutes = 0.0
        self._started = time.monotonic() if begun is None else begun
        # What all processes of a distributed training take for the time spent, and for that part
        # of it in which no step was made: crops were decoded.
        self._clock = self._idle = 0.0

    # -- training ------------------------------------------------------------------------------

    @property
    def networks(self) -> list[Localizer]:
        """The method's candidates: their averaged weights where they are kept, else themselves."""
        if self.average is None:
            return list(self.method.candidates)
        averages = [self.average, *self.other_averages]
        return [average.network for average in averages]

    @property
    def best_network(self) -> Localizer:
        """Of the candidates the one that the last validation found best, at first the first."""
        return self.networks[self._best]

    @property
    def best_student(self) -> Localizer | None:
        """The learning network whose average is the best; none where no average is kept."""
        return None if self.average is None else self.method.candidates[self._best]

    @property
    def minutes(self) -> float:
        """Wall time spent on this training, earlier sessions included."""
        return self._earlier_minutes + (time.monotonic() - self._started) / 60

    @property
    def share_done(self) -> float:
        """How much of the training is behind us, in [0, 1], by steps or by time."""
        return self._share_at(self.global_step)

    def _share_at(self, step: int) -> float:
        done = step / self.options.max_steps
        if self.options.max_minutes is not None:
            # Time without steps shortens the training, and does not bring it forward.
            left = max(self.options.max_minutes - self._idle, 1e-9)
            done = max(done, (self._clock - self._idle) / left)
        return min(done, 1.0)

    def on_train_start(self) -> None:
        self._idle += self.minutes - self._earlier_minutes

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> int | None:
        # Seeded by the step: a resumed training draws what the uninterrupted one would have.
        seed = np.random.SeedSequence([self.options.seed, self.global_step, self.global_rank])
        torch.manual_seed(int(seed.generate_state(1)[0]))
        self.method.progress, self.method.steps = self.share_done, self.global_step
        return None

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        losses = self.method(batch)
        if self.method.restarted:
            self._restart()
        self.images_seen += len(batch)
        self._losses = {name: value.detach() for name, value in losses.items()}
        return torch.stack(list(losses.values())).sum()

    def _restart(self) -> None:
        """Weights that are new have no past: an average would hold on to the old ones, or to the
        random ones that they began from, for as long as its decay says."""
        self.method.restarted = False
        for average, network in self._averaged():
            average.restart(network)
        optimizer = self.optimizers(use_pl_optimizer=False)
        assert isinstance(optimizer, torch.optim.Optimizer)
        optimizer.state.clear()

    def _averaged(self) -> list[tuple[WeightAverage, Localizer]]:
        if self.average is None:
            return []
        averages = [self.average, *(a for a in self.other_averages if isinstance(a, WeightAverage))]
        return list(zip(averages, self.method.candidates, strict=True))

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        # Here and not after the batch, where checkpoints are saved before this module is called.
        for average, network in self._averaged():
            average.update(network)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        stop = self._agree_on_stop()
        if self.global_step % self.trainer.log_every_n_steps == 0 or stop:  # type: ignore[attr-defined]
            self._log_step()
        if stop:
            self.trainer.should_stop = True

    def _log_step(self) -> None:
        """This step's losses and figures, as means over all processes."""
        values = {"loss": torch.stack(list(self._losses.values())).sum()}
        values |= {f"loss/{name}": value for name, value in self._losses.items()}
        values |= {f"state/{name}": value for name, value in self.method.figures.items()}
        means = torch.stack([value.float() for value in values.values()])
        if self.trainer.world_size > 1:
            means = self.trainer.strategy.reduce(means, reduce_op="mean")
        self.log("loss", means[0], prog_bar=True, logger=False)
        # Straight to the loggers: Lightning would go on to log the last value of what has ended.
        for logger in self.loggers:
            logger.log_metrics(dict(zip(values, means.tolist(), strict=True)), self.global_step - 1)
            logger.save()

    def _agree_on_stop(self) -> bool:
        """Whether this was the last step; the same answer in every process.

        One process that stops alone leaves the others waiting for it for ever, and clocks that
        differ would give them different learning rates.
        """
        state = torch.tensor([self.minutes, self._idle, float(self.stop_wanted)])
        if self.trainer.world_size > 1:
            state = self.trainer.strategy.reduce(state.to(self.device), reduce_op="max")
        self._clock, self._idle, wanted = state.tolist()
        done = self.share_done >= 1
        self.interrupted = bool(wanted) and not done
        if self.interrupted and self.global_step % self.options.validate_every:
            # Whoever interrupts does not want to wait for a validation that is not due.
            self.trainer.limit_val_batches = 0
        return done or self.interrupted

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimizer = make_optimizer(self.method, self.options)
        factors: list[Callable[[int], float]] = [
            self._backbone_factor if group["backbone"] else self._rate_factor
            for group in optimizer.param_groups
        ]
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factors)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def _rate_factor(self, step: int) -> float:
        return rate_factor(step, self._share_at(step), self.options)

    def _backbone_factor(self, step: int) -> float:
        return self._rate_factor(step) * self.method.backbone_factor(self._share_at(step))

    # -- validation ----------------------------------------------------------------------------

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        view = self.views.plain(batch)
        outputs: list[LocalizerOutput] = [network(view.images) for network in self.networks]
        predicted = [
            points_in_file(
                batch,
                view,
                output.heatmaps.float(),
                stride=self.method.model.stride,
                decoding=self.config.input.decoding,
            )[0]
            for output in outputs
        ]
        figures = self.method.validation_figures(outputs[self._best], view.annotated)
        self.log_dict(
            {f"val/{name}": value for name, value in figures.items()},
            batch_size=len(batch),
            sync_dist=True,
        )
        truth = transform_points(batch.to_file, batch.points)
        lengths = torch.from_numpy(self.lengths).float().to(batch.index.device)[batch.index]
        # A single annotated point has no extent: then the file's longest side.
        lengths = torch.where(lengths > 0, lengths, batch.file_size.amax(dim=1))
        self._validated.append(
            tuple(t.float().cpu().numpy() for t in (truth, batch.annotated, lengths, *predicted))
        )

    def on_validation_epoch_end(self) -> None:
        truth, annotated, lengths, *predicted = (
            np.concatenate(parts) for parts in zip(*self._validated, strict=True)
        )
        self._validated.clear()
        count = annotated.sum()
        right = [count * pck(truth, p, annotated > 0, lengths, 0.1) for p in predicted]
        # Over all processes: the mean of their means would weigh their points differently.
        totals = torch.tensor([*right, count], dtype=torch.float32, device=self.device)
        totals = self.trainer.strategy.reduce(totals, reduce_op="sum")
        scores = totals[:-1] / totals[-1]
        self._best = int(scores.argmax())
        self.log("val/pck@0.1", scores[self._best], prog_bar=True, sync_dist=True)

    # -- checkpoints ---------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["pointillist_minutes"] = self.minutes
        checkpoint["pointillist_idle_minutes"] = self._idle

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._earlier_minutes = self._clock = checkpoint["pointillist_minutes"]
        self._idle = checkpoint["pointillist_idle_minutes"]


def make_optimizer(method: Method, options: TrainingOptions) -> torch.optim.Optimizer:
    """Adam or AdamW; weights of norms and biases do not decay, a backbone may learn slower."""
    networks = [module for module in method.modules() if isinstance(module, Localizer)]
    backbone = {id(p) for network in networks for p in network.backbone.parameters()}
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
            "backbone": in_backbone,
        }
        for (in_backbone, decays), members in groups.items()
    ]
    optimizer = torch.optim.AdamW if options.optimizer == "adamw" else torch.optim.Adam
    # With 16-bit floats a fused step scales the gradients back itself: too late to clip them.
    fused = options.gradient_clip is None
    return optimizer(parameters, lr=options.learning_rate, fused=fused)


def rate_factor(step: int, done: float, options: TrainingOptions) -> float:
    """Share of the learning rate at a step: linear warm-up, then what the schedule says."""
    if step < options.warmup_steps:
        return (step + 1) / options.warmup_steps
    if options.schedule == "constant":
        return 1.0
    if options.schedule == "stairs":
        return float(0.1 ** sum(done >= share for share in options.stairs))
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
