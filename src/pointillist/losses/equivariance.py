"""Transformation equivariance: the heatmaps of a moved image are the moved heatmaps."""

from __future__ import annotations

from torch import Tensor, nn

from pointillist.geometry import warp


class TransformationEquivarianceLoss(nn.Module):
    """|| f(g(x)) - g(f(x)) ||^2, averaged over pixels (Moskvyak et al., ICLR 2021, eq. 2).

    The same transform g acts on image and heatmaps; both branches get gradients. That it is not
    the inverse transform is the difference to the equivariant landmark transformation of Honari
    et al. (CVPR 2018).

    Shape:
        - of_moved: (B, K, H, W), f(g(x))
        - heatmaps: (B, K, H, W), f(x)
        - transform: (B, 3, 3), g between heatmap pixels
        - valid: (B, H, W) or none: pixels of the moved heatmaps that came from inside
        - output: a scalar
    """

    def forward(
        self, of_moved: Tensor, heatmaps: Tensor, transform: Tensor, valid: Tensor | None = None
    ) -> Tensor:
        """Squared error over the pixels that count."""
        height, width = heatmaps.shape[-2:]
        moved = warp(heatmaps.float(), transform, (width, height))
        error = ((of_moved.float() - moved) ** 2).mean(dim=1)
        if valid is None:
            return error.mean()
        weight = valid.to(error.dtype)
        return (error * weight).sum() / weight.sum().clamp_min(1)
