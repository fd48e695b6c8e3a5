"""Patches pasted over joints: what hides them looks like a body, not like a mask."""

from __future__ import annotations

import torch
from torch import Tensor

from pointillist.strong_views.masking import each_rectangle


def paste(images: Tensor, source: Tensor, at: Tensor, origin: Tensor, half: Tensor) -> Tensor:
    """Copies rectangles of one image over places in another.

    Args:
        images: (B, C, H, W), pasted over.
        source: (B, C, H, W), copied from.
        at: (B, N, 2) centres of the places, x, y in pixels.
        origin: (B, N, 2) centres of what is copied; it is moved by whole pixels.
        half: (B, N, 2) half widths and heights in pixels; 0: nothing is pasted.

    Returns:
        (B, C, H, W); a patch that reaches beyond the source is cut off there.
    """
    height, width = images.shape[-2:]
    where = each_rectangle(at, half, (width, height))
    shift = (origin - at).round().nan_to_num().long()
    x = torch.arange(width, device=images.device)
    y = torch.arange(height, device=images.device)
    flat = source.flatten(2)
    for n in range(at.shape[1]):
        from_x, from_y = x + shift[:, n, :1], y + shift[:, n, 1:]
        in_x, in_y = (from_x >= 0) & (from_x < width), (from_y >= 0) & (from_y < height)
        pixel = (
            from_y.clamp(0, height - 1)[:, :, None] * width + from_x.clamp(0, width - 1)[:, None]
        )
        copied = flat.gather(2, pixel.flatten(1)[:, None].expand(-1, flat.shape[1], -1))
        here = where[:, n] & in_y[:, :, None] & in_x[:, None]
        images = torch.where(here[:, None], copied.view_as(images), images)
    return images
