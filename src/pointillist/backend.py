"""Backends: what computes points from crops. PyTorch's is here, others are in :mod:`.export`."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch

from pointillist.calibration import Calibration
from pointillist.config import InputOptions
from pointillist.models.localizer import Localizer
from pointillist.placement import choose_device
from pointillist.points import CropPoints
from pointillist.precision import inference_autocast
from pointillist.skeleton import Skeleton


class Backend(Protocol):
    """Computes points from crops of one size.

    Attributes:
        skeleton: of the points.
        size: width and height of the crops.
        margin: a box was enlarged by this factor before it was cut out.
    """

    skeleton: Skeleton
    size: tuple[int, int]
    margin: float

    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (B, K, 2) in crop pixels and confidence (B, K) of (B, H, W, 3) uint8 RGB crops."""
        ...


class TorchBackend:
    """A network in PyTorch; in 16 bits where that pays.

    Args:
        network: the trained localizer.
        skeleton: of its points.
        options: size, margin and decoding that it was trained with.
        flip: average over the image and its mirror image; needs left-right pairs.
        device: ``auto`` takes a GPU if there is one.
        calibration: what its confidence means, if that is known.
    """

    def __init__(
        self,
        network: Localizer,
        skeleton: Skeleton,
        options: InputOptions,
        *,
        flip: bool = True,
        device: str = "auto",
        calibration: Calibration | None = None,
    ) -> None:
        self.device = choose_device(device)
        self.skeleton, self.margin = skeleton, options.margin
        self.size = (options.width, options.height)
        self.network = network
        model = CropPoints(
            network,
            skeleton,
            decoding=options.decoding,
            flip=flip,
            copies=options.copies,
            smoothing=options.smoothing,
            sigma=options.sigma,
            calibration=calibration,
        )
        self.model = model.eval().to(self.device).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As :class:`Backend` has it."""
        pixels = torch.from_numpy(crops).to(self.device)
        with inference_autocast(self.network, self.device):
            points, confidence = self.model(pixels)
        return points.cpu().numpy(), confidence.cpu().numpy()
