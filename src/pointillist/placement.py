"""Where a network computes predictions: on which device."""

from __future__ import annotations

import torch

from pointillist.errors import ConfigError


def choose_device(name: str) -> torch.device:
    """The device of a name.

    Args:
        name: as PyTorch knows it, ``cpu``, ``cuda``, ``cuda:1``, ``mps``...; ``auto``: a GPU of
            NVIDIA's or AMD's if there is one, else the processor.

    Raises:
        ConfigError: there is no such device, or this machine has none of it.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device).cpu()  # a name may be right where no such device is there
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, AssertionError, NotImplementedError, ImportError):
        raise ConfigError(
            f"this machine has no device '{name}' to compute on", do=f"It has: {_there()}."
        ) from None
    return device


def _there() -> str:
    gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    apple = ["mps"] if torch.backends.mps.is_available() else []
    return ", ".join(["cpu", *gpus, *apple])
