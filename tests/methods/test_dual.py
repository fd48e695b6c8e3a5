"""PoseDual: two networks teach each other, and validation keeps the better."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
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
    unlabeled,
    views_of_step,
    without_joints,
)
from test_methods import make_batch

from core_cases import dots_dataset, tiny_config
from pointillist.lightning_module import make_optimizer
from pointillist.methods.collapse import CollapseWarning
from pointillist.methods.dual import Dual
from pointillist.synthetic import SKELETON
from pointillist.training import train
from training_cases import checkpoint

NETWORKS = ("model", "second")


def dual(**options: object) -> Dual:
    method = build("dual", **options)
    assert isinstance(method, Dual)
    return method


def test_backbones_start_alike_and_heads_do_not() -> None:
    first, second = dual().candidates
    states = [network.state_dict() for network in (first, second)]
    assert list(states[0]) == list(states[1])
    for name, value in states[0].items():
        if name.startswith("backbone."):
            assert torch.equal(value, states[1][name]), name
    assert not torch.equal(first.head.heatmaps.weight, second.head.heatmaps.weight)
    assert first.head.heatmaps.weight is not second.head.heatmaps.weight


def test_each_learns_from_the_other() -> None:
    """Networks that answer with fixed heatmaps: the error is to the other's, not to their own."""
    method = dual(easy=PLAIN, hard=PLAIN, supervised=0.0, unsupervised=1.0)
    points = inner_points(method.setting.views.plain(unlabeled()))
    right = heatmaps_at(points)

    class Answers(Says):
        """Says one thing as a teacher and another as a student."""

        def __init__(self, teaches: torch.Tensor, learns: torch.Tensor) -> None:
            super().__init__(teaches)
            self.learns = torch.cat([learns, learns]).requires_grad_()
            self.stride = 4

        def forward(self, images: torch.Tensor) -> object:  # type: ignore[override]
            return (
                super()
                .forward(images)
                ._replace(heatmaps=self.learns if torch.is_grad_enabled() else self.heatmaps)
            )

    first = Answers(right, torch.zeros_like(right))
    second = Answers(torch.zeros_like(right), right)
    del method.model, method.second
    object.__setattr__(method, "model", first.train())
    object.__setattr__(method, "second", second.train())
    losses = method(make_batch())
    # The first (empty as a student) learns the second's empty maps, the second has the first's.
    assert losses["unsupervised"].item() == pytest.approx(0, abs=1e-6)


def test_each_sees_masks_where_its_teacher_says_and_the_errors_add_up() -> None:
    method = dual(
        easy=EASY, hard=HARD, supervised=7, unsupervised=20,
        cutout=len(SKELETON), cutout_size=(0.03, 0.03), cutout_jitter=0,
    )  # fmt: skip
    known, easy, hard = views_of_step(method, method.options.easy, method.options.hard)
    points = central_points(easy)
    said = [0.9 * heatmaps_at(points), 0.5 * heatmaps_at(points.flip(0))]
    students = torch.rand(2, 2 + 3, *said[0].shape[1:])
    networks = [
        replying(method, said[i], students[i], name=name) for i, name in enumerate(NETWORKS)
    ]
    losses = step(method)
    answers = [taught_by(method, heatmaps, easy, hard) for heatmaps in said]
    supervised = unsupervised = 0.0
    for network, student, teacher in zip(networks, students, reversed(answers), strict=True):
        assert torch.equal(network.images[0], easy.images)
        expected = torch.cat([known.images, without_joints(hard, teacher, 0.03 * 48)])
        assert torch.equal(network.images[1], expected)
        supervised += 7 * error_of_labels(student[:2], known) / 2
        unsupervised += 20 * errors(student[2:], teacher).mean().item()
    assert losses["supervised"].item() == pytest.approx(supervised, rel=1e-4)
    assert losses["unsupervised"].item() == pytest.approx(unsupervised, rel=1e-4)
    check_figures(method, 0.7, torch.stack([answer.inside for answer in answers]))


def test_one_of_them_can_collapse_alone() -> None:
    """The mean of both peaks would be 0.45."""
    method = dual(easy=PLAIN, hard=PLAIN)
    method.collapse.every = 1
    heatmaps = heatmaps_at(central_points(method.setting.views.plain(unlabeled())))
    student = torch.zeros(2 + 3, *heatmaps.shape[1:])
    for name, peak in zip(NETWORKS, (0.9, 0), strict=True):
        replying(method, peak * heatmaps, student, name=name)
    with pytest.warns(CollapseWarning, match=r"mean peak is 0\.000"):
        step(method)


def test_the_supervised_loss_is_the_mean_of_both() -> None:
    method = dual(burn_in=0.9).eval()
    torch.manual_seed(3)
    together = method(make_batch())["supervised"].item()
    each = []
    for network in method.candidates:
        torch.manual_seed(3)
        view = method.setting.views.random(
            make_batch().select(torch.tensor([0, 1, 2])), method.setting.view_options
        )
        each.append(method.supervised(network(view.images).heatmaps, view).item())
    assert together == pytest.approx(sum(each) / 2, rel=1e-4)


def test_both_networks_are_optimised_and_both_backbones_slower() -> None:
    method = dual()
    options = tiny_config("training.learning_rate=0.01", "training.backbone_rate=0.1").training
    rates = {
        id(p): group["lr"]
        for group in make_optimizer(method, options).param_groups
        for p in group["params"]
    }
    for network in method.candidates:
        for name, parameter in network.named_parameters():
            expected = 0.001 if name.startswith("backbone.") else 0.01
            assert rates[id(parameter)] == pytest.approx(expected), name


def test_a_training_keeps_one_of_the_two_networks(tmp_path: Path) -> None:
    data = dots_dataset(tmp_path / "data", 10, labeled=5)
    config = tiny_config("method=dual", "training.max_steps=4", "training.validate_every=4")
    run = train(data, tmp_path / "run", val=data.subset(data.labeled), config=config, quiet=True)
    kept, saved = load_file(run.weights), checkpoint(run)["state_dict"]
    averages = [
        {n.removeprefix(p): v for n, v in saved.items() if n.startswith(p)}
        for p in ("average.network.", "other_averages.0.network.")
    ]
    assert all(set(average) == set(kept) for average in averages)
    same = [all(torch.equal(kept[n], a[n]) for n in kept) for a in averages]
    assert sum(same) == 1
