"""What methods with a teacher share: asking it, and noticing when it has nothing to say."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn


@torch.no_grad()
def ask(teacher: nn.Module, images: Tensor) -> Tensor:
    """A teacher's heatmaps (B, K, h, w) in float32, in evaluation mode and without gradient."""
    training = teacher.training
    teacher.eval()
    try:
        heatmaps: Tensor = teacher(images).heatmaps.float()
    finally:
        teacher.train(training)
    return heatmaps


class CollapseWarning(UserWarning):
    """A teacher whose heatmaps have become background."""


class CollapseWatch:
    """Follows the mean height of a teacher's peaks on unlabelled images and warns once.

    Teacher and student that are equally wrong agree on background: the peaks sink towards zero
    while the loss falls (Xie et al., ICCV 2021, section 3).

    Args:
        floor: mean peak that no teacher who knows anything is below.
        fall: share of its own highest value that it must keep.
        every: steps between two looks; each has to wait for the device.
    """

    def __init__(self, floor: float = 0.05, fall: float = 0.4, every: int = 100) -> None:
        self.floor, self.fall, self.every = floor, fall, every
        self.collapsed = False
        self._peaks: list[Tensor] = []
        self._highest = 0.0

    def see(self, peak: Tensor) -> None:
        """Takes the mean peak (a scalar) of a step in which the teacher taught."""
        if self.collapsed:
            return
        self._peaks.append(peak.detach())
        if len(self._peaks) < self.every:
            return
        mean = float(torch.stack(self._peaks).mean())
        self._peaks.clear()
        self._highest = max(self._highest, mean)
        if mean < max(self.floor, self.fall * self._highest):
            self.collapsed = True
            warnings.warn(
                f"the teacher's heatmaps of unlabelled images have collapsed: their mean peak is "
                f"{mean:.3f} and was {self._highest:.3f}. What they teach is background. A longer "
                f"burn-in, a lower weight or a harder view for the student may help.",
                CollapseWarning,
                stacklevel=2,
            )
