"""Comparing an exported network with PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pointillist.exporting.checks import compare
from pointillist.skeleton import Skeleton


class Corner(nn.Module):
    """Every point at the same place, with the same confidence."""

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        return torch.full((len(crops), 3, 2), 7.0), torch.full((len(crops), 3), 0.5)


class Beside:
    """What a backend does, with a difference in one point of the last crop."""

    skeleton = Skeleton(("a", "b", "c"))

    def __init__(self, points: float, confidence: float) -> None:
        self.points, self.confidence = points, confidence

    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points, confidence = (value.numpy() for value in Corner()(torch.from_numpy(crops)))
        if len(crops) < 8:  # the last ones
            points[-1, 2, 0] += self.points
            confidence[-1, 1] -= self.confidence
        return points, confidence


@pytest.mark.parametrize(
    ("points", "confidence", "holds"),
    [(0, 0, True), (9e-4, 9e-4, True), (-2e-3, 0, False), (0, 2e-3, False), (np.nan, 0, False)],
)
def test_the_largest_difference_counts(points: float, confidence: float, holds: bool) -> None:
    crops = np.zeros((19, 4, 6, 3), np.uint8)
    found = compare(Corner(), Beside(points, confidence), crops)  # type: ignore[arg-type]
    assert found.holds is holds
    assert (found.crops, found.points) == (19, 57)
    assert found.largest == pytest.approx(abs(points), abs=1e-6, nan_ok=True)
    assert found.confidence == pytest.approx(confidence, abs=1e-6)
