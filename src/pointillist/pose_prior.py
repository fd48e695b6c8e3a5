"""What the other points of an object say of where a point lies, from labelled poses.

Each labelled pose says where a point would lie as seen from each of the others, and each of the
others, where a network finds it, hands that on: a density of places, and all of them together
weigh the heatmap (after Tompson, Jain, LeCun and Bregler, "Joint training of a convolutional
network and a graphical model for human pose estimation", NIPS 2014, who learn the densities; here
they are kernel density estimates, and a point is seen from the peak of another one's heatmap).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pointillist.config import InputOptions
from pointillist.crops import CropSpec
from pointillist.errors import DataError
from pointillist.files import read_json, write_json
from pointillist.geometry import Size
from pointillist.models.heads import STRIDE
from pointillist.precision import in_float32
from pointillist.samples import Sample, points_in_views
from pointillist.skeleton import Skeleton

#: Deviation of a kernel, in that of the Gaussians that a network has learnt.
_WIDTH = 1.5

#: Probability that a point lies anywhere, whatever one says that the network is sure of.
_ANYWHERE = 0.1

#: Of the mean that the other points say, beside the network.
_WEIGHT = 0.5

#: Numbers in all densities together, 64 MiB: 32 keypoints on maps of 64 x 64.
_LARGEST = 2**24

#: Poses that have a say; more say nothing new.
_MOST = 200

#: Of them, how many are left out in turn to see what the others say of them.
_LEFT_OUT = 40


@dataclass(frozen=True)
class LabeledPoses:
    """Points of labelled objects as a prediction sees them.

    Args:
        shares: (N, K, 2) of the width and height of a view, NaN where not annotated.
    """

    shares: np.ndarray

    @classmethod
    def of(
        cls, samples: Sequence[Sample], skeleton: Skeleton, options: InputOptions
    ) -> LabeledPoses:
        """Of labelled samples; as many as have a say, spread over all of them."""
        spec = CropSpec(options.width, options.height, options.margin)
        some = samples[:: max(1, math.ceil(len(samples) / _MOST))]
        return cls(points_in_views(some, len(skeleton), spec))

    @classmethod
    def open(cls, path: Path) -> LabeledPoses:
        """Reads JSON.

        Raises:
            DataError: the file holds no poses.
        """
        values: Any = read_json(path)
        try:
            shares = np.array(values["shares"], dtype=float)  # null is NaN
        except (TypeError, ValueError, KeyError):
            shares = np.zeros(0)
        if shares.ndim != 3 or shares.shape[2] != 2:
            raise DataError("these are no labelled poses", where=path)
        return cls(shares)

    def save(self, path: Path) -> None:
        """Writes JSON."""
        values = np.round(self.shares, 5).astype(object)
        values[np.isnan(self.shares)] = None
        write_json(path, {"shares": values.tolist()})

    def densities(self, skeleton: Skeleton, options: InputOptions) -> Tensor:
        """Densities (K, K, 2 H - 1, 2 W - 1) of where each point lies as seen from each, which is
        in the middle, in heatmap pixels; in that of a point that may lie anywhere in a view."""
        poses, size = self._on_map(skeleton, options), _size(options)
        deviation, found = _WIDTH * options.sigma, []
        for origin in range(len(skeleton)):
            offsets = poses - poses[:, origin : origin + 1]
            known = offsets.isfinite().all(dim=-1).float()
            across, down = (
                _kernels(offsets[..., i], side, deviation) for i, side in enumerate(size)
            )
            density = torch.einsum("mky,mkx,mk->kyx", down, across, known)
            found.append(density / known.sum(dim=0).clamp(min=1)[:, None, None])
        return torch.stack(found) * (math.prod(size) / (2 * math.pi * deviation**2))

    def information(self, skeleton: Skeleton, options: InputOptions) -> float:
        """How much more than nothing the other points say of where a point lies.

        Each of some poses is left out in turn: the mean over pairs of its points of the logarithm
        of the density that the other poses give, in that of a point that may lie anywhere. Below
        0 the poses are too different, or too few, to say anything of one another. It is 0 where the
        densities would be too large to be kept.
        """
        if len(skeleton) ** 2 * math.prod(2 * side - 1 for side in _size(options)) > _LARGEST:
            return 0.0
        poses, count = self._on_map(skeleton, options), len(self.shares)
        area, deviation, found = math.prod(_size(options)), _WIDTH * options.sigma, []
        for left_out in range(0, count, max(1, count // _LEFT_OUT)):
            others = poses[torch.arange(len(poses)) % count != left_out]
            own = _offsets(poses[left_out : left_out + 1])
            distance = ((_offsets(others) - own) ** 2).sum(dim=-1)
            known = distance.isfinite()
            kernel = torch.where(known, torch.exp(-distance / (2 * deviation**2)), 0).sum(dim=0)
            density = kernel / known.sum(dim=0).clamp(min=1) / (2 * math.pi * deviation**2)
            pairs = own[0].isfinite().all(dim=-1) & ~torch.eye(own.shape[1], dtype=torch.bool)
            found.append(_said(density * area, torch.tensor(_ANYWHERE))[pairs])
        said = torch.cat(found) if found else torch.zeros(0)
        return float(said.mean()) if len(said) else 0.0

    def _on_map(self, skeleton: Skeleton, options: InputOptions) -> Tensor:
        """Poses (M, K, 2) in heatmap pixels, NaN where not annotated; where left-right pairs are
        known mirrored ones come behind."""
        poses = self.shares
        if skeleton.flip_pairs:
            poses = np.concatenate([poses, (1, 0) + poses[:, skeleton.flip_order] * (-1, 1)])
        return torch.from_numpy(poses * _size(options)).float()


@in_float32
def weighed(heatmaps: Tensor, densities: Tensor) -> Tensor:
    """Heatmaps with their peaks where network and other points together say that a point lies.

    Args:
        heatmaps: (B, K, H, W).
        densities: see :meth:`LabeledPoses.densities`.

    Returns:
        (B, K, H, W) float32; each peak is as high as the network's heatmap is there.
    """
    heatmaps = heatmaps.float()
    count, height, width = heatmaps.shape[1:]
    if count < 2:
        return heatmaps
    confidence, peak = heatmaps.flatten(2).max(dim=2)
    anywhere = 1 - (1 - _ANYWHERE) * confidence.clamp(0, 1)
    # Where each pixel is in a density whose middle is at the peak.
    wide = 2 * width - 1
    rows, columns = (torch.arange(n, device=peak.device) for n in (height, width))
    pixels = (rows[:, None] * wide + columns).flatten()
    first = (height - 1 - peak // width) * wide + width - 1 - peak % width  # (B, K)
    told = torch.zeros_like(heatmaps)
    for other in range(count):
        index = first[:, other, None] + pixels
        density = densities[other].flatten(1).index_select(1, index.flatten())
        density = density.reshape(count, -1, height, width).transpose(0, 1)
        said = _said(density, anywhere[:, other, None, None, None])
        itself = torch.arange(count, device=said.device) == other
        told = told + torch.where(itself[:, None, None], 0, said)
    told = _WEIGHT / (count - 1) * told
    result = heatmaps.clamp(min=1e-4) * (told - told.amax(dim=(2, 3), keepdim=True)).exp()
    peak = result.flatten(2).argmax(dim=2, keepdim=True)
    wanted, found = (maps.flatten(2).gather(2, peak) for maps in (heatmaps, result))
    return result * (wanted / found)[..., None]


def _size(options: InputOptions) -> Size:
    """Width and height of heatmaps."""
    return options.width // STRIDE, options.height // STRIDE


def _offsets(poses: Tensor) -> Tensor:
    """(N, K, K, 2): of each point as seen from each."""
    return poses[:, None] - poses[:, :, None]


def _kernels(offsets: Tensor, side: int, deviation: float) -> Tensor:
    """(..., 2 side - 1): a Gaussian of height 1 around each offset (...) along one side; nothing
    around one that is not known."""
    at = torch.arange(1 - side, side, dtype=offsets.dtype)
    return torch.exp(-((at - offsets[..., None]) ** 2) / (2 * deviation**2)).nan_to_num(0)


def _said(ratio: Tensor, anywhere: Tensor) -> Tensor:
    """Logarithm of a density in that of a point that lies anywhere, with that probability."""
    return torch.log((1 - anywhere) * ratio + anywhere)
