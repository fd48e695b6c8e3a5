"""Transformation equivariance loss."""

from __future__ import annotations

import math

import torch

from pointillist import geometry
from pointillist.heatmaps import encode
from pointillist.losses import TransformationEquivarianceLoss


def shift(x: float, y: float) -> torch.Tensor:
    return geometry.translation(torch.tensor([x]), torch.tensor([y]))


def test_heatmaps_that_move_with_the_image_cost_nothing() -> None:
    # Non-square, and a shift by whole pixels, so that interpolation plays no part.
    points = torch.tensor([[[4.5, 6.5], [7.5, 9.5]]])
    heatmaps, moved = encode(points, (12, 16), 1.0), encode(points + 2, (12, 16), 1.0)
    loss = TransformationEquivarianceLoss()
    valid = geometry.valid_mask(shift(2, 2), (12, 16), (12, 16))
    assert loss(moved, heatmaps, shift(2, 2), valid).item() < 1e-12
    assert loss(heatmaps, heatmaps, shift(2, 2), valid).item() > 1e-3


def test_value_by_hand() -> None:
    # f(x) is 1 in the left column of a 1 x 2 map and moves one pixel to the right: g(f(x)) is
    # (0, 1). Against f(g(x)) = (0.5, 0.5) the squares are 0.25 and 0.25.
    heatmaps = torch.tensor([[[[1.0, 0.0]]]])
    of_moved = torch.full((1, 1, 1, 2), 0.5)
    loss = TransformationEquivarianceLoss()
    assert math.isclose(loss(of_moved, heatmaps, shift(1, 0)).item(), 0.25, rel_tol=1e-6)
    # Only the right pixel came from inside.
    of_moved = torch.tensor([[[[9.0, 0.5]]]])
    valid = torch.tensor([[[False, True]]])
    assert math.isclose(loss(of_moved, heatmaps, shift(1, 0), valid).item(), 0.25, rel_tol=1e-6)


def test_both_branches_get_gradients() -> None:
    heatmaps = torch.rand(1, 2, 6, 8, requires_grad=True)
    of_moved = torch.rand(1, 2, 6, 8, requires_grad=True)
    TransformationEquivarianceLoss()(of_moved, heatmaps, shift(0.5, 0.25)).backward()
    assert heatmaps.grad is not None
    assert of_moved.grad is not None
    assert heatmaps.grad.abs().sum() > 0
    assert of_moved.grad.abs().sum() > 0
