"""Comparing an exported network with PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pointillist.exporting.checks import compare
from pointillist.heatmaps import decode, encode
from pointillist.skeleton import Skeleton

#: Of three points, where each crop has them in its heatmaps of 16 x 12 pixels.
PLACES = torch.tensor([[5.2, 4.1], [9.7, 7.4], [11.0, 3.3]])


class Peaks:
    """What a network does: clear peaks; the last point has two equal ones in every odd crop."""

    def heatmaps(self, crops: Tensor) -> Tensor:
        maps = encode(PLACES.expand(len(crops), 3, 2), (16, 12), 1.5)
        maps[1::2, 2] = torch.maximum(maps[1::2, 2], maps[1::2, 2].flip(-1))
        return maps

    def decode(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        points, confidence = decode(heatmaps, "dark")
        return 4 * points, confidence


class Beside:
    """What a backend does, with a difference in one point of the last crop."""

    skeleton = Skeleton(("a", "b", "c"))

    def __init__(self, points: float, confidence: float, which: int = 1) -> None:
        self.points, self.confidence, self.which = points, confidence, which

    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = Peaks().decode(Peaks().heatmaps(torch.from_numpy(crops)))
        points, confidence = (value.numpy() for value in found)
        if len(crops) < 8:  # the last ones
            points[-1, self.which, 0] += self.points
            confidence[-1, 1] -= self.confidence
        return points, confidence


@pytest.mark.parametrize(
    ("points", "confidence", "holds"),
    [(0, 0, True), (9e-4, 9e-4, True), (-2e-3, 0, False), (0, 2e-3, False), (np.nan, 0, False)],
)
def test_the_largest_difference_counts(points: float, confidence: float, holds: bool) -> None:
    crops = np.zeros((20, 4, 6, 3), np.uint8)
    found = compare(Peaks(), Beside(points, confidence), crops)  # type: ignore[arg-type]
    assert found.holds is holds
    assert (found.crops, found.points, found.undecided) == (20, 60, 0)
    assert found.largest == pytest.approx(abs(points), abs=1e-5, nan_ok=True)
    assert found.confidence == pytest.approx(confidence, abs=1e-6)


def test_a_point_that_rounding_alone_would_move_is_left_out_and_counted() -> None:
    crops = np.zeros((20, 4, 6, 3), np.uint8)
    found = compare(Peaks(), Beside(24.0, 0, which=2), crops)  # type: ignore[arg-type]
    assert found.holds
    assert found.undecided == 1
    assert found.largest == 0
    # In an even number of crops the last is an odd one; here it has one peak only.
    found = compare(Peaks(), Beside(24.0, 0, which=2), crops[:19])  # type: ignore[arg-type]
    assert not found.holds
    assert found.undecided == 0
