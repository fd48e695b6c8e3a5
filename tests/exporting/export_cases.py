"""A run with a small random network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from core_cases import TINY
from pointillist.callbacks import save_network
from pointillist.config import make_config
from pointillist.exported import ExportedModel
from pointillist.models.localizer import Localizer, create_localizer
from pointillist.run import Run
from pointillist.training_data import TrainingData

#: Not square, so that an exchange of width and height shows.
WIDTH, HEIGHT = 96, 64

Export = Callable[..., ExportedModel]


def make_run(folder: Path, data: TrainingData) -> Run:
    """A run as a training leaves it, its network as it begins, but with livelier heatmaps."""
    sizes = f"input={{width: {WIDTH}, height: {HEIGHT}}}"
    config = make_config(sets=[f"model.backbone={TINY}", "model.width=16", sizes])
    run = Run.create(folder, config, data.skeleton)
    data.save(folder / "split")
    torch.manual_seed(0)
    network: Localizer = create_localizer(config.model, len(data.skeleton))
    torch.nn.init.normal_(network.head.heatmaps.weight, std=0.1)
    save_network(network, run.weights)
    return run
