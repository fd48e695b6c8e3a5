"""Homographies, the one transform type: crop, flip, rotation, scale, shift and perspective alike.

A transform is a (B, 3, 3) matrix that maps input pixels to output pixels, both continuous with
the centre of the top-left pixel at (0.5, 0.5). Transforms compose by multiplication, the first
one rightmost: ``second @ first``. Points, images and heatmaps go through the same matrix.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from pointillist.precision import in_float32

Size = tuple[int, int]
"""Width and height in pixels."""


def identity(count: int, like: Tensor | None = None) -> Tensor:
    """(count, 3, 3) transforms that change nothing, with the type and device of ``like``."""
    eye = torch.eye(3) if like is None else torch.eye(3, dtype=like.dtype, device=like.device)
    return eye.expand(count, 3, 3).clone()


def translation(x: Tensor, y: Tensor) -> Tensor:
    """Shift by x, y pixels, each (B,)."""
    matrix = identity(len(x), x)
    matrix[:, 0, 2], matrix[:, 1, 2] = x, y
    return matrix


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """Scale about the origin by factors x, y, each (B,)."""
    matrix = identity(len(x), x)
    matrix[:, 0, 0], matrix[:, 1, 1] = x, y
    return matrix


def rotation(angle: Tensor) -> Tensor:
    """Rotation about the origin by ``angle`` radians (B,); positive turns x towards y."""
    matrix = identity(len(angle), angle)
    sine, cosine = torch.sin(angle), torch.cos(angle)
    matrix[:, 0, 0], matrix[:, 0, 1] = cosine, -sine
    matrix[:, 1, 0], matrix[:, 1, 1] = sine, cosine
    return matrix


def mirror(width: float, flipped: Tensor) -> Tensor:
    """Left-right mirror of an image ``width`` pixels wide, where ``flipped`` (B,) bool says so."""
    matrix = identity(len(flipped)).to(flipped.device)
    matrix[:, 0, 0] = torch.where(flipped, -1.0, 1.0)
    matrix[:, 0, 2] = torch.where(flipped, float(width), 0.0)
    return matrix


@in_float32
def compose(*transforms: Tensor) -> Tensor:
    """The product of transforms (B, 3, 3): the last one acts first."""
    product = transforms[0]
    for transform in transforms[1:]:
        product = product @ transform
    return product


@in_float32
def about(transform: Tensor, x: float, y: float) -> Tensor:
    """The same transform about the point (x, y) in place of the origin."""
    moved = transform.new_tensor([[1, 0, x], [0, 1, y], [0, 0, 1]])
    back = transform.new_tensor([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
    return moved @ transform @ back


@in_float32
def from_corners(source: Tensor, target: Tensor) -> Tensor:
    """The homography that takes four points to four others.

    Args:
        source, target: (B, 4, 2) points, no three on one line.

    Returns:
        (B, 3, 3) with the last entry 1.
    """
    x, y = source.unbind(-1)
    u, v = target.unbind(-1)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    rows_u = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], dim=-1)
    rows_v = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], dim=-1)
    system = torch.cat([rows_u, rows_v], dim=1)
    solution = torch.linalg.solve(system, torch.cat([u, v], dim=1))
    return torch.cat([solution, torch.ones_like(solution[:, :1])], dim=1).reshape(-1, 3, 3)


def corners(width: float, height: float, like: Tensor) -> Tensor:
    """(4, 2) corners of an image, clockwise from the top left."""
    return like.new_tensor([[0, 0], [width, 0], [width, height], [0, height]])


def inverse(transform: Tensor) -> Tensor:
    """The transform back, by the adjugate: exact enough in float32 and free of a LAPACK call."""
    a, b, c = transform.unbind(dim=-2)
    rows = torch.stack(
        [torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)], dim=-1
    )
    determinant = (a * rows[..., :, 0]).sum(dim=-1)
    return rows / determinant[..., None, None]


@in_float32
def transform_points(transform: Tensor, points: Tensor) -> Tensor:
    """Moves points.

    Args:
        transform: (B, 3, 3).
        points: (B, N, 2); NaN stays NaN.

    Returns:
        (B, N, 2).
    """
    moved = points @ transform[:, :2, :2].mT + transform[:, None, :2, 2]
    depth = points @ transform[:, 2, :2, None] + transform[:, None, 2:, 2]
    return moved / depth


def at_stride(transform: Tensor, stride: float) -> Tensor:
    """The same transform between maps that are ``stride`` times smaller than the images.

    From image to map is a division by the stride and nothing else, hence S^-1 T S.
    """
    scale = transform.new_tensor([stride, stride, 1.0])
    return transform * scale[None, None, :] / scale[None, :, None]


def source_grid(transform: Tensor, size: Size) -> Tensor:
    """Where the centre of every output pixel comes from.

    Args:
        transform: (B, 3, 3), input to output.
        size: width and height of the output.

    Returns:
        (B, height, width, 2) x, y in input pixels.
    """
    width, height = size
    back = inverse(transform.float())
    x = torch.arange(width, device=back.device, dtype=back.dtype) + 0.5
    y = torch.arange(height, device=back.device, dtype=back.dtype) + 0.5
    # Outer sums: no (B, HW, 3) array of homogeneous points is ever held.
    along_x = back[:, None, None, :, 0] * x[None, None, :, None]
    along_y = back[:, None, None, :, 1] * y[None, :, None, None]
    homogeneous = along_x + along_y + back[:, None, None, :, 2]
    return homogeneous[..., :2] / homogeneous[..., 2:]


def warp(
    images: Tensor, transform: Tensor, size: Size, *, padding: str = "zeros", mode: str = "bilinear"
) -> Tensor:
    """Images or heatmaps seen through a transform.

    Args:
        images: (B, C, H, W).
        transform: (B, 3, 3) from input pixels to output pixels.
        size: width and height of the output.
        padding: what lies outside: ``zeros``, ``border`` or ``reflection``.
        mode: ``bilinear``, or ``bicubic``, which peaks survive better.

    Returns:
        (B, C, height, width) in float32, or float64 where the images are.
    """
    height, width = images.shape[-2:]
    grid = source_grid(transform, size)
    grid = grid * grid.new_tensor([2.0 / width, 2.0 / height]) - 1.0
    # Positions in 16 bits would be off by whole pixels, and both must have one type.
    images = images.to(torch.promote_types(images.dtype, torch.float32))
    return F.grid_sample(
        images, grid.to(images.dtype), mode=mode, padding_mode=padding, align_corners=False
    )


def inside(points: Tensor, width: Tensor | float, height: Tensor | float) -> Tensor:
    """Whether points (..., 2) lie within [0, width] x [0, height]; NaN does not."""
    x, y = points.unbind(-1)
    return (x >= 0) & (x <= width) & (y >= 0) & (y <= height)


def valid_mask(transform: Tensor, source_size: Size, size: Size) -> Tensor:
    """(B, height, width) bool: which output pixels came from inside the source image."""
    return inside(source_grid(transform, size), float(source_size[0]), float(source_size[1]))


def degrees(angle: float) -> float:
    """Degrees to radians."""
    return angle * math.pi / 180.0
