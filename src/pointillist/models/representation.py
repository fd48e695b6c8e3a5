"""Semantic keypoint representations: z_i = GMP(F * h_i)."""

from __future__ import annotations

import torch
from torch import Tensor


def represent(features: Tensor, heatmaps: Tensor) -> Tensor:
    """What the features look like where each heatmap is high.

    z_i = GMP(F * h_i), the global maximum over pixels of features times the i-th heatmap
    (Moskvyak et al., ICLR 2021, section 3.1).

    Written plainly the product is a (B, K, C, H, W) tensor, kept for the gradient. A maximum
    passes its gradient to one pixel only, so the pixel is found without gradient, one keypoint at
    a time, and features and heatmaps are read at it: the same value and gradient from K times
    less memory.

    Args:
        features: (B, C, H, W).
        heatmaps: (B, K, H, W).

    Returns:
        (B, K, C).
    """
    # A network's output may be channels_last; the search reads plane after plane, ten times faster.
    flat_features = features.contiguous().flatten(2)
    flat_heatmaps = heatmaps.contiguous().flatten(2)
    places = _places(flat_features.detach(), flat_heatmaps.detach())
    at_features = flat_features.gather(2, places.transpose(1, 2)).transpose(1, 2)
    return at_features * flat_heatmaps.gather(2, places)


def _places(features: Tensor, heatmaps: Tensor) -> Tensor:
    """(B, K, C) where on a map each product of features (B, C, P) and heatmap (B, K, P) is
    highest."""
    product = torch.empty(
        features.shape, dtype=torch.result_type(features, heatmaps), device=features.device
    )
    # On a CPU numpy's search takes a third of the time of PyTorch's.
    on_cpu = product.device.type == "cpu" and product.dtype == torch.float32
    places = []
    for heatmap in heatmaps.unbind(dim=1):
        torch.mul(features, heatmap[:, None], out=product)
        found = torch.from_numpy(product.numpy().argmax(axis=2)) if on_cpu else product.argmax(2)
        places.append(found)
    return torch.stack(places, dim=1)
