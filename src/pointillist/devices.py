"""Devices and precision of a training: what Lightning is told of them, and whether it agrees."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from pointillist.config import TrainingOptions
from pointillist.errors import ConfigError
from pointillist.logs import silence_lightning
from pointillist.precision import resolve_precision


def lightning_options(options: TrainingOptions, network: torch.nn.Module) -> dict[str, Any]:
    """What Lightning is told of devices and precision."""
    distributed = options.devices * options.nodes > 1
    return {
        "accelerator": options.accelerator,
        "devices": options.devices,
        "num_nodes": options.nodes,
        "strategy": "ddp_find_unused_parameters_true" if distributed else "auto",
        "precision": resolve_precision(options.precision, network, options.accelerator),
    }


def check_machine(options: TrainingOptions, network: torch.nn.Module) -> None:
    """Whether Lightning accepts devices and precision.

    Raises:
        ConfigError: it does not, with its reason.
    """
    silence_lightning()
    try:
        L.Trainer(**lightning_options(options, network), logger=False, enable_checkpointing=False)
    except (MisconfigurationException, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"this machine cannot train so: {reason}",
            do="See the options training.accelerator, devices and precision.",
        ) from None
