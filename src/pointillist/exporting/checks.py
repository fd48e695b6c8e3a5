"""Whether an exported file gives the points that the PyTorch network gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pointillist.backend import Backend
from pointillist.points import CropPoints

#: Largest difference of a float32 file, in input pixels.
TOLERANCE = 1e-3

_BATCH = 8


@dataclass(frozen=True)
class Equality:
    """How near two ways of computing the same network are.

    Args:
        crops: how many were compared.
        points: how many points.
        largest: largest difference of a coordinate in input pixels.
        confidence: largest difference of a confidence.
    """

    crops: int
    points: int
    largest: float
    confidence: float

    @property
    def holds(self) -> bool:
        """Whether both are within the tolerance."""
        return self.largest <= TOLERANCE and self.confidence <= TOLERANCE

    def values(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "crops": self.crops,
            "points": self.points,
            "largest_difference_px": self.largest,
            "largest_difference_of_confidence": self.confidence,
            "tolerance": TOLERANCE,
        }


@torch.inference_mode()
def compare(model: CropPoints, backend: Backend, crops: np.ndarray) -> Equality:
    """Compares a backend with the PyTorch network in float32.

    Args:
        model: the network.
        backend: what computes the exported file.
        crops: (N, H, W, 3) uint8.
    """
    largest = []
    for start in range(0, len(crops), _BATCH):
        part = crops[start : start + _BATCH]
        wanted = [value.numpy() for value in model(torch.from_numpy(part))]
        largest.append([np.abs(a - b).max() for a, b in zip(backend(part), wanted, strict=True)])
    # NumPy's maximum, unlike Python's, is NaN where one value is.
    points, confidence = (float(value) for value in np.max(largest, axis=0))
    return Equality(len(crops), len(crops) * len(backend.skeleton), points, confidence)
