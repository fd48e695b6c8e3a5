"""Mixup and CutMix: of images, of features, and of the heatmaps that belong to them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def partners(count: int) -> Tensor:
    """(count,) which other image each image is mixed with; nobody's partner is itself.

    A single image has no other.
    """
    order = torch.randperm(count)
    partner = torch.empty_like(order)
    partner[order] = order.roll(1)
    return partner


def mixup_shares(count: int, alpha: float) -> Tensor:
    """(count,) shares of the first image, from a Beta(alpha, alpha) distribution."""
    # From two gammas and not torch.distributions, which would check its arguments each time.
    gamma = torch._standard_gamma(torch.full((2, count), alpha))
    return gamma[0] / gamma.sum(dim=0).clamp_min(1e-12)


def mixup(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """share * first + (1 - share) * second (Zhang et al., ICLR 2018).

    Args:
        first, second: (B, ...).
        share: (B,).
    """
    share = share.to(first).reshape(-1, *[1] * (first.ndim - 1))
    return share * first + (1 - share) * second


def cutmix(first: Tensor, second: Tensor, mask: Tensor) -> Tensor:
    """Images or heatmaps (B, C, H, W): the second where the mask (B, H, W) is set.

    Yun et al., ICCV 2019.
    """
    return torch.where(mask[:, None], second, first)


def mask_on_map(mask: Tensor, stride: int) -> Tensor:
    """A mask (B, H, W) of pixels on heatmaps: (B, H / stride, W / stride) bool.

    A heatmap pixel is set where at least half of its pixels are.
    """
    return F.avg_pool2d(mask[:, None].float(), stride)[:, 0] >= 0.5
