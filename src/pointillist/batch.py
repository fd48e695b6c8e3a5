"""Batch and View: what loading hands to a method, and what a method makes of it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from pointillist.geometry import (
    Size,
    at_stride,
    inside,
    inverse,
    scaling,
    source_grid,
    transform_points,
)
from pointillist.precision import in_float32


@dataclass
class Batch:
    """Crops as decoded, labelled ones first.

    Args:
        images: (B, 3, H, W) uint8.
        points: (B, K, 2) float32 in crop pixels; NaN where not annotated, and for every point of
            an unlabelled crop.
        annotated: (B, K) bool.
        absent: (B, K) bool: a person decided that there is no such point to see.
        labeled: (B,) bool.
        to_file: (B, 3, 3) float32, crop pixels to the file's pixels.
        file_size: (B, 2) float32 width and height of the file.
        index: (B,) int64 position in the data that was loaded.
    """

    images: Tensor
    points: Tensor
    annotated: Tensor
    absent: Tensor
    labeled: Tensor
    to_file: Tensor
    file_size: Tensor
    index: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> Size:
        """Width and height of the crops."""
        return self.images.shape[-1], self.images.shape[-2]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The same batch on another device."""
        moved = {
            f.name: getattr(self, f.name).to(device, non_blocking=non_blocking)
            for f in fields(self)
        }
        return replace(self, **moved)

    def pin_memory(self) -> Batch:
        """The same batch in page-locked memory (DataLoader calls this)."""
        return replace(self, **{f.name: getattr(self, f.name).pin_memory() for f in fields(self)})

    def select(self, which: Tensor) -> Batch:
        """The rows that a mask (B,) bool or indices (N,) name."""
        if which.dtype == torch.bool:  # once: on a GPU each field would wait for the count
            which = which.nonzero()[:, 0]
        return replace(self, **{f.name: getattr(self, f.name)[which] for f in fields(self)})


@in_float32
def shrunk(batch: Batch, size: Size) -> Batch:
    """The same crops in fewer pixels: width and height, which each pixel is an average for.

    Shape:
        images (B, 3, H, W) become (B, 3, height, width), uint8 as before.
    """
    if batch.size == size:
        return batch
    # A CPU does this fourteen times faster in whole numbers; other devices do not do it in them.
    on_cpu = batch.images.device.type == "cpu"
    images = batch.images if on_cpu else batch.images.float()
    images = F.interpolate(images, size[::-1], mode="bilinear", antialias=True, align_corners=False)
    x, y = (batch.points.new_tensor([new / old]) for new, old in zip(size, batch.size, strict=True))
    to_small = scaling(x, y)
    return replace(
        batch,
        images=images.round().clamp(0, 255).to(batch.images.dtype),
        points=transform_points(to_small, batch.points),
        to_file=batch.to_file @ inverse(to_small),
    )


@dataclass
class View:
    """A batch seen through a transform and a colour change, ready for the network.

    Args:
        images: (B, 3, H, W) float, normalised.
        transform: (B, 3, 3) from crop pixels to this view's pixels.
        flipped: (B,) bool; a flipped view has its left and right points exchanged.
        points: (B, K, 2) in this view's pixels; NaN where not annotated.
        annotated: (B, K) bool: annotated and inside the view.
        absent: (B, K) bool: marked so, wherever the view looks.
    """

    images: Tensor
    transform: Tensor
    flipped: Tensor
    points: Tensor
    annotated: Tensor
    absent: Tensor

    @property
    def size(self) -> Size:
        """Width and height of the view."""
        return self.images.shape[-1], self.images.shape[-2]


def move_points(
    batch_points: Tensor, annotated: Tensor, transform: Tensor, flipped: Tensor, order: Tensor,
    size: Size,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Points (B, K, 2) carried into a view: moved, lefts and rights exchanged where flipped.

    Returns:
        points (B, K, 2) and annotated (B, K): annotated before and inside ``size`` now.
    """
    points = transform_points(transform, batch_points)
    points = torch.where(flipped[:, None, None], points[:, order], points)
    annotated = torch.where(flipped[:, None], annotated[:, order], annotated)
    return points, annotated & inside(points, float(size[0]), float(size[1]))


@in_float32
def pixels_from_file(batch: Batch, transform: Tensor, size: Size, stride: int) -> Tensor:
    """(B, height, width) bool on the map of a view: which pixels show the file, not padding.

    Args:
        transform: (B, 3, 3) from crop to view.
        size: width and height of the view.
        stride: of the map.
    """
    map_size = (size[0] // stride, size[1] // stride)
    crop = source_grid(at_stride(transform, stride), map_size)
    file = source_grid(at_stride(transform @ inverse(batch.to_file), stride), map_size)
    limits = batch.file_size[:, None, None, :] / stride
    # Beyond the crop a view shows fill, even where the file goes on.
    in_crop = inside(crop, batch.size[0] / stride, batch.size[1] / stride)
    return in_crop & inside(file, limits[..., 0], limits[..., 1])
