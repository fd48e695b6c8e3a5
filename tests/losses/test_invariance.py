"""Transformation invariance loss."""

from __future__ import annotations

import math

import torch

from pointillist.losses import TransformationInvarianceLoss


def test_value_by_hand() -> None:
    first = torch.tensor([[[1.0, 2.0], [0.0, 0.0]]])
    second = torch.tensor([[[1.0, 4.0], [3.0, 1.0]]])
    loss = TransformationInvarianceLoss()
    # Means over channels: (0 + 4) / 2 = 2 and (9 + 1) / 2 = 5; their mean is 3.5.
    assert math.isclose(loss(first, second, torch.ones(1, 2)).item(), 3.5)
    assert math.isclose(loss(first, second, torch.tensor([[True, False]])).item(), 2.0)


def test_it_is_symmetric_and_zero_for_equal_ones() -> None:
    first, second = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    counts = torch.ones(2, 3)
    loss = TransformationInvarianceLoss()
    assert loss(first, second, counts) == loss(second, first, counts)
    assert loss(first, first, counts) == 0


def test_gradient() -> None:
    first = torch.randn(2, 3, 4, requires_grad=True)
    second = torch.randn(2, 3, 4, requires_grad=True)
    counts = torch.tensor([[True, False, True], [True, True, False]])
    TransformationInvarianceLoss()(first, second, counts).backward()
    # Of a mean over four channels and the four that count: 2 (z - z') / 16.
    expected = (2 * (first - second).detach() / 16).where(counts[..., None], 0)
    torch.testing.assert_close(first.grad, expected)
    torch.testing.assert_close(second.grad, -expected)
