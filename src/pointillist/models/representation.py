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
    with torch.no_grad():
        places = torch.stack(
            [
                (flat_features * flat_heatmaps[:, k : k + 1]).argmax(dim=2)
                for k in range(heatmaps.shape[1])
            ],
            dim=1,
        )
    at_features = flat_features.gather(2, places.transpose(1, 2)).transpose(1, 2)
    return at_features * flat_heatmaps.gather(2, places)
