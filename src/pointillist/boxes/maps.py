"""Boxes to the box finder's targets, its loss, and its maps to boxes."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pointillist.dataset import Box
from pointillist.geometry import Size
from pointillist.models.box_finder import BoxMaps, decode_size, encode_size

#: Standard deviation of an object's centre, as a share of the root of its area; at least one map
#: pixel. A box moved by so much still overlaps the true one by about 0.75.
_SPREAD = 0.07
#: Offsets and sizes are learnt where the target of the centre is at least this high.
_NEAR = 0.4
#: Objects that are found in one image at most.
MOST = 50


class Objects(NamedTuple):
    """Up to M objects in each of B images; NaN where there are fewer.

    Attributes:
        centre: (B, M, 2) in map pixels.
        size: (B, M, 2) width and height in input pixels.
    """

    centre: Tensor
    size: Tensor


class Targets(NamedTuple):
    """What the network should have returned.

    Attributes:
        centres: (B, H, W) 1 at a centre, a Gaussian around it; overlapping ones: the higher.
        peaks: (B, H, W) bool, the map pixels that hold a centre.
        offsets, sizes: (B, 2, H, W) of the object that is nearest.
    """

    centres: Tensor
    peaks: Tensor
    offsets: Tensor
    sizes: Tensor


def make_targets(objects: Objects, size: Size, stride: int) -> Targets:
    """Targets of maps of a size (width, height); objects with their centre outside are left out."""
    width, height = size
    x = torch.arange(width, device=objects.centre.device) + 0.5
    y = torch.arange(height, device=objects.centre.device) + 0.5
    centre = objects.centre
    limit = centre.new_tensor([width, height])
    there = ((centre >= 0) & (centre < limit)).all(-1)  # NaN is not
    centre = torch.where(there[..., None], centre, -1e6)
    extent = torch.where(there[..., None], objects.size, 1.0)
    sigma = (_SPREAD * extent.prod(-1).sqrt() / stride).clamp_min(1.0)[..., None]
    dx, dy = x - centre[..., :1], y - centre[..., 1:]
    along_x = torch.exp(-(dx**2) / (2 * sigma**2))
    along_y = torch.exp(-(dy**2) / (2 * sigma**2))
    # (B, M, H, W), and of each map pixel the object whose Gaussian is the highest there.
    highest, which = (along_y[..., :, None] * along_x[..., None, :]).max(dim=1)
    peaks = torch.zeros_like(highest, dtype=torch.bool)
    image, number = torch.nonzero(there, as_tuple=True)
    column, row = centre[image, number].floor().long().unbind(-1)
    peaks[image, row, column] = True

    def of_nearest(values: Tensor) -> Tensor:
        return values.gather(1, which.flatten(1)).unflatten(1, which.shape[1:])

    offsets = torch.stack(
        [of_nearest(centre[..., 0]) - x, of_nearest(centre[..., 1]) - y[:, None]], dim=1
    )
    written = encode_size(extent)
    sizes = torch.stack([of_nearest(written[..., 0]), of_nearest(written[..., 1])], dim=1)
    return Targets(highest.masked_fill(peaks, 1.0), peaks, offsets, sizes)


def box_losses(maps: BoxMaps, targets: Targets) -> dict[str, Tensor]:
    """Penalty-reduced focal loss of the centres (Zhou et al. 2019, eq. 1), L1 of the places.

    Each is divided by the number of objects, or of map pixels that count.
    """
    sure, unsure = F.logsigmoid(maps.centres), F.logsigmoid(-maps.centres)
    there, not_there = sure.exp(), unsure.exp()
    right = -(not_there**2) * sure * targets.peaks
    wrong = -((1 - targets.centres) ** 4) * there**2 * unsure * ~targets.peaks
    count = targets.peaks.sum().clamp_min(1)
    near = (targets.centres >= _NEAR)[:, None]

    def distance(found: Tensor, true: Tensor) -> Tensor:
        return ((found - true).abs() * near).sum() / (2 * near.sum()).clamp_min(1)

    return {
        "centre": (right + wrong).sum() / count,
        "offset": distance(maps.offsets, targets.offsets),
        "size": distance(maps.sizes, targets.sizes),
    }


def boxes_of(maps: BoxMaps, stride: int, score: float) -> list[list[tuple[Box, float]]]:
    """Boxes in input pixels with their scores, for each image: the peaks of the map of centres.

    Args:
        maps: of the network.
        stride: input pixels per map pixel.
        score: peaks lower than this are none.
    """
    height = maps.centres.sigmoid()
    highest = F.max_pool2d(height[:, None], 3, stride=1, padding=1)[:, 0]
    height = height.where(height == highest, 0.0)
    values, flat = height.flatten(1).topk(min(MOST, height[0].numel()))
    row, column = flat // height.shape[-1], flat % height.shape[-1]

    def at(two: Tensor) -> Tensor:
        return two.flatten(2).gather(2, flat[:, None].expand(-1, 2, -1)).mT

    middle = (torch.stack([column, row], dim=-1) + 0.5 + at(maps.offsets)) * stride
    size = decode_size(at(maps.sizes))
    boxes = torch.cat([middle - size / 2, size], dim=-1)
    return [
        [
            ((b[0], b[1], b[2], b[3]), s)
            for b, s in zip(image_boxes, image_scores, strict=True)
            if s >= score
        ]
        for image_boxes, image_scores in zip(boxes.tolist(), values.tolist(), strict=True)
    ]
