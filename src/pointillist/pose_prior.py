"""What the other points of an object say of where a point lies, from poses that are known.

For each pair of keypoints the known poses give a density of where the second one lies as seen
from the first. A network's heatmap of the first one, taken for probabilities and moved by that
density, says where the second one may be; what all the others say together weighs a heatmap
(Tompson, Jain, LeCun and Bregler, "Joint training of a convolutional network and a graphical
model for human pose estimation", NIPS 2014, who learn the densities; these are kernel density
estimates).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pointillist.geometry import Size
from pointillist.precision import in_float32

#: Deviation of a kernel, in that of the Gaussians that a network has learnt.
_WIDTH = 1.5

#: Probability that a point lies anywhere, whatever the others say.
_ANYWHERE = 0.1

#: Heatmaps to this power are taken for probabilities: low places beside a peak mean little.
_POWER = 4

#: Of the mean that the other points say, beside the network.
_WEIGHT = 0.4

#: Poses that are looked at; more say nothing new.
_MOST = 400

#: Of them, how many are left out in turn to see what the others say of them.
_LEFT_OUT = 40


@dataclass(frozen=True)
class PosePrior:
    """Densities of where points lie as seen from each other.

    Args:
        points: (N, K, 2) known points as shares of the width and height of a view, NaN where they
            are not known.
        order: (K,) which point each point becomes in a mirror image: mirrored poses count too;
            none where they are not known.
        size: width and height of the heatmaps.
        sigma: of the Gaussians that the network has learnt, in heatmap pixels.
    """

    points: Tensor
    order: Tensor | None
    size: Size
    sigma: float

    @in_float32
    def weighed(self, heatmaps: Tensor) -> Tensor:
        """Heatmaps (B, K, H, W) with their peaks where network and other points together say that
        a point lies; each peak as high as the network's heatmap is there."""
        heatmaps = heatmaps.float()
        count, (width, height) = heatmaps.shape[1], self.size
        if count < 2 or not len(self.points):
            return heatmaps
        poses = self._poses().to(heatmaps.device)
        places = heatmaps.clamp(min=0) ** _POWER
        places = places / places.sum(dim=(2, 3), keepdim=True).clamp(min=1e-12)
        whole = (3 * height, 3 * width)  # a product of transforms is a sum around a circle
        seen = torch.fft.rfft2(places, whole)
        told = torch.zeros_like(heatmaps)
        for other in range(count):
            density = torch.fft.rfft2(self._density(poses, other), whole)
            moved = torch.fft.irfft2(seen[:, other : other + 1] * density, whole)
            moved = moved[..., height - 1 : 2 * height - 1, width - 1 : 2 * width - 1]
            said = _log_ratio(moved.clamp(min=0) * (width * height))
            said[:, other] = 0  # it says nothing of itself
            told += said
        told = _WEIGHT / (count - 1) * told
        result = heatmaps.clamp(min=1e-4) * (told - told.amax(dim=(2, 3), keepdim=True)).exp()
        flat = result.flatten(2)
        peak = flat.argmax(dim=2, keepdim=True)
        height_there = heatmaps.flatten(2).gather(2, peak) / flat.gather(2, peak)
        return (flat * height_there).view_as(result)

    def information(self) -> float:
        """How much more than nothing the other points say of where a point lies.

        Each of some poses is left out in turn: the mean over pairs of its points of the logarithm
        of the density that the other poses give, in that of a point that may lie anywhere. Below 0
        the poses are too different, or too few, to say anything of one another.
        """
        poses = self._poses()
        count = len(poses) if self.order is None else len(poses) // 2
        area = self.size[0] * self.size[1]
        deviation = _WIDTH * self.sigma
        found = []
        for left_out in range(0, count, max(1, count // _LEFT_OUT)):
            others = torch.arange(len(poses)) % count != left_out
            offsets = poses[others][:, None] - poses[others][:, :, None]  # (N, from, to, 2)
            own = poses[left_out][None] - poses[left_out][:, None]
            distance = ((offsets - own) ** 2).sum(dim=-1)
            known = distance.isfinite()
            kernel = torch.exp(-distance / (2 * deviation**2)) / (2 * math.pi * deviation**2)
            density = torch.where(known, kernel, 0).sum(dim=0) / known.sum(dim=0).clamp(min=1)
            pairs = own.isfinite().all(dim=-1) & ~torch.eye(len(own), dtype=torch.bool)
            found.append(_log_ratio(density * area)[pairs])
        said = torch.cat(found) if found else torch.zeros(0)
        return float(said.mean()) if len(said) else 0.0

    def _poses(self) -> Tensor:
        """(N, K, 2) in heatmap pixels, mirrored ones behind."""
        poses = self.points[:: max(1, math.ceil(len(self.points) / _MOST))].float()
        if self.order is not None:
            mirrored = poses[:, self.order.to(poses.device)] * poses.new_tensor([-1, 1])
            poses = torch.cat([poses, mirrored + poses.new_tensor([1, 0])])
        return poses * poses.new_tensor(self.size)

    def _density(self, poses: Tensor, origin: int) -> Tensor:
        """(K, 2 H - 1, 2 W - 1): of each point, as seen from one of them in the middle."""
        offsets = poses - poses[:, origin : origin + 1]
        known = offsets.isfinite().all(dim=-1)
        offsets = torch.where(known[..., None], offsets, 0)
        across, down = (
            torch.exp(
                -((torch.arange(1 - side, side, device=poses.device) - offsets[..., i, None]) ** 2)
                / (2 * (_WIDTH * self.sigma) ** 2)
            )
            for i, side in enumerate(self.size)
        )
        density = torch.einsum("nky,nkx,nk->kyx", down, across, known.float())
        return density / density.sum(dim=(1, 2), keepdim=True).clamp(min=1e-12)


def _log_ratio(density: Tensor) -> Tensor:
    """Of a density in that of a point that may lie anywhere."""
    return torch.log((1 - _ANYWHERE) * density + _ANYWHERE)
