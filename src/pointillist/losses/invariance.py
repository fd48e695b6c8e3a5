"""Transformation invariance: a keypoint's representation does not change when the image moves."""

from __future__ import annotations

from torch import Tensor, nn


class TransformationInvarianceLoss(nn.Module):
    """|| z - z' ||^2, averaged over entries (Moskvyak et al., ICLR 2021, eq. 3 and 4).

    Shape:
        - first, second: (B, K, C) representations of an image and of its moved copy
        - counts: (B, K), how much each representation counts: 0 or false leaves it out
        - output: a scalar
    """

    def forward(self, first: Tensor, second: Tensor, counts: Tensor) -> Tensor:
        """Squared difference, averaged over channels and the representations that count."""
        each = ((first.float() - second.float()) ** 2).mean(dim=2)
        weight = counts.to(each.dtype)
        return (each * weight).sum() / weight.sum().clamp_min(1)
