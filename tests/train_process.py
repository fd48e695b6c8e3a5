"""A training as a process of its own, for the tests that kill it or that need several.

    python train_process.py DATA OUT JSON

The JSON has ``sets`` (of the config), ``val`` (how many validation images), and what else is to
happen: ``signal`` and ``at`` (the process sends it to itself at that step), ``group_norm``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from core_cases import dots_dataset, tiny_config
from pointillist import training
from pointillist.dataset import Dataset
from pointillist.methods.supervised import Supervised
from pointillist.models import localizer
from pointillist.models.localizer import Localizer, create_localizer
from pointillist.models.options import ModelOptions
from training_cases import at_step


def with_group_norm(options: ModelOptions, keypoints: int) -> Localizer:
    """A localizer whose output for an image does not depend on the others in the batch."""
    model = create_localizer(options, keypoints)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                group = nn.GroupNorm(4, child.num_features)
                # timm puts the activation into its norm layers.
                after = getattr(child, "act", nn.Identity())
                setattr(module, name, nn.Sequential(group, after))
    return model


def validation(folder: Path, count: int) -> Dataset:
    """So many entries of three images."""
    few = dots_dataset(folder, 3, seed=1)
    return few.subset([replace(few[i % 3]) for i in range(count)])


def main(data: Path, out: Path, options: dict[str, object]) -> None:
    torch.set_num_threads(1)
    if "signal" in options:
        number = signal.Signals[str(options["signal"])]
        act = at_step(int(str(options["at"])), lambda: os.kill(os.getpid(), number))
        Supervised.forward = act  # type: ignore[method-assign]
    if options.get("group_norm"):
        training.create_localizer = with_group_norm  # type: ignore[attr-defined]
        localizer.create_localizer = with_group_norm  # type: ignore[assignment]
    try:
        training.train(
            dots_dataset(data / "train", 12),
            out,
            val=validation(data / "val", int(str(options["val"]))),
            config=tiny_config(*options["sets"]),  # type: ignore[misc]
            quiet=True,
        )
    except training.TrainingInterrupted as error:
        print(error)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
