"""PoseCons: the network teaches itself from easy to hard."""

from __future__ import annotations

import pytest
import torch
from teaching_cases import (
    EASY,
    HARD,
    PLAIN,
    build,
    central_points,
    check_figures,
    error_of_labels,
    errors,
    heatmaps_at,
    replying,
    step,
    taught_by,
    views_of_step,
    without_joints,
)
from test_methods import make_batch

from pointillist.methods.consistency import Consistency, EasyHardOptions
from pointillist.synthetic import SKELETON


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


def test_the_network_answers_the_easy_view_and_learns_it_in_the_masked_hard_one() -> None:
    method = build(
        "consistency", easy=EASY, hard=HARD, supervised=7, unsupervised=20,
        cutout=len(SKELETON), cutout_size=(0.03, 0.03), cutout_jitter=0,
    )  # fmt: skip
    assert isinstance(method, Consistency)
    known, easy, hard = views_of_step(method, method.options.easy, method.options.hard)
    teacher = 0.8 * heatmaps_at(central_points(easy))
    student = torch.rand(2 + 3, *teacher.shape[1:])
    network = replying(method, teacher, student)
    losses = step(method)
    guidance = taught_by(method, teacher, easy, hard)
    assert torch.equal(network.images[0], easy.images)
    expected = torch.cat([known.images, without_joints(hard, guidance, 0.03 * 48)])
    assert torch.equal(network.images[1], expected)
    supervised = 7 * error_of_labels(student[:2], known)
    assert losses["supervised"].item() == pytest.approx(supervised, rel=1e-4)
    unsupervised = 20 * errors(student[2:], guidance).mean().item()
    assert losses["unsupervised"].item() == pytest.approx(unsupervised, rel=1e-4)
    check_figures(method, 0.8, guidance.inside)


def test_the_average_is_not_asked() -> None:
    method = build("consistency")
    object.__setattr__(method, "average", "nobody")
    assert method(make_batch())["unsupervised"].isfinite()
