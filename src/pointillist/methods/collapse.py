"""Teachers whose answers become background, and who notices."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn


class CollapseWarning(UserWarning):
    """A teacher whose heatmaps have become background."""


class CollapseWatch(nn.Module):
    """Follows the mean height of teachers' peaks on unlabelled images and warns once.

    Teacher and student that are equally wrong agree on background: the peaks sink towards zero
    while the loss falls (Xie et al., ICCV 2021, section 3). What it has seen is saved with a
    training's checkpoint.

    Args:
        floor: mean peak that no teacher who knows anything is below.
        fall: share of its own highest value that it must keep.
        every: steps between two looks; each has to wait for the device.
        start: share of the training before which it does not warn: a network that teaches from
            the first step on knows nothing at first.
    """

    def __init__(
        self, floor: float = 0.05, fall: float = 0.5, every: int = 100, start: float = 0.1
    ) -> None:
        super().__init__()
        self.floor, self.fall, self.every, self.start = floor, fall, every, start
        self.collapsed = False
        self._peaks: list[Tensor] = []
        self._progress = 0.0
        self.forget()

    def get_extra_state(self) -> dict[str, Tensor]:
        """What a checkpoint holds: what was seen since the last look too."""
        return {
            "highest": self._highest,
            "last": self._last,
            "collapsed": torch.tensor(self.collapsed),
            "progress": torch.tensor(self._progress),
            "peaks": torch.stack(self._peaks).cpu() if self._peaks else torch.zeros(0),
        }

    def set_extra_state(self, state: dict[str, Tensor]) -> None:
        """Takes over what a checkpoint held."""
        self._highest, self._last = state["highest"].cpu(), state["last"].cpu()
        self.collapsed, self._progress = bool(state["collapsed"]), float(state["progress"])
        self._peaks = list(state["peaks"])

    def forget(self) -> None:
        """Another teacher begins, whose peaks are not to be compared with those before."""
        self._peaks = []
        self._highest, self._last = torch.zeros(()), torch.tensor(-1.0)  # -1: not looked yet

    def see(self, peaks: Tensor, progress: float) -> None:
        """Takes what one step showed.

        Args:
            peaks: mean peak of the teacher, a scalar, or (T,) of each of several.
            progress: how much of the training is done.
        """
        if self._peaks and self._peaks[0].device != peaks.device:  # they are of a checkpoint
            self._peaks = [earlier.to(peaks.device) for earlier in self._peaks]
        self._peaks.append(peaks.detach())
        self._progress = progress
        if len(self._peaks) >= self.every:
            self._look()

    def _look(self) -> None:
        """Compares the mean peaks since the last look with the highest; warns the first time."""
        means = torch.stack(self._peaks).mean(dim=0).float().cpu()
        self._peaks.clear()
        self._highest, self._last = torch.maximum(self._highest, means), means
        sunk = means < (self.fall * self._highest).clamp_min(self.floor)
        if self.collapsed or self._progress < self.start or not sunk.any():
            return
        self.collapsed = True
        worst = torch.where(sunk, means, torch.inf).argmin()
        mean, highest = (float(of.flatten()[worst]) for of in (means, self._highest))
        warnings.warn(
            f"a teacher's heatmaps of unlabelled images have collapsed: their mean peak is "
            f"{mean:.3f} and was {highest:.3f}. What they teach is background. A longer "
            f"burn-in, a lower weight or a harder view for the student may help.",
            CollapseWarning,
            stacklevel=3,
        )

    def summary(self) -> dict[str, float | bool] | None:
        """For a run's result: the mean peak at the last look, the highest there was, and whether a
        teacher has collapsed. Of several teachers the peaks are those of the lowest.

        Returns:
            None where no teacher was ever asked.
        """
        # Fewer than for other looks, but the last that there are.
        if len(self._peaks) >= max(self.every // 4, 1):
            self._look()
        last, highest = self._last, self._highest
        if (last < 0).any():
            if not self._peaks:
                return None
            last = highest = torch.stack(self._peaks).mean(dim=0).float()
        lowest = [round(float(of.min()), 4) for of in (last, highest)]
        return {
            "mean_peak": lowest[0],
            "highest_mean_peak": lowest[1],
            "collapsed": self.collapsed,
        }
