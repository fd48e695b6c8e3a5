from __future__ import annotations

import math

import pytest
import torch

from pointillist.losses import HeatmapLoss


def test_by_hand() -> None:
    # Two heatmaps of 2x2: errors 1, 0, 0, 0 (mean 1/4) and 2, 2, 0, 0 (mean of squares 2).
    target = torch.zeros(1, 2, 2, 2)
    predicted = torch.tensor([[[[1.0, 0], [0, 0]], [[2.0, 2.0], [0, 0]]]])
    loss = HeatmapLoss()
    assert loss(predicted, target, torch.tensor([[True, True]])).item() == (0.25 + 2) / 2
    assert loss(predicted, target, torch.tensor([[True, False]])).item() == 0.25
    # Weighted: (1 * 0.25 + 0.5 * 2) / 1.5.
    weighted = loss(predicted, target, torch.tensor([[1.0, 0.5]])).item()
    assert weighted == pytest.approx(1.25 / 1.5)
    # A weighted mean does not shrink with its weights.
    assert loss(predicted, target, torch.tensor([[0.0, 0.1]])).item() == pytest.approx(2)


def test_pixels_that_do_not_count_by_hand() -> None:
    target = torch.zeros(1, 2, 2, 2)
    predicted = torch.tensor([[[[1.0, 0], [0, 0]], [[2.0, 2.0], [0, 0]]]])
    left = torch.tensor([[[True, False], [True, False]]])
    both = torch.tensor([[True, True]])
    # Only the left column: 1/2 and 4/2.
    assert HeatmapLoss()(predicted, target, both, left).item() == pytest.approx((0.5 + 2) / 2)
    assert HeatmapLoss()(predicted, target, both, torch.zeros(1, 2, 2)).item() == 0


def test_perfect_is_zero_and_it_is_symmetric() -> None:
    a, b = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5)
    all_ = torch.ones(2, 3)
    assert HeatmapLoss()(a, a, all_).item() == 0
    assert torch.equal(HeatmapLoss()(a, b, all_), HeatmapLoss()(b, a, all_))


def test_nothing_counts() -> None:
    predicted = torch.rand(2, 3, 4, 5, requires_grad=True)
    loss = HeatmapLoss()(predicted, torch.rand(2, 3, 4, 5), torch.zeros(2, 3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert predicted.grad is not None
    assert (predicted.grad == 0).all()


@pytest.mark.parametrize("where", ["predicted", "target"])
def test_nan_that_does_not_count_stays_out_of_loss_and_gradient(where: str) -> None:
    values = {"predicted": torch.rand(1, 2, 3, 3), "target": torch.rand(1, 2, 3, 3)}
    counts = torch.tensor([[True, False]])
    clean = HeatmapLoss()(values["predicted"], values["target"], counts)
    values[where][0, 1] = math.nan
    values["predicted"].requires_grad_()
    loss = HeatmapLoss()(values["predicted"], values["target"], counts)
    assert torch.equal(loss, clean)
    loss.backward()
    gradient = values["predicted"].grad
    assert gradient is not None
    assert gradient.isfinite().all()
    assert (gradient[0, 1] == 0).all()


def test_gradient_by_hand() -> None:
    # d/dp mean((p - t)^2) = 2 (p - t) / pixels, over the heatmaps that count.
    predicted = torch.rand(1, 3, 2, 2, requires_grad=True)
    target = torch.rand(1, 3, 2, 2)
    HeatmapLoss()(predicted, target, torch.tensor([[True, False, True]])).backward()
    expected = 2 * (predicted - target).detach() / 4 / 2
    expected[0, 1] = 0
    torch.testing.assert_close(predicted.grad, expected)


def test_gradcheck() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted = torch.rand(2, 3, 3, 4, dtype=torch.float64, generator=generator)
    target, pixels = torch.rand(2, 3, 3, 4), torch.rand(2, 3, 4)
    counts = torch.tensor([[1.0, 0.0, 0.5], [0.2, 1.0, 0.0]])
    assert torch.autograd.gradcheck(
        lambda p: HeatmapLoss()(p, target, counts, pixels).double(),
        predicted.requires_grad_(),
        eps=1e-2,  # the loss is a parabola: the step does not matter, float32 does
        atol=1e-3,
    )


def test_16_bit_heatmaps_are_summed_in_32() -> None:
    predicted = torch.full((1, 1, 64, 64), 1e-3, dtype=torch.bfloat16)
    loss = HeatmapLoss()(predicted, torch.zeros(1, 1, 64, 64), torch.ones(1, 1))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(predicted[0, 0, 0, 0].item() ** 2)
