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
