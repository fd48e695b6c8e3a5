"""Semantic consistency: a representation must be recognised as its own keypoint's."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SemanticConsistencyLoss(nn.Module):
    """Cross-entropy of the keypoint classifier (Moskvyak et al., ICLR 2021, eq. 1).

    The right class of the i-th representation is i: the order of the heatmaps is fixed.

    Shape:
        - logits: (B, K, K)
        - counts: (B, K), how much each representation counts: 0 or false leaves it out
        - output: a scalar
    """

    def forward(self, logits: Tensor, counts: Tensor) -> Tensor:
        """Mean over the representations that count."""
        images, keypoints = logits.shape[:2]
        target = torch.arange(keypoints, device=logits.device).expand(images, keypoints)
        each = F.cross_entropy(logits.float().transpose(1, 2), target, reduction="none")
        weight = counts.to(each.dtype)
        return (each * weight).sum() / weight.sum().clamp_min(1)
