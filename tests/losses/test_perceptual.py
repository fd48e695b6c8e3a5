"""Perceptual loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pointillist.losses import PerceptualLoss


class Doubled(nn.Module):
    """One 'feature': the image times a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, images: Tensor) -> list[Tensor]:
        return [self.weight * images]


def test_value_by_hand() -> None:
    # Pixels differ by 1: 1. Features differ by 2, squared 4, over the mean square of the wanted
    # features (2 * 1) ** 2 = 4: 1. The mean of pixels and one layer is 1.
    target = torch.ones(1, 3, 4, 4)
    generated = torch.zeros(1, 3, 4, 4)
    assert math.isclose(PerceptualLoss(Doubled())(generated, target).item(), 1.0, rel_tol=1e-6)


def test_the_network_does_not_learn_and_the_image_does() -> None:
    network = Doubled()
    loss = PerceptualLoss(network).train()
    generated = torch.zeros(1, 3, 4, 4, requires_grad=True)
    loss(generated, torch.ones(1, 3, 4, 4)).backward()
    # Pixels: 2 (0 - 1) / 48. Features: 2 * 2 (0 - 2) / 48, over 4. Their mean is -1 / 24.
    assert generated.grad is not None
    torch.testing.assert_close(generated.grad, torch.full((1, 3, 4, 4), -1 / 24))
    assert not network.weight.requires_grad
    assert not network.training
