"""Points to Gaussian heatmaps, heatmaps to sub-pixel points and confidence.

Heatmap pixels are input pixels divided by the stride; the centre of the top-left one is at
(0.5, 0.5), as everywhere.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from pointillist.errors import ConfigError, did_you_mean
from pointillist.geometry import Size
from pointillist.precision import in_float32

Decoding = Literal["argmax", "quarter", "dark"]


def encode(points: Tensor, size: Size, sigma: float) -> Tensor:
    """Gaussian heatmaps with a peak of 1.

    A Gaussian is separable, so only its two one-dimensional factors are computed.

    Args:
        points: (B, K, 2) in heatmap pixels; NaN gives a heatmap of zeros.
        size: width and height of the heatmaps.
        sigma: standard deviation in heatmap pixels.

    Returns:
        (B, K, height, width).
    """
    width, height = size
    points = torch.where(points.isfinite().all(-1, keepdim=True), points, -1e6)
    x = torch.arange(width, device=points.device, dtype=points.dtype) + 0.5
    y = torch.arange(height, device=points.device, dtype=points.dtype) + 0.5
    along_x, along_y = (
        torch.exp(-((axis - points[..., i : i + 1]) ** 2) / (2 * sigma**2))
        for i, axis in enumerate((x, y))
    )
    # Far from a point the product would be subnormal numbers, with which a CPU computes four times
    # slower; the factors end where they have fallen to 1e-9, at 6.4 sigma.
    along_x, along_y = (torch.where(a < 1e-9, 0, a) for a in (along_x, along_y))
    return along_y[..., :, None] * along_x[..., None, :]


@in_float32
def smoothed(heatmaps: Tensor, deviation: float, sigma: float) -> Tensor:
    """Heatmaps as a network would give them that had learnt wider Gaussians.

    What a network gives that has learnt Gaussians by their squared error is the mean of the
    Gaussians of all places that it holds possible. Smoothed, it is that of wider ones, and its
    peak is not the single likeliest pixel any more but the place with the most around it: the
    better answer where a point is right that lies near enough.

    Args:
        heatmaps: (B, K, H, W), learnt with Gaussians of ``sigma``.
        deviation: of the Gaussian that they are smoothed with, in heatmap pixels; 0: not at all.
        sigma: in heatmap pixels.

    Returns:
        (B, K, H, W) float32; a Gaussian of ``sigma`` keeps the height of its peak.
    """
    heatmaps = heatmaps.float()
    if not deviation:
        return heatmaps
    down, across = (_smoothing(side, deviation, heatmaps.device) for side in heatmaps.shape[-2:])
    height = 1 + (deviation / sigma) ** 2
    return height * (down @ heatmaps @ across.T)


def _smoothing(side: int, deviation: float, device: torch.device) -> Tensor:
    """(side, side): each row is the weights of the mean that takes a pixel's place.

    Beyond the edges nothing is known. Taken for zeros, it would draw a point by there inwards;
    left out of the mean, outwards, by as much. So it is left out by half.
    """
    at = torch.arange(side, device=device, dtype=torch.float32)
    weights = torch.exp(-((at[:, None] - at) ** 2) / (2 * deviation**2))
    known, everywhere = weights.sum(dim=1, keepdim=True), 2 * weights[0].sum() - 1
    return weights / (known * everywhere).sqrt()


def decode(heatmaps: Tensor, method: Decoding = "dark") -> tuple[Tensor, Tensor]:
    """The highest point of every heatmap, with sub-pixel precision.

    ``argmax`` is the centre of the highest pixel; ``quarter`` moves it a quarter pixel towards
    the higher neighbour (Newell et al., ECCV 2016); ``dark`` takes the peak of the second-order
    Taylor expansion of the logarithm (Zhang et al., CVPR 2020, eq. 9), which is exact for a
    Gaussian.

    Args:
        heatmaps: (B, K, H, W).

    Returns:
        points (B, K, 2) in heatmap pixels and confidence (B, K): the height of the highest
        pixel, limited to [0, 1].
    """
    if method not in get_args(Decoding):
        raise ConfigError(
            f"there is no decoding '{method}'", do=did_you_mean(method, get_args(Decoding))
        )
    width = heatmaps.shape[-1]
    peak, flat = heatmaps.float().flatten(2).max(dim=-1)
    column, row = flat % width, flat // width
    points = torch.stack([column, row], dim=-1).to(torch.float32) + 0.5
    if method == "quarter":
        points = points + 0.25 * _slope_signs(heatmaps, column, row)
    elif method == "dark":
        points = _taylor_peak(heatmaps, column, row, points)
    return points, peak.clamp(0, 1)


def _at(heatmaps: Tensor, column: Tensor, row: Tensor) -> Tensor:
    """Values (B, K) at pixel positions (B, K), which are limited to the map."""
    height, width = heatmaps.shape[-2:]
    flat = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
    return heatmaps.flatten(2).gather(2, flat[..., None])[..., 0].float()


def _slope_signs(heatmaps: Tensor, column: Tensor, row: Tensor) -> Tensor:
    height, width = heatmaps.shape[-2:]
    x = _at(heatmaps, column + 1, row) - _at(heatmaps, column - 1, row)
    y = _at(heatmaps, column, row + 1) - _at(heatmaps, column, row - 1)
    # On the border there is nothing to compare the one neighbour with.
    inner_x = (column > 0) & (column < width - 1)
    inner_y = (row > 0) & (row < height - 1)
    return torch.stack([x.sign() * inner_x, y.sign() * inner_y], dim=-1)


def _taylor_peak(heatmaps: Tensor, column: Tensor, row: Tensor, points: Tensor) -> Tensor:
    height, width = heatmaps.shape[-2:]
    if height < 3 or width < 3:
        return points
    # At the border the 3x3 neighbourhood moves inwards: the expansion of a Gaussian's logarithm
    # is exact around any pixel, so a peak on the outermost row loses nothing.
    column, row = column.clamp(1, width - 2), row.clamp(1, height - 2)
    centre = torch.stack([column, row], dim=-1).to(torch.float32) + 0.5

    def log(dx: int, dy: int) -> Tensor:
        return _at(heatmaps, column + dx, row + dy).clamp_min(1e-6).log()

    middle = log(0, 0)
    right, left, below, above = log(1, 0), log(-1, 0), log(0, 1), log(0, -1)
    gx, gy = 0.5 * (right - left), 0.5 * (below - above)
    hxx, hyy = right - 2 * middle + left, below - 2 * middle + above
    hxy = 0.25 * (log(1, 1) - log(-1, 1) - log(1, -1) + log(-1, -1))
    determinant = hxx * hyy - hxy**2
    # Only a maximum has a peak to go to; on a plateau or saddle the pixel's centre stands.
    good = (determinant > 1e-8) & (hxx < 0) & (hyy < 0)
    safe = torch.where(good, determinant, torch.ones_like(determinant))
    step = torch.stack([-(hyy * gx - hxy * gy) / safe, -(hxx * gy - hxy * gx) / safe], dim=-1)
    refined = centre + step
    # A heatmap that is no Gaussian must not throw the point out of its own pixel's surroundings.
    good = good & ((refined - points).abs() <= 1.0).all(dim=-1)
    return torch.where(good[..., None], refined, points)


def soft_argmax(heatmaps: Tensor, temperature: float = 1.0) -> Tensor:
    """Expected position under the softmax of each heatmap; differentiable.

    Args:
        heatmaps: (B, K, H, W).
        temperature: heatmaps are divided by it before the softmax.

    Returns:
        (B, K, 2) in heatmap pixels.
    """
    height, width = heatmaps.shape[-2:]
    weight = (heatmaps.float() / temperature).flatten(2).softmax(dim=-1)
    weight = weight.unflatten(2, (height, width))
    x = torch.arange(width, device=weight.device) + 0.5
    y = torch.arange(height, device=weight.device) + 0.5
    return torch.stack([(weight.sum(2) * x).sum(-1), (weight.sum(3) * y).sum(-1)], dim=-1)
