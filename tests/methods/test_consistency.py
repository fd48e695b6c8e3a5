"""PoseCons: the network teaches itself from easy to hard."""

from __future__ import annotations

import pytest
import torch
from teaching_cases import PLAIN, build
from test_methods import make_batch

from pointillist.methods.consistency import EasyHardOptions


def test_the_published_ranges() -> None:
    options = EasyHardOptions(faithful=True)
    assert (options.burn_in, options.ramp) == (0, 0)
    for view, share in ((options.easy, 0.6), (options.hard, 0.8)):
        assert view.normal
        assert (view.rotation, view.rotated, view.scale, view.shift) == (60, share, 0.25, 0)
        assert (view.color, view.gray, view.erase, view.perspective) == (0, 0, 0, 0)
    assert (options.easy.flip, options.hard.flip) == (0.5, 0)
    assert options.supervised == options.unsupervised


def test_the_same_view_for_both_leaves_no_error() -> None:
    """In evaluation mode the student says what the teacher says."""
    method = build("consistency", hard=PLAIN).eval()
    torch.nn.init.normal_(method.model.head.heatmaps.weight, std=0.1)
    assert method(make_batch())["unsupervised"].item() == pytest.approx(0, abs=1e-6)


def test_a_hard_view_leaves_one() -> None:
    method = build("consistency").eval()
    torch.nn.init.normal_(method.model.head.heatmaps.weight, std=0.1)
    assert method(make_batch())["unsupervised"].item() > 0.01


def test_masks_make_it_harder() -> None:
    values = []
    for cutout in (0, 14):
        method = build("consistency", hard=PLAIN, cutout=cutout, cutout_size=(0.2, 0.2)).eval()
        torch.nn.init.normal_(method.model.head.heatmaps.weight, std=0.1)
        torch.manual_seed(1)
        values.append(method(make_batch())["unsupervised"].item())
    assert values[1] > values[0] + 0.01


def test_the_average_is_not_asked() -> None:
    method = build("consistency")
    object.__setattr__(method, "average", "nobody")
    assert method(make_batch())["unsupervised"].isfinite()
