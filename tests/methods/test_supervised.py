from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from core_cases import SKELETON, TINY
from pointillist.augment import ViewMaker, ViewOptions
from pointillist.batch import Batch
from pointillist.heatmaps import encode
from pointillist.methods import Setting
from pointillist.methods.supervised import Supervised, SupervisedOptions
from pointillist.models.localizer import Localizer, create_localizer
from pointillist.models.options import ModelOptions

SIZE = (64, 48)
PLAIN = ViewOptions(rotation=0, scale=0, shift=0, flip=0, perspective=0, color=0, gray=0)


def supervised(views: ViewOptions = PLAIN, weight: float = 1000.0) -> Supervised:
    torch.manual_seed(0)
    model = create_localizer(ModelOptions(backbone=TINY, width=16), len(SKELETON))
    maker = ViewMaker(SIZE, SKELETON, model.mean, model.std)
    setting = Setting(maker, views, sigma=1.5, skeleton=SKELETON)
    return Supervised(model, setting, SupervisedOptions(weight=weight))


def batch(points: Tensor) -> Batch:
    count = len(points)
    generator = torch.Generator().manual_seed(1)
    return Batch(
        images=torch.randint(0, 256, (count, 3, 60, 80), dtype=torch.uint8, generator=generator),
        points=points,
        annotated=points.isfinite().all(dim=-1),
        absent=torch.zeros(points.shape[:2], dtype=torch.bool),
        labeled=torch.ones(count, dtype=torch.bool),
        to_file=torch.eye(3).expand(count, 3, 3),
        file_size=torch.tensor([[80.0, 60.0]]).expand(count, 2),
        index=torch.arange(count),
    )


POINTS = torch.tensor([[[20.0, 30.0], [math.nan, math.nan], [50.0, 12.0]]]).expand(2, 3, 2)


def test_the_loss_is_the_weighted_error_of_the_annotated_points() -> None:
    method = supervised().eval()
    given = batch(POINTS)
    (name,) = losses = method(given)
    assert name == "supervised"
    view = method.setting.views.plain(given)
    heatmaps = method.model(view.images).heatmaps
    # The view is the crop's middle: 8 and 6 pixels are cut off; heatmaps have a quarter of it.
    target = encode((POINTS - torch.tensor([8.0, 6.0])) / 4, (16, 12), 1.5)
    expected = 1000 * ((heatmaps - target) ** 2)[:, [0, 2]].mean()
    torch.testing.assert_close(losses["supervised"], expected, rtol=1e-4, atol=0)


def test_the_weight_is_a_factor() -> None:
    losses = [supervised(weight=weight).eval()(batch(POINTS)) for weight in (1.0, 2.0)]
    torch.testing.assert_close(2 * losses[0]["supervised"], losses[1]["supervised"])


def test_points_that_are_not_annotated_teach_nothing() -> None:
    method = supervised()
    method(batch(POINTS))["supervised"].backward()
    head = method.model.head.heatmaps.weight.grad
    assert head is not None
    assert all(p.grad is None or p.grad.isfinite().all() for p in method.parameters())
    assert (head[1] == 0).all()
    assert (head[[0, 2]] != 0).any(dim=1).all()


def test_nothing_annotated_is_a_loss_of_zero() -> None:
    method = supervised(ViewOptions())
    losses = method(batch(torch.full((2, 3, 2), math.nan)))
    losses["supervised"].backward()
    assert losses["supervised"].item() == 0
    assert all(p.grad is None or (p.grad == 0).all() for p in method.parameters())


def test_points_that_a_view_leaves_out_teach_nothing() -> None:
    method = supervised()
    points = POINTS.clone()
    points[:, 0, 0] = 3.0  # in the crop, but left of its middle
    method(batch(points))["supervised"].backward()
    head = method.model.head.heatmaps.weight.grad
    assert head is not None
    assert (head[0] == 0).all()


def test_what_it_is() -> None:
    method = supervised()
    assert method.candidates == (method.model,)
    assert isinstance(method.model, Localizer)
    assert not Supervised.uses_unlabeled
    assert Supervised.Options is SupervisedOptions


@pytest.mark.parametrize("weight", [0, -1])
def test_weights_are_positive(weight: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        SupervisedOptions(weight=weight)


def test_a_few_steps_under_autocast_stay_finite() -> None:
    method = supervised(ViewOptions(perspective=0.15))
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-3)
    for _ in range(3):
        with torch.autocast("cpu", torch.bfloat16):
            loss = method(batch(POINTS))["supervised"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert loss.isfinite()
    assert all(p.isfinite().all() for p in method.parameters())
