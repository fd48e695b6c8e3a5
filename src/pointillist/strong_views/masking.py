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


def rectangles(points: Tensor, half: Tensor, size: Size) -> Tensor:
    """Rectangles around points, all of an image in one mask.

    Args:
        points: (B, N, 2) centres x, y in pixels; one with NaN has no rectangle.
        half: (B, N, 2) half of width and height in pixels; 0: no rectangle.
        size: width and height of the mask.

    Returns:
        (B, height, width) bool: pixels whose centre is inside a rectangle.
    """
    return each_rectangle(points, half, size).any(dim=1)


def each_rectangle(points: Tensor, half: Tensor, size: Size) -> Tensor:
    """The same, one mask for each point: (B, N, height, width) bool."""
    width, height = size
    x = torch.arange(width, device=points.device) + 0.5
    y = torch.arange(height, device=points.device) + 0.5
    along_x = (x - points[..., :1]).abs() < half[..., :1]
    along_y = (y - points[..., 1:]).abs() < half[..., 1:]
    return along_y[..., :, None] & along_x[..., None, :]


def random_halves(shape: tuple[int, int], size: Size, shares: tuple[float, float]) -> Tensor:
    """(*shape, 2) half widths and heights in pixels, drawn between two shares of the shorter side.

    Width and height are drawn apart from each other.
    """
    least, most = (min(size) * share for share in shares)
    return least + (most - least) * torch.rand(*shape, 2)


def joint_cutout(
    points: Tensor, chosen: Tensor, size: Size, *, shares: tuple[float, float], jitter: float
) -> Tensor:
    """Rectangles of random size around chosen joints.

    Args:
        points: (B, K, 2) joints in pixels.
        chosen: (B, K) bool, which are covered.
        size: width and height of the image.
        shares: least and greatest half side, as shares of the image's shorter side.
        jitter: standard deviation of the centres about the joints, as a share of the shorter side.

    Returns:
        (B, height, width) bool.
    """
    images, joints = chosen.shape
    half = random_halves((images, joints), size, shares).to(points.device)
    moved = points + (jitter * min(size) * torch.randn(points.shape)).to(points.device)
    return rectangles(moved, half * chosen[..., None], size)


def cutout(images: int, count: int, size: Size, *, shares: tuple[float, float]) -> Tensor:
    """(images, height, width) bool: ``count`` rectangles of random size at random places each."""
    centre = torch.rand(images, count, 2) * torch.tensor(size)
    return rectangles(centre, random_halves((images, count), size, shares), size)


def blank(images: Tensor, mask: Tensor) -> Tensor:
    """Images (B, C, H, W), normalised, with the mean colour where the mask (B, H, W) is set."""
    return images.masked_fill(mask[:, None], 0.0)


def relative_responses(responses: Tensor) -> Tensor:
    """How high each joint's peak is between the lowest and the highest of its image.

    r_i^j = (H_i^j - H_i^min) / (H_i^max - H_i^min) (Meng et al., 2024, figure 2).

    Args:
        responses: (B, K) peaks H.

    Returns:
        (B, K) in [0, 1]. Where all peaks are the same, which the paper leaves open, 1: each is as
        high as the highest.
    """
    least = responses.amin(dim=1, keepdim=True)
    range_ = responses.amax(dim=1, keepdim=True) - least
    relative = (responses - least) / range_.clamp_min(1e-6)
    return torch.where(range_ < 1e-6, 1.0, relative)


def allot_masks(
    responses: Tensor, *, threshold: float, fewest: int, most: int, hopeless: float
) -> Tensor:
    """How many masks each image gets: the more, the larger its share of easy joints.

    Args:
        responses: (B, K) the teacher's peaks.
        threshold: a joint is easy if its relative response is at least so much.
        fewest, most: masks of an image.
        hopeless: an image whose highest peak is no higher is extremely difficult: it gets the
            fewest, as its relative responses say nothing.

    Returns:
        (B,) whole numbers.
    """
    share = (relative_responses(responses) >= threshold).float().mean(dim=1)
    count = (share * most).round().clamp(fewest, most).long()
    return torch.where(responses.amax(dim=1) <= hopeless, fewest, count)
