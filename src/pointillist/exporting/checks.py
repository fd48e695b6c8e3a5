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

#: What rounding in float32 changes heatmaps by, as a share of the highest value of a crop.
_ROUNDING = 1e-6

_BATCH = 8


@dataclass(frozen=True)
class Equality:
    """How near two ways of computing the same network are.

    Args:
        crops: how many were compared.
        points: how many points.
        undecided: how many of them PyTorch does not know to the tolerance either; they are not
            in the following figures.
        largest: largest difference of a coordinate in input pixels.
        confidence: largest difference of a confidence.
    """

    crops: int
    points: int
    undecided: int
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
            "undecided_points": self.undecided,
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
    undecided = 0
    largest = []
    for start in range(0, len(crops), _BATCH):
        part = crops[start : start + _BATCH]
        heatmaps = model.heatmaps(torch.from_numpy(part))
        points, confidence = (value.numpy() for value in model.decode(heatmaps))
        found = backend(part)
        apart = np.abs(found[0] - points).max(axis=-1)
        if (apart > TOLERANCE).any():
            loose = (apart > TOLERANCE) & _undecided(model, heatmaps)
            undecided += int(loose.sum())
            apart[loose] = 0
        largest.append([apart.max(), np.abs(found[1] - confidence).max()])
    # NumPy's maximum, unlike Python's, is NaN where one value is.
    px, share = (float(value) for value in np.max(largest, axis=0))
    return Equality(len(crops), len(crops) * len(backend.skeleton), undecided, px, share)


def _undecided(model: CropPoints, heatmaps: torch.Tensor) -> np.ndarray:
    """(B, K) bool: points that move too far when their heatmaps change by what rounding changes.

    Those of a second peak of the same height, or of a plateau: of such a point float32 does not
    tell where it is, whoever computes it.
    """
    random = torch.Generator().manual_seed(0)
    size = _ROUNDING * heatmaps.abs().amax(dim=(1, 2, 3), keepdim=True)
    points, _ = model.decode(heatmaps)
    far = torch.zeros(points.shape[:2], dtype=torch.bool)
    for _ in range(16):
        noise = torch.randn(heatmaps.shape, generator=random)
        moved, _ = model.decode(heatmaps + size * noise)
        far |= (moved - points).abs().amax(dim=-1) > TOLERANCE
    return far.numpy()
