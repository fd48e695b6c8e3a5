"""What all methods with a teacher do: asking, burn-in, hard views."""

from __future__ import annotations

import pytest
import torch
from teaching_cases import PLAIN, Says, build, heatmaps_at, inner_points, unlabeled
from test_methods import SIZE, make_batch

from pointillist import geometry
from pointillist.batch import View
from pointillist.methods.mean_teacher import MeanTeacherOptions
from pointillist.methods.teaching import ask, together
from pointillist.strong_views import Guidance, carry

TEACHING = ("mean_teacher", "consistency", "dual", "adaptive_masking", "multi_augment")


def test_a_teacher_answers_without_gradient_in_the_mode_it_is_in() -> None:
    """A network that learns meanwhile must not answer from running figures; an average must."""
    teacher = Says(torch.ones(1, 2, 3, 4))
    for training in (True, False):
        teacher.train(training)
        heatmaps = ask(teacher, torch.zeros(1, 3, 16, 12))
        assert not heatmaps.requires_grad
        assert heatmaps.dtype == torch.float32
        assert teacher.asked_in_training is training


def test_sets_of_images_share_a_batch() -> None:
    network = Says(torch.arange(5.0).view(5, 1, 1, 1))
    first, second, third = together(network, *(torch.zeros(n, 3, 8, 8) for n in (2, 0, 3)))
    assert len(network.images) == 5
    assert [len(first), len(second), len(third)] == [2, 0, 3]
    assert third.flatten().tolist() == [2, 3, 4]


@pytest.mark.parametrize("name", TEACHING)
def test_only_labelled_crops_go_through_the_network_during_the_burn_in(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = build(name, burn_in=0.4, ramp=0.2)
    sizes: list[int] = []
    method.model.register_forward_pre_hook(lambda module, given: sizes.append(len(given[0])))
    method.progress = 0.39
    assert set(method(make_batch())) == {"supervised"}
    assert sizes == [3]
    assert method.figures == {}
    method.progress = 0.5
    losses = method(make_batch())
    assert set(losses) > {"supervised"}
    assert set(method.figures) >= {"unlabeled_peak", "taught"}


@pytest.mark.parametrize("name", TEACHING)
def test_the_ramp_scales_what_the_teacher_says_and_not_the_labels(name: str) -> None:
    values = {}
    for progress in (0.5, 0.9):
        method = build(name, burn_in=0.4, ramp=0.2).eval()
        method.progress = progress
        torch.manual_seed(3)
        values[progress] = method(make_batch())
    for loss, full in values[0.9].items():
        share = 1.0 if loss == "supervised" else 0.5
        torch.testing.assert_close(values[0.5][loss], share * full, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", TEACHING)
def test_without_unlabelled_crops_it_is_supervised_training(name: str) -> None:
    method, batch = build(name), make_batch()
    assert set(method(batch.select(batch.labeled))) == {"supervised"}


@pytest.mark.parametrize("name", TEACHING)
def test_one_unlabelled_crop_is_enough(name: str) -> None:
    batch = make_batch().select(torch.tensor([0, 1, 3]))
    losses = build(name)(batch)
    assert all(value.isfinite() for value in losses.values())


@pytest.mark.parametrize("name", TEACHING)
def test_no_gradient_goes_through_the_teacher(name: str) -> None:
    """Of the unsupervised losses alone: the gradient is that of the student's pass."""
    method = build(name, supervised=0.0)
    seen: list[bool] = []
    method.model.head.register_forward_hook(
        lambda module, given, output: seen.append(output.heatmaps.requires_grad)
    )
    torch.stack(list(method(make_batch()).values())).sum().backward()
    assert seen == [False, True]


@pytest.mark.parametrize("name", TEACHING)
def test_all_weights_learn_in_16_bits(name: str) -> None:
    """What autocast keeps of the teacher's pass, which has no gradient, is not the student's."""
    method = build(name)
    with torch.autocast("cpu", torch.bfloat16):
        losses = method(make_batch())
    torch.stack(list(losses.values())).sum().backward()
    without = [name for name, p in method.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


def test_the_error_is_the_mean_over_all_heatmaps() -> None:
    method = build("consistency")
    student = torch.zeros(1, 4, 4, 4)
    target = torch.ones(1, 4, 4, 4)
    pixels = torch.ones(1, 4, 4, dtype=torch.bool)
    guidance = Guidance(target, pixels, torch.zeros(1, 4, 2), torch.ones(1, 4), pixels[:, 0])
    for counts, error in (([1.0, 1, 1, 1], 1.0), ([1.0, 0, 0, 0], 0.25), ([0.0] * 4, 0.0)):
        found = method.toward(student, target, guidance, torch.tensor([counts]))
        assert found.item() == pytest.approx(error)


def guided(count: int = 3) -> tuple[View, Guidance]:
    method = build("mean_teacher")
    view = method.setting.views.plain(unlabeled().select(torch.arange(count)))
    guidance = carry(
        heatmaps_at(inner_points(view)),
        view,
        view,
        method.setting.views.order(torch.device("cpu")),
        4,
    )
    return view, guidance


def test_masks_hide_the_predicted_joints() -> None:
    method = build("mean_teacher")
    view, guidance = guided()
    options = MeanTeacherOptions(cutout=14, cutout_size=(0.05, 0.05), cutout_jitter=0)
    torch.manual_seed(0)
    images = method.harden(view, guidance, options)
    changed = (images != view.images).any(dim=1)
    # A mask is 4.8 px wide: around a point, all within 2 pixels are blank.
    assert (images.movedim(1, -1)[changed] == 0).all()
    assert changed.any(dim=(1, 2)).sum() >= 2
    x, y = guidance.points.unbind(-1)
    column, row = torch.meshgrid(torch.arange(SIZE[0]), torch.arange(SIZE[1]), indexing="xy")
    for image in range(3):
        far = torch.ones(SIZE[1], SIZE[0], dtype=torch.bool)
        for k in range(x.shape[1]):
            near_x = (column + 0.5 - x[image, k]).abs() < 2.4
            far &= ~(near_x & ((row + 0.5 - y[image, k]).abs() < 2.4))
        assert not changed[image][far].any()


def test_every_hard_view_has_as_many_masks_as_asked_for() -> None:
    """As published: the number is not drawn."""
    method = build("mean_teacher")
    view, guidance = guided()
    options = MeanTeacherOptions(cutout=1, cutout_size=(0.05, 0.05), cutout_jitter=0)
    for seed in range(5):
        torch.manual_seed(seed)
        changed = (method.harden(view, guidance, options) != view.images).any(dim=1)
        pixels = changed.sum(dim=(1, 2))[guidance.inside.any(dim=1)]
        # One mask of 4.8 px covers four or five pixels each way, less at the view's edge.
        assert (pixels > 0).all()
        assert (pixels <= 25).all()


def test_colours_change_and_nothing_moves() -> None:
    method = build("mean_teacher")
    view, guidance = guided()
    torch.manual_seed(0)
    images = method.harden(view, guidance, MeanTeacherOptions(rand_augment=2))
    assert images.shape == view.images.shape
    assert (images != view.images).any()
    assert method.harden(view, guidance, MeanTeacherOptions()) is view.images


def test_a_change_of_colour_works_on_rgb() -> None:
    method = build("mean_teacher")
    view, _ = guided()
    same = method.setting.views.recolor(view.images, lambda rgb: rgb)
    torch.testing.assert_close(same, view.images, atol=1e-5, rtol=0)
    crop = unlabeled().images[:, :, 6:54, 8:72] / 255

    def check(rgb: torch.Tensor) -> torch.Tensor:
        torch.testing.assert_close(rgb, crop, atol=1e-5, rtol=0)
        return torch.zeros_like(rgb)

    black = method.setting.views.recolor(view.images, check)
    assert len(black.unique()) == 3  # one value for each channel


def test_a_hard_view_is_the_easy_one_moved_again() -> None:
    views = build("consistency").setting.views
    batch = unlabeled()
    torch.manual_seed(0)
    moves = build("consistency").options
    easy = views.random(batch, moves.easy)  # type: ignore[attr-defined]
    hard = views.random(batch, moves.hard, after=easy)  # type: ignore[attr-defined]
    between = hard.transform @ geometry.inverse(easy.transform)
    # Only rotated and scaled about the middle, neither shifted nor flipped.
    middle = torch.tensor([[[32.0, 24.0]]]).expand(3, 1, 2)
    torch.testing.assert_close(
        geometry.transform_points(between, middle), middle, atol=1e-3, rtol=0
    )
    scale = between[:, :2, :2].det().sqrt()
    assert ((scale > 0.74) & (scale < 1.26)).all()
    assert torch.equal(hard.flipped, easy.flipped)


def test_two_flips_are_none() -> None:
    views = build("consistency").setting.views
    flip = build("consistency").options.easy.model_copy(update=PLAIN | {"flip": 1})  # type: ignore[attr-defined]
    easy = views.random(unlabeled(), flip)
    hard = views.random(unlabeled(), flip, after=easy)
    assert easy.flipped.all()
    assert not hard.flipped.any()
    torch.testing.assert_close(hard.images, views.plain(unlabeled()).images, atol=1e-3, rtol=0)
