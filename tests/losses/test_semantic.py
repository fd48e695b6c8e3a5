"""Semantic consistency loss against values worked out by hand."""

from __future__ import annotations

import math

import torch

from pointillist.losses import SemanticConsistencyLoss


def test_equal_logits_cost_the_logarithm_of_the_number_of_keypoints() -> None:
    logits = torch.zeros(2, 5, 5)
    loss = SemanticConsistencyLoss()(logits, torch.ones(2, 5))
    assert math.isclose(loss.item(), math.log(5), rel_tol=1e-6)


def test_the_right_class_of_the_i_th_representation_is_i() -> None:
    # Softmax of (ln 3, 0) is (3/4, 1/4): right with 3/4 for the first, wrong with 3/4 for the
    # second, whose right class is the other one.
    row = [math.log(3), 0.0]
    logits = torch.tensor([[row, row]])
    loss = SemanticConsistencyLoss()(logits, torch.ones(1, 2))
    assert math.isclose(loss.item(), -(math.log(3 / 4) + math.log(1 / 4)) / 2, rel_tol=1e-6)


def test_what_does_not_count_is_left_out() -> None:
    row = [math.log(3), 0.0]
    logits = torch.tensor([[row, row]])
    loss = SemanticConsistencyLoss()(logits, torch.tensor([[True, False]]))
    assert math.isclose(loss.item(), -math.log(3 / 4), rel_tol=1e-6)
    assert SemanticConsistencyLoss()(logits, torch.zeros(1, 2)).item() == 0


def test_gradient() -> None:
    logits = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    counts = torch.tensor([[1.0, 1, 0], [1, 0, 1]], dtype=torch.float64)
    loss = SemanticConsistencyLoss()(logits, counts)
    (gradient,) = torch.autograd.grad(loss, logits)
    # The gradient of cross-entropy is softmax less the one-hot target, over the four that count.
    wanted = (logits.softmax(-1) - torch.eye(3)) * counts[..., None] / 4
    torch.testing.assert_close(gradient, wanted, atol=1e-6, rtol=1e-5)
