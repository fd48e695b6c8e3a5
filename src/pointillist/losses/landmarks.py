"""Equivariant landmark transformation: points of a moved image lead back to the same points."""

from __future__ import annotations

from torch import Tensor, nn

from pointillist.geometry import inverse, transform_points


class EquivariantLandmarkLoss(nn.Module):
    """|| g^-1(p(g(x))) - p(x) ||^2, averaged (Honari et al., CVPR 2018, section 3.3).

    Points, not heatmaps, and the inverse transform: a point that g moves out of the image cannot
    be brought back, which is what the transformation equivariance of Moskvyak et al. avoids.

    Shape:
        - of_moved: (B, K, 2), points found in the moved image
        - points: (B, K, 2), points found in the image
        - transform: (B, 3, 3), g, in the points' own units
        - output: a scalar
    """

    def forward(self, of_moved: Tensor, points: Tensor, transform: Tensor) -> Tensor:
        """Squared distance, averaged over points."""
        back = transform_points(inverse(transform), of_moved)
        return ((back - points) ** 2).sum(dim=-1).mean()
