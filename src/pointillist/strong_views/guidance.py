"""What a teacher saw in one view, brought into the view that a student sees."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pointillist import geometry
from pointillist.batch import View
from pointillist.heatmaps import decode
from pointillist.precision import in_float32


@dataclass(frozen=True)
class Guidance:
    """A teacher's answer in a student's view.

    Args:
        heatmaps: (B, K, h, w) float32; 0 where the teacher's view showed nothing.
        pixels: (B, h, w) bool: heatmap pixels that the teacher's view showed.
        points: (B, K, 2) the peaks, in the student's view's pixels.
        confidence: (B, K) height of the peaks, in [0, 1].
        inside: (B, K) bool: peaks that lie within the student's view.
    """

    heatmaps: Tensor
    pixels: Tensor
    points: Tensor
    confidence: Tensor
    inside: Tensor

    def select(self, which: Tensor) -> Guidance:
        """The rows that a mask (B,) bool or indices (N,) name."""
        return Guidance(**{f.name: getattr(self, f.name)[which] for f in fields(self)})


@in_float32
def carry(heatmaps: Tensor, weak: View, strong: View, order: Tensor, stride: int) -> Guidance:
    """Heatmaps of one view of a batch in the place where another view of it shows them.

    Args:
        heatmaps: (B, K, h, w) of the view ``weak``.
        weak, strong: two views of the same crops.
        order: (K,) which point each point becomes in a mirror image.
        stride: view pixels per heatmap pixel.
    """
    height, width = heatmaps.shape[-2:]
    between = strong.transform @ geometry.inverse(weak.transform)
    # A flipped view has its lefts and rights exchanged; where only one is flipped, the channels
    # change places.
    exchanged = weak.flipped != strong.flipped
    found, confidence = decode(heatmaps, "dark")
    points = geometry.transform_points(between, found * stride)
    points = torch.where(exchanged[:, None, None], points[:, order], points)
    confidence = torch.where(exchanged[:, None], confidence[:, order], confidence)
    on_map = geometry.at_stride(between, stride)
    # Bicubic: two pixels beside the peak of a Gaussian of sigma 1, bilinear interpolation gives
    # 78 % of it. Teachers that hand on such heatmaps fade, step by step. Near the border its
    # neighbours go on as they end there: with zeros, a peak on the border would fade as well.
    moved = geometry.warp(heatmaps, on_map, (width, height), mode="bicubic", padding="border")
    pixels = geometry.valid_mask(on_map, (width, height), (width, height))
    moved = torch.where(exchanged[:, None, None, None], moved[:, order], moved)
    return Guidance(
        heatmaps=moved * pixels[:, None],
        pixels=pixels,
        points=points,
        confidence=confidence,
        inside=geometry.inside(points, float(strong.size[0]), float(strong.size[1])),
    )
