"""Equivariant landmark loss."""

from __future__ import annotations

import math

import torch

from pointillist import geometry
from pointillist.losses import EquivariantLandmarkLoss


def test_points_that_lead_back_cost_nothing() -> None:
    points = torch.tensor([[[1.0, 2.0], [5.0, 3.0]]])
    turn = geometry.rotation(torch.tensor([0.3]))
    moved = geometry.transform_points(turn, points)
    loss = EquivariantLandmarkLoss()
    assert loss(moved, points, turn).item() < 1e-10


def test_value_by_hand() -> None:
    # The transform doubles; (4, 2) leads back to (2, 1), which is (1, 1) from (1, 0).
    double = geometry.scaling(torch.tensor([2.0]), torch.tensor([2.0]))
    loss = EquivariantLandmarkLoss()
    value = loss(torch.tensor([[[4.0, 2.0]]]), torch.tensor([[[1.0, 0.0]]]), double)
    assert math.isclose(value.item(), 2.0, rel_tol=1e-6)


def test_gradient() -> None:
    # The transform doubles, so a step of a point in the moved image is half of one in the image.
    double = geometry.scaling(torch.tensor([2.0]), torch.tensor([2.0]))
    of_moved = torch.tensor([[[4.0, 2.0], [0.0, 6.0]]], requires_grad=True)
    points = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]], requires_grad=True)
    EquivariantLandmarkLoss()(of_moved, points, double).backward()
    # What is apart is (1, 1) and (0, 1); squared and averaged over two points.
    apart = torch.tensor([[[1.0, 1.0], [0.0, 1.0]]])
    torch.testing.assert_close(points.grad, -apart)
    torch.testing.assert_close(of_moved.grad, apart / 2)
