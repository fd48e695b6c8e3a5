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
    # (0, 1). Against f(g(x)) = (0, 0.75) the squares are 0 and 0.0625. Unmoved it would be (1, 0)
    # and 0.78125, moved to the left (0, 0) and 0.28125.
    heatmaps = torch.tensor([[[[1.0, 0.0]]]])
    of_moved = torch.tensor([[[[0.0, 0.75]]]])
    loss = TransformationEquivarianceLoss()
    assert math.isclose(loss(of_moved, heatmaps, shift(1, 0)).item(), 0.03125, rel_tol=1e-6)
    # Only the right pixel came from inside.
    of_moved = torch.tensor([[[[9.0, 0.75]]]])
    valid = torch.tensor([[[False, True]]])
    assert math.isclose(loss(of_moved, heatmaps, shift(1, 0), valid).item(), 0.0625, rel_tol=1e-6)


def test_gradcheck() -> None:
    generator = torch.Generator().manual_seed(0)
    of_moved, heatmaps = torch.rand(2, 2, 3, 4, 5, dtype=torch.float64, generator=generator)
    transform = geometry.compose(geometry.rotation(torch.tensor([0.1, 0.2])), shift(0.5, 0.25))
    valid = torch.rand(2, 4, 5, generator=generator) > 0.3
    # Both branches get gradients. The loss is a parabola in each: the step does not matter,
    # float32 does.
    assert torch.autograd.gradcheck(
        lambda a, b: TransformationEquivarianceLoss()(a, b, transform, valid).double(),
        (of_moved.requires_grad_(), heatmaps.requires_grad_()),
        eps=1e-2,
        atol=1e-3,
    )
