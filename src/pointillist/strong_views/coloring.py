"""RandAugment's changes of colour, on batches: each image gets some of ten, drawn at random.

Cubuk et al., "RandAugment", CVPR Workshops 2020; only what leaves every pixel where it is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from pointillist.augment import LUMA

#: images (B, 3, H, W) in [0, 1] and strength (B, 1, 1, 1) in [-1, 1] -> images.
Change = Callable[[Tensor, Tensor], Tensor]


def _blend(first: Tensor, second: Tensor, strength: Tensor) -> Tensor:
    """Away from the second image, or towards it: 1 + 0.9 strength parts of the first."""
    return second + (1 + 0.9 * strength) * (first - second)


def _gray(images: Tensor) -> Tensor:
    luma = images.new_tensor(LUMA)[:, None, None]
    return (images * luma).sum(dim=1, keepdim=True).expand_as(images)


def saturation(images: Tensor, strength: Tensor) -> Tensor:
    """Against the grey image."""
    return _blend(images, _gray(images), strength)


def contrast(images: Tensor, strength: Tensor) -> Tensor:
    """Against the mean grey."""
    return _blend(images, _gray(images).mean(dim=(1, 2, 3), keepdim=True), strength)


def brightness(images: Tensor, strength: Tensor) -> Tensor:
    """Against black."""
    return _blend(images, torch.zeros_like(images), strength)


def sharpness(images: Tensor, strength: Tensor) -> Tensor:
    """Against a smoothed image; the outermost pixels stay."""
    kernel = images.new_tensor([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    smooth = images.clone()
    smooth[:, :, 1:-1, 1:-1] = F.conv2d(images, kernel.expand(3, 1, 3, 3), groups=3)
    return _blend(images, smooth, strength)


def invert(images: Tensor, strength: Tensor) -> Tensor:
    """Negative; the strength does not matter."""
    return 1 - images


def posterize(images: Tensor, strength: Tensor) -> Tensor:
    """Keeps 8 to 4 bits of each value."""
    levels = 2 ** (8 - (4 * strength.abs()).round())
    return (images * 255 * levels / 256).floor() * 256 / levels / 255


def solarize(images: Tensor, strength: Tensor) -> Tensor:
    """Negative of the values above a threshold that falls with the strength."""
    return torch.where(images > 1 - strength.abs(), 1 - images, images)


def solarize_after_adding(images: Tensor, strength: Tensor) -> Tensor:
    """Brighter by up to 110 of 255, then the negative of the values above the middle."""
    brighter = (images + strength.abs() * 110 / 255).clamp(0, 1)
    return torch.where(brighter > 0.5, 1 - brighter, brighter)


def stretch(images: Tensor, strength: Tensor) -> Tensor:
    """Each channel from black to full; the strength does not matter."""
    least, most = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
    return torch.where(most > least, (images - least) / (most - least).clamp_min(1e-6), images)


def equalize(images: Tensor, strength: Tensor) -> Tensor:
    """Each channel's 256 values equally often; the strength does not matter."""
    count, channels = images.shape[:2]
    value = (images * 255).round().long().flatten(2)
    histogram = torch.zeros(count, channels, 256, device=images.device)
    histogram.scatter_add_(2, value, torch.ones_like(value, dtype=histogram.dtype))
    below = (histogram.cumsum(dim=2) - histogram).gather(2, value)
    most = below.amax(dim=2, keepdim=True)  # 0: a channel of one value, which stays
    even = torch.where(most > 0, below / most.clamp_min(1), images.flatten(2))
    return even.view_as(images)


CHANGES: tuple[Change, ...] = (
    stretch,
    equalize,
    invert,
    posterize,
    solarize,
    solarize_after_adding,
    saturation,
    contrast,
    brightness,
    sharpness,
)


def rand_augment(images: Tensor, count: int, magnitude: float) -> Tensor:
    """Each image after ``count`` of :data:`CHANGES`, drawn with replacement.

    Args:
        images: (B, 3, H, W) RGB in [0, 1].
        count: changes of an image.
        magnitude: strength of each, in [0, 1]; its sign is drawn.

    Returns:
        (B, 3, H, W) in [0, 1].
    """
    images = images.clone()
    for _ in range(count):
        # Drawn on the CPU, so that which images get which change need not wait for the device.
        kind = torch.randint(len(CHANGES), (len(images),))
        sign = 2.0 * torch.randint(2, (len(images), 1, 1, 1)) - 1
        for number, change in enumerate(CHANGES):
            rows = torch.nonzero(kind == number)[:, 0]
            if len(rows):
                strength = magnitude * sign[rows].to(images.device)
                rows = rows.to(images.device)
                images[rows] = change(images[rows], strength).clamp(0, 1)
    return images
