"""Mean squared error of heatmaps."""

from __future__ import annotations

from torch import Tensor, nn


class HeatmapLoss(nn.Module):
    """Mean squared error between predicted and target heatmaps, over the points that count.

    Shape:
        - predicted, target: (B, K, H, W)
        - counts: (B, K), how much each heatmap counts: 0 or false leaves it out
        - pixels: (B, H, W) or none, how much each pixel counts
        - output: a scalar; 0 (with gradient 0) where nothing counts
    """

    def forward(
        self, predicted: Tensor, target: Tensor, counts: Tensor, pixels: Tensor | None = None
    ) -> Tensor:
        """Squared error, averaged over pixels, then over the heatmaps that count."""
        difference = predicted.float() - target.float()
        # `where`, not a product: a heatmap that does not count may hold NaN. It has to go before
        # the square, whose gradient would be NaN again.
        error = difference.where(counts[..., None, None] > 0, 0) ** 2
        if pixels is None:
            each = error.mean(dim=(2, 3))
        else:
            weight = pixels.to(error.dtype)[:, None]
            each = (error * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3)).clamp_min(1e-6)
        counts = counts.to(each.dtype)
        return (each * counts).sum() / counts.sum().clamp_min(1e-6)
