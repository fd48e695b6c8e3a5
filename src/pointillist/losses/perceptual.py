"""Perceptual loss: images are compared by the features of a network that does not learn."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PerceptualLoss(nn.Module):
    """Squared difference of features, each layer scaled to its own size, plus that of pixels.

    After Johnson et al., ECCV 2016, as Jakab et al. (NeurIPS 2018, eq. 1) use it.

    Args:
        network: images -> list of feature tensors; frozen here and kept in evaluation mode.

    Shape:
        - generated, target: (B, 3, H, W), normalised as the network expects
        - output: a scalar
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> PerceptualLoss:
        """The network stays in evaluation mode."""
        return super().train(False)

    def forward(self, generated: Tensor, target: Tensor) -> Tensor:
        """Mean over layers and pixels."""
        with torch.no_grad():
            wanted = self.network(target)
        total = ((generated - target).float() ** 2).mean()
        for got, want in zip(self.network(generated), wanted, strict=True):
            scale = (want.float() ** 2).mean().clamp_min(1e-6)
            total = total + ((got.float() - want.float()) ** 2).mean() / scale
        return total / (1 + len(wanted))
