"""Training the box finder on the boxes of labelled images."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor

from pointillist.augment import ViewMaker, ViewOptions, random_color, random_transform
from pointillist.batch import Batch
from pointillist.boxes.data import box_samples, objects_of, whole_images
from pointillist.boxes.maps import box_losses, make_targets
from pointillist.callbacks import TrainingProgress
from pointillist.config import Config
from pointillist.dataset import Dataset
from pointillist.ema import WeightAverage
from pointillist.errors import DataError
from pointillist.loading import CropStore, MixedBatches, make_loader
from pointillist.logs import silence_lightning
from pointillist.models.box_finder import BoxFinder, create_box_finder
from pointillist.precision import resolve_precision
from pointillist.progress import counted
from pointillist.skeleton import Skeleton

#: Geometry of the views: up is up in most recordings, and a whole image is not turned far.
_VIEWS = ViewOptions(rotation=10, scale=0.3, shift=0.15, flip=0.5, color=0.3, gray=0.05)
_DECAY = 0.99  # of the averaged weights: a training of some hundred steps has no time for more


class BoxFinderModule(L.LightningModule):
    """Trains a box finder.

    Args:
        network: to be trained.
        config: of the whole training.
        views: makes views; its skeleton has the points of :func:`box_samples`.
    """

    def __init__(self, network: BoxFinder, config: Config, views: ViewMaker) -> None:
        super().__init__()
        self.network, self.config, self.views = network, config, views
        self.average = WeightAverage(network, _DECAY)
        self.images_seen = 0

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        # Not views.random: without left-right pairs of keypoints that would not mirror.
        device = batch.images.device
        transform, flipped = random_transform(len(batch), self.views.size, _VIEWS, device)
        color = random_color(len(batch), _VIEWS, device)
        view = self.views.render(batch, transform, flipped, color)
        maps = self.network(view.images)
        size = (maps.centres.shape[-1], maps.centres.shape[-2])
        stride = self.network.stride
        losses = box_losses(maps, make_targets(objects_of(view.points, stride), size, stride))
        self.images_seen += len(batch)
        loss = torch.stack(list(losses.values())).sum()
        self.log("loss", loss.detach(), prog_bar=True)
        return loss

    def on_train_batch_end(self, outputs: object, batch: Batch, batch_idx: int) -> None:
        self.average.update(self.network)

    def configure_optimizers(self) -> Any:
        options = self.config.box_finder
        optimizer = torch.optim.AdamW(
            self.network.parameters(),
            options.learning_rate,
            weight_decay=self.config.training.weight_decay,
        )
        warmup = max(1, min(100, options.max_steps // 10))

        def factor(step: int) -> float:
            cosine = 0.5 * (1 + math.cos(math.pi * min(step / options.max_steps, 1.0)))
            return min((step + 1) / warmup, 1.0) * cosine

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


def train_box_finder(
    config: Config, labeled: Dataset, folder: Path, *, quiet: bool = False
) -> BoxFinder:
    """Trains a box finder, in this process alone.

    Args:
        config: of the whole training; ``box_finder``, ``model`` and ``training`` are used.
        labeled: annotated images; instances without a box count with the extent of their points.
        folder: for a cache on disk, if the options ask for one.
        quiet: no progress bar.

    Returns:
        the averaged weights, in evaluation mode.

    Raises:
        DataError: no instance has a box or points to draw one around, or a file cannot be read.
        ConfigError: the options do not fit the network or this machine.
    """
    options, training = config.box_finder, config.training
    samples = box_samples(labeled)
    if not samples:
        raise DataError(
            "there is no box to learn from: nothing annotated is larger than a pixel",
            where=labeled.root,
            do="Train without --localize.",
        )
    L.seed_everything(training.seed, verbose=False)
    network = create_box_finder(config.model)
    network.localizer.check_size(options.width, options.height)
    first = samples[0].instance
    assert first is not None
    names = [f"{i}" for i in range(len(first.points))]
    store = CropStore(
        samples,
        len(names),
        whole_images(options),
        cache=training.cache,
        limit_gib=training.cache_gib,
        folder=folder,
    )
    with counted("decoding whole images", len(store), quiet) as progress:
        store.fill(max(training.workers, 1), progress)
    views = ViewMaker(
        (options.width, options.height),
        Skeleton(tuple(names)),
        network.localizer.mean,
        network.localizer.std,
    )
    module = BoxFinderModule(network, config, views)
    batches = MixedBatches(
        store.labeled, (options.images_per_step, 0), options.max_steps, training.seed
    )
    silence_lightning()
    trainer = L.Trainer(
        max_steps=options.max_steps,
        accelerator=training.accelerator,
        devices=1,
        precision=resolve_precision(training.precision, network, training.accelerator),  # type: ignore[arg-type]
        callbacks=[] if quiet else [TrainingProgress()],
        logger=False,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=not quiet,
        enable_model_summary=False,
        gradient_clip_val=training.gradient_clip,
        benchmark=True,
    )
    trainer.fit(module, make_loader(store, batches, workers=training.workers))
    average = module.average.network
    assert isinstance(average, BoxFinder)
    return average.eval()
