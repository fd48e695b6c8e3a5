"""The mean teacher: who teaches, and what counts of it."""

from __future__ import annotations

import pytest
import torch
from teaching_cases import (
    EASY,
    HARD,
    PLAIN,
    Says,
    build,
    central_points,
    check_figures,
    error_of_labels,
    errors,
    heatmaps_at,
    inner_points,
    replying,
    step,
    taught_by,
    views_of_step,
    without_joints,
)
from test_methods import make_batch
from torch import Tensor

from pointillist.batch import View
from pointillist.heatmaps import encode
from pointillist.methods.mean_teacher import MeanTeacher
from pointillist.methods.teaching import Teaching
from pointillist.synthetic import SKELETON


def taught(method: Teaching, heatmaps: Tensor) -> Says:
    """Gives a method an average that says given heatmaps, whatever it is shown."""
    says = Says(heatmaps).eval()
    object.__setattr__(method, "average", says)
    return says


def answer(scale: float | Tensor = 1.0) -> tuple[Tensor, Tensor]:
    """Heatmaps of three plain views, and the points that they show."""
    method = build("mean_teacher", weak=PLAIN, strong=PLAIN)
    batch = make_batch()
    points = inner_points(method.setting.views.plain(batch.select(~batch.labeled)))
    return heatmaps_at(points) * scale, points


def student_error(method: Teaching, target: Tensor) -> float:
    """By hand: the squared error of the network on plain unlabelled views."""
    batch = make_batch()
    labeled, others = batch.select(batch.labeled), batch.select(~batch.labeled)
    torch.manual_seed(5)
    first = method.setting.views.random(labeled, method.setting.view_options)
    second = method.setting.views.plain(others)
    with torch.no_grad():
        heatmaps = method.model(torch.cat([first.images, second.images])).heatmaps[3:]
    return float(((heatmaps - target) ** 2).mean())


def test_the_average_teaches_and_the_network_learns() -> None:
    heatmaps, _ = answer()
    method = build("mean_teacher", weak=PLAIN, strong=PLAIN, unsupervised=50.0).eval()
    says = taught(method, heatmaps)
    torch.manual_seed(5)
    losses = method(make_batch())
    assert says.asked_in_training is False
    assert len(says.images) == 3  # the labelled crops need no teacher
    assert losses["unsupervised"].item() == pytest.approx(
        50 * student_error(method, heatmaps), rel=1e-3
    )
    peak = float(heatmaps.flatten(2).amax(dim=2).mean())
    assert method.figures["unlabeled_peak"].item() == pytest.approx(peak)
    assert method.figures["taught"].item() == 1


def hardened(**options: object) -> tuple[MeanTeacher, list[View]]:
    """A mean teacher whose views are turned and whose hard views have masks over all joints; and
    the views of a step."""
    method = build(
        "mean_teacher", weak=EASY, strong=HARD, supervised=7, unsupervised=20, soft=True,
        threshold=0.5, cutout=len(SKELETON), cutout_size=(0.03, 0.03), cutout_jitter=0, **options,
    )  # fmt: skip
    assert isinstance(method, MeanTeacher)
    # Here the hard view is not the easy one moved again.
    weak, strong = method.options.weak, method.options.strong
    return method, views_of_step(method, weak, strong, apart=True)


def test_what_the_average_says_of_the_easy_view_is_learned_in_the_masked_hard_one() -> None:
    method, (known, weak, strong) = hardened()
    peaks = torch.tensor([0.9, 0.4]).repeat(len(SKELETON) // 2).view(1, -1, 1, 1)
    heatmaps = peaks * heatmaps_at(central_points(weak))
    student = torch.rand(2 + 3, *heatmaps.shape[1:])
    network = replying(method, student)
    says = taught(method, heatmaps)
    losses = step(method)
    guidance = taught_by(method, heatmaps, weak, strong)
    assert torch.equal(says.images, weak.images)
    expected = torch.cat([known.images, without_joints(strong, guidance, 0.03 * 48)])
    assert torch.equal(network.images[0], expected)
    supervised = 7 * error_of_labels(student[:2], known)
    assert losses["supervised"].item() == pytest.approx(supervised, rel=1e-4)
    # What is surer than the threshold counts by its peak; in mirror images that is another half.
    sure = guidance.confidence > 0.5
    unsupervised = 20 * (errors(student[2:], guidance) * sure * 0.9).mean().item()
    assert losses["unsupervised"].item() == pytest.approx(unsupervised, rel=1e-4)
    check_figures(method, 0.65, sure & guidance.inside)


def test_a_hard_view_has_other_colours_beside_its_masks() -> None:
    method, (known, weak, strong) = hardened(rand_augment=2)
    heatmaps = heatmaps_at(central_points(weak))
    network = replying(method, torch.zeros(2 + 3, *heatmaps.shape[1:]))
    taught(method, heatmaps)
    step(method)
    masked = without_joints(strong, taught_by(method, heatmaps, weak, strong), 0.03 * 48)
    assert torch.equal(network.images[0][:2], known.images)
    seen, blank = network.images[0][2:], (masked != strong.images).any(dim=1)
    assert (seen.movedim(1, -1)[blank] == 0).all()
    assert ((seen - masked).abs().amax(dim=(1, 2, 3)) > 0.1).all()


def test_an_unsure_heatmap_does_not_count() -> None:
    scale = torch.ones(3, len(SKELETON), 1, 1)
    scale[:, 0] = 0.1
    heatmaps, _ = answer(scale)
    method = build("mean_teacher", weak=PLAIN, strong=PLAIN, threshold=0.5).eval()
    taught(method, heatmaps)
    torch.manual_seed(5)
    first = method(make_batch())["unsupervised"].item()
    heatmaps[:, 0] = 0.3 * heatmaps[:, 3]  # whatever else it says, as long as it is unsure
    torch.manual_seed(5)
    assert method(make_batch())["unsupervised"].item() == pytest.approx(first)
    expected = (len(SKELETON) - 1) / len(SKELETON)
    assert method.figures["taught"].item() == pytest.approx(expected)


def test_soft_counts_weigh_by_the_peak() -> None:
    heatmaps, _ = answer(0.5)
    values = []
    for soft in (False, True):
        method = build("mean_teacher", weak=PLAIN, strong=PLAIN, soft=soft, threshold=0).eval()
        taught(method, heatmaps)
        torch.manual_seed(5)
        values.append(method(make_batch())["unsupervised"].item())
    # Peaks lie between pixels: 0.5 times up to 1.
    assert 0.4 * values[0] < values[1] < 0.51 * values[0]


def test_gaussians_take_the_place_of_what_the_teacher_says() -> None:
    heatmaps, points = answer(0.6)
    method = build("mean_teacher", weak=PLAIN, strong=PLAIN, target="gaussians").eval()
    taught(method, heatmaps)
    torch.manual_seed(5)
    value = method(make_batch())["unsupervised"].item()
    expected = 1000 * student_error(method, encode(points / 4, (16, 12), 1.5))
    assert value == pytest.approx(expected, rel=0.02)


def test_without_an_average_the_network_teaches_itself() -> None:
    method = build("mean_teacher")
    assert method.average is None
    losses = method(make_batch())
    assert losses["unsupervised"].isfinite()


def test_a_joint_that_the_hard_view_leaves_out_does_not_count() -> None:
    heatmaps, _ = answer()
    for shift, expected in ((0, 1.0), (1, 0.2)):
        method = build("mean_teacher", weak=PLAIN, strong=PLAIN | {"shift": shift}).eval()
        taught(method, heatmaps)
        torch.manual_seed(5)
        method(make_batch())
        # Moved by up to a whole side either way, few joints stay in the view.
        assert method.figures["taught"].item() == pytest.approx(expected, abs=0.2)
