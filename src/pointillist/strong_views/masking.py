"""Masks over joints: what is hidden has to be inferred from the rest of the body."""

from __future__ import annotations

import torch
from torch import Tensor

from pointillist.geometry import Size


def choose_joints(candidates: Tensor, count: Tensor | int) -> Tensor:
    """Draws joints without replacement.

    Args:
        candidates: (B, K) bool, which joints may be drawn.
        count: (B,) or one number for all, how many in each image; fewer if there are not so many.

    Returns:
        (B, K) bool.
    """
    # Drawn on the CPU: the same on every device.
    lot = torch.rand(candidates.shape).to(candidates.device).masked_fill(~candidates, -1.0)
    rank = lot.argsort(dim=1, descending=True).argsort(dim=1)
    limit = count[:, None] if isinstance(count, Tensor) else count
    return candidates & (rank < limit)


def squares(points: Tensor, half: Tensor, size: Size) -> Tensor:
    """Squares around points, all of an image in one mask.

    Args:
        points: (B, N, 2) centres in pixels; one with NaN has no square.
        half: (B, N) half of the side in pixels; 0: no square.
        size: width and height of the mask.

    Returns:
        (B, height, width) bool: pixels whose centre is inside a square.
    """
    width, height = size
    x = torch.arange(width, device=points.device) + 0.5
    y = torch.arange(height, device=points.device) + 0.5
    along_x = (x - points[..., :1]).abs() < half[..., None]
    along_y = (y - points[..., 1:]).abs() < half[..., None]
    return (along_y[..., :, None] & along_x[..., None, :]).any(dim=1)


def joint_cutout(
    points: Tensor, chosen: Tensor, size: Size, *, half: tuple[float, float], jitter: float
) -> Tensor:
    """Squares of random size around chosen joints.

    Args:
        points: (B, K, 2) joints in pixels.
        chosen: (B, K) bool, which get a square.
        size: width and height of the image.
        half: least and greatest half side, as shares of the image's shorter side.
        jitter: standard deviation of the centres about the joints, as a share of the shorter side.

    Returns:
        (B, height, width) bool.
    """
    shorter = min(size)
    least, most = (shorter * share for share in half)
    sides = least + (most - least) * torch.rand(chosen.shape)
    moved = points + (jitter * shorter * torch.randn(points.shape)).to(points.device)
    return squares(moved, sides.to(points.device) * chosen, size)


def blank(images: Tensor, mask: Tensor) -> Tensor:
    """Images (B, C, H, W), normalised, with the mean colour where the mask (B, H, W) is set."""
    return images.masked_fill(mask[:, None], 0.0)
