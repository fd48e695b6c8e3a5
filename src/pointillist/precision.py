"""Where 16-bit arithmetic pays."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch
from torch import nn

P = ParamSpec("P")
R = TypeVar("R")


def in_float32(function: Callable[P, R]) -> Callable[P, R]:
    """Runs a function outside autocast.

    Under autocast every matrix product is made in 16 bits, and a coordinate in bfloat16 is off by
    up to half a pixel: geometry must not take part.
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            return function(*args, **kwargs)

    return wrapped


def bf16_pays_on_cpu(network: nn.Module) -> bool:
    """Whether a CPU runs this network faster in bfloat16.

    Plain convolutions gain where the processor has bf16 instructions; depthwise ones lose, so a
    network that has any stays in float32.
    """
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    depthwise = any(isinstance(m, nn.Conv2d) and m.groups > 1 for m in network.modules())
    return bool(supported) and not depthwise


def inference_autocast(
    network: nn.Module, device: torch.device
) -> contextlib.AbstractContextManager[object]:
    """Autocast to bf16 (fp16 on older GPUs) where it pays, else nothing."""
    if device.type == "cuda":
        kind = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return torch.autocast("cuda", dtype=kind)
    if device.type == "cpu" and bf16_pays_on_cpu(network):
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def resolve_precision(choice: str, network: nn.Module, accelerator: str = "auto") -> str:
    """Lightning's name of a training's precision; ``auto`` chooses what is fast and safe.

    Args:
        choice: ``auto``, ``32``, ``bf16`` or ``fp16``.
        network: what is trained.
        accelerator: what it is trained on; ``cpu``: not on the GPU that may be there.
    """
    names = {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
    if choice != "auto":
        return names[choice]
    if torch.cuda.is_available() and accelerator != "cpu":
        return names["bf16" if torch.cuda.is_bf16_supported() else "fp16"]
    if torch.backends.mps.is_available() and accelerator != "cpu":
        return names["32"]
    return names["bf16" if bf16_pays_on_cpu(network) else "32"]
