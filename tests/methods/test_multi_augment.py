"""Several composed hard views: what each recipe does, and one loss each."""

from __future__ import annotations

from dataclasses import replace

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
    inner_points,
    mixed_of,
    replying,
    step,
    taught_by,
    unlabeled,
    views_of_step,
    without_joints,
)
from test_methods import make_batch
from torch import Tensor

from pointillist.batch import View
from pointillist.config import validate
from pointillist.errors import ConfigError
from pointillist.methods.multi_augment import MultiAugment, MultiAugmentOptions
from pointillist.strong_views import Guidance, carry
from pointillist.synthetic import SKELETON


def multi(**options: object) -> MultiAugment:
    method = build("multi_augment", **options)
    assert isinstance(method, MultiAugment)
    return method


def guided(method: MultiAugment) -> tuple[View, Guidance]:
    view = method.setting.views.plain(unlabeled())
    order = method.setting.views.order(torch.device("cpu"))
    return view, carry(heatmaps_at(inner_points(view)), view, view, order, 4)


def test_one_loss_for_each_recipe_and_one_pass_for_all() -> None:
    method = multi(recipes=("joint_cutout", "joint_occlusion+cutout", "cutmix"))
    sizes: list[int] = []
    method.model.register_forward_pre_hook(lambda module, given: sizes.append(len(given[0])))
    losses = method(make_batch())
    assert list(losses) == ["supervised", "joint_cutout", "joint_occlusion+cutout", "cutmix"]
    assert sizes == [3, 3 + 3 * 3]


def test_the_published_setting() -> None:
    options = MultiAugmentOptions(faithful=True)
    assert options.recipes == ("joint_occlusion+cutout", "joint_cutout+cutmix")
    assert (options.burn_in, options.ramp, options.own_transforms) == (0, 0, False)
    assert (options.joint_occlusions, options.joint_cutouts) == (2, 5)
    assert (options.cutouts, options.cutmixes) == (5, 2)
    assert (options.patch_size, options.patch_jitter) == ((0.05, 0.1), 0.05)


@pytest.mark.parametrize("own", [True, False])
def test_hard_views_have_transforms_of_their_own_or_one(
    own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = multi(recipes=("cutout", "joint_cutout"), own_transforms=own)
    seen: list[View] = []
    prepare = MultiAugment._prepare

    def note(
        self: MultiAugment, recipe: str, hard: View, guidance: Guidance
    ) -> tuple[Tensor, Guidance]:
        seen.append(hard)
        return prepare(self, recipe, hard, guidance)

    monkeypatch.setattr(MultiAugment, "_prepare", note)
    method(make_batch())
    assert torch.equal(seen[0].transform, seen[1].transform) is not own


@pytest.mark.parametrize("own", [True, False])
def test_every_hard_view_is_taught_what_the_easy_one_shows_there(own: bool) -> None:
    method = multi(
        recipes=("joint_cutout", "joint_cutout+cutout"), own_transforms=own,
        easy=EASY, hard=HARD, supervised=7, unsupervised=20,
        joint_cutouts=len(SKELETON), patch_size=(0.03, 0.03), patch_jitter=0,
    )  # fmt: skip
    hard = method.options.hard
    known, easy, *others = views_of_step(method, method.options.easy, *[hard] * (1 + own))
    first, second = others[0], others[-1]
    teacher = 0.8 * heatmaps_at(central_points(easy))
    student = torch.rand(2 + 3 + 3, *teacher.shape[1:])
    network = replying(method, teacher, student)
    losses = step(method)
    answers = [taught_by(method, teacher, easy, view) for view in (first, second)]

    assert torch.equal(network.images[0], easy.images)
    labelled, *images = network.images[1].split([2, 3, 3])
    assert torch.equal(labelled, known.images)
    assert torch.equal(images[0], without_joints(first, answers[0], 0.03 * 48))
    # The second has more masks, anywhere.
    masked = without_joints(second, answers[1], 0.03 * 48)
    more = (images[1] != masked).any(dim=1)
    assert more.any(dim=(1, 2)).all()
    assert torch.equal(images[1], masked.masked_fill(more[:, None], 0))

    learned, *heatmaps = student.split([2, 3, 3])
    supervised = 7 * error_of_labels(learned, known)
    assert losses["supervised"].item() == pytest.approx(supervised, rel=1e-4)
    for recipe, answer, guidance in zip(method.options.recipes, heatmaps, answers, strict=True):
        expected = 20 * errors(answer, guidance).mean().item()
        assert losses[recipe].item() == pytest.approx(expected, rel=1e-4), recipe
    check_figures(method, 0.8, answers[0].inside)


def test_a_mix_is_learned_with_the_heatmaps_of_both() -> None:
    method = multi(
        recipes=("mixup",), mix_targets=True, mixup_share=0.5,
        easy=EASY, hard=HARD, unsupervised=20,
    )  # fmt: skip
    _, easy, hard = views_of_step(method, method.options.easy, method.options.hard)
    teacher = heatmaps_at(central_points(easy))
    student = torch.rand(2 + 3, *teacher.shape[1:])
    network = replying(method, teacher, student)
    losses = step(method)
    partner, share = mixed_of(network.images[1][2:], hard.images)
    own = taught_by(method, teacher, easy, hard)
    other, share = own.select(partner), share[:, :, None, None]
    both = replace(
        own,
        heatmaps=share * own.heatmaps + (1 - share) * other.heatmaps,
        pixels=own.pixels & other.pixels,
        inside=own.inside & other.inside,
    )
    expected = 20 * errors(student[2:], both).mean().item()
    assert losses["mixup"].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("part", ["joint_cutout", "cutout", "joint_occlusion", "cutmix", "mixup"])
def test_every_part_changes_the_images_and_not_what_they_are_taken_from(part: str) -> None:
    method = multi()
    view, guidance = guided(method)
    before = view.images.clone()
    torch.manual_seed(0)
    images, taught = method._prepare(part, view, guidance)
    assert torch.equal(view.images, before)
    assert taught is guidance
    changed = (images != before).any(dim=1)
    assert changed.any(dim=(1, 2)).all()
    if part == "mixup":
        # A share of the other image that varies between images and is a quarter at most.
        assert (images - before).abs().amax() <= 0.25 * (before.amax() - before.amin())
    else:
        assert changed.float().mean() < 0.5


def test_patches_over_joints_come_from_joints_of_another_image() -> None:
    """Every image is of one colour, with another colour where its joints are."""
    method = multi(joint_occlusions=1, patch_size=(0.05, 0.05), patch_jitter=0)
    view, guidance = guided(method)
    joints = torch.zeros_like(view.images)
    for image in range(3):
        joints[image] = image
        for x, y in guidance.points[image].round().long().tolist():
            joints[image, :, y - 3 : y + 4, x - 3 : x + 4] = 10 + image
    torch.manual_seed(0)
    images = method._occluded(joints, guidance)
    changed = (images != joints).any(dim=1)
    for image in range(3):
        found = images[image, 0][changed[image]].unique().tolist()
        # Half a patch is 2.4 px: all of it shows one joint of one other image.
        (value,) = found
        assert value in {10, 11, 12} - {10 + image}
        rows, columns = torch.nonzero(changed[image], as_tuple=True)
        middle = torch.stack([columns.float().mean() + 0.5, rows.float().mean() + 0.5])
        assert (guidance.points[image] - middle).norm(dim=-1).min() < 1


def pasted(method: MultiAugment, points: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """Images after occlusion, all joints at the same points (K, 2); and which pixels are new."""
    count = len(images)
    points = points.expand(count, *points.shape)
    every = torch.ones(points.shape[:2], dtype=torch.bool)
    guidance = Guidance(torch.empty(count, 0), torch.empty(count, 0), points, every.float(), every)
    # One channel more, of one value in each image: a patch differs from what it hides.
    number = torch.arange(count).view(-1, 1, 1, 1).expand_as(images[:, :1])
    torch.manual_seed(0)
    result = method._occluded(torch.cat([images, number], dim=1), guidance)
    return result, result[:, -1] != number[:, 0]


def test_patches_lie_around_their_joints_as_far_off_as_the_jitter_says() -> None:
    method = multi(joint_occlusions=1, patch_size=(0.05, 0.05), patch_jitter=0.05)
    images = torch.zeros(300, 1, 48, 64)
    images[:, :, 21:28, 29:36] = 1  # a joint in the middle
    result, new = pasted(method, torch.tensor([[32.5, 24.5]]), images)
    # Wherever it lies, it shows a joint: half a patch is 2.4 px.
    assert (result[:, 0][new] == 1).all()
    area = new.sum(dim=(1, 2))
    x = (new.sum(dim=1) * (torch.arange(64) + 0.5)).sum(dim=1) / area
    y = (new.sum(dim=2) * (torch.arange(48) + 0.5)).sum(dim=1) / area
    moved = torch.stack([x - 32.5, y - 24.5])
    # 0.05 of the shorter side are 2.4 px; that patches are of whole pixels adds a hundredth.
    assert moved.mean(dim=1).abs().max() < 0.5
    torch.testing.assert_close(moved.std(dim=1), torch.full((2,), 2.4), atol=0.3, rtol=0)


def test_a_joint_is_hidden_by_any_joint_of_the_other_image_alike() -> None:
    """One that met itself more often would say which joint is behind the patch."""
    count = 14
    method = multi(joint_occlusions=2, patch_size=(0.15, 0.15), patch_jitter=0)
    columns = torch.arange(count)
    points = torch.stack([columns + 0.5, torch.full((count,), 1.5)], dim=-1)
    # Joint k is one pixel, of the value k; a patch of 0.6 px, each way, is just as large.
    images = torch.zeros(20_000, 1, 4, 16)
    images[:, 0, 1, :count] = columns.float()
    result, new = pasted(method, points, images)
    assert (new.sum(dim=(1, 2)) == 2).all()
    hidden = new[:, 1, :count]
    same = hidden & (result[:, 0, 1, :count] == columns)
    assert same.sum() / hidden.sum() == pytest.approx(1 / count, abs=0.006)


def test_a_joint_that_nobody_sees_gives_and_gets_no_patch() -> None:
    method = multi(joint_occlusions=2)
    view, guidance = guided(method)
    guidance.inside.fill_(False)
    assert torch.equal(method._occluded(view.images, guidance), view.images)


@pytest.mark.parametrize("part", ["cutmix", "mixup"])
def test_heatmaps_are_mixed_where_asked(part: str) -> None:
    method = multi(mix_targets=True, cutmixes=3, patch_size=(0.2, 0.2))
    view, guidance = guided(method)
    images, target = view.images, guidance.heatmaps
    torch.manual_seed(0)
    # The same image everywhere in a map, so that a mix can be read off.
    flat = torch.arange(3.0).view(3, 1, 1, 1)
    guidance = replace(guidance, heatmaps=flat.expand_as(target))
    mixed, taught = method._mixed(part, flat.expand_as(images), guidance)
    labels = taught.heatmaps
    if part == "mixup":
        torch.testing.assert_close(labels[:, 0, 0, 0], mixed[:, 0, 0, 0])
        assert not torch.equal(labels, flat.expand_as(target))
    else:
        averaged = torch.nn.functional.avg_pool2d(mixed[:, :1], 4)[:, 0]
        # Where a heatmap pixel shows one image alone, its label is of that image.
        alone = (averaged - averaged.round()).abs() < 1e-6
        whole = torch.nn.functional.avg_pool2d(mixed[:, :1] ** 2, 4)[:, 0]
        alone &= (whole - averaged**2).abs() < 1e-6
        assert torch.equal(labels[:, 0][alone], averaged.round()[alone])
        assert (labels[:, 0] != flat[:, 0]).any()


@pytest.mark.parametrize("part", ["cutmix", "mixup"])
def test_of_mixed_heatmaps_counts_what_the_teacher_saw_of_both(part: str) -> None:
    method = multi(mix_targets=True, cutmixes=3, patch_size=(0.2, 0.2))
    view, guidance = guided(method)
    guidance.inside.fill_(True)
    guidance.inside[1], guidance.pixels[1] = False, False
    torch.manual_seed(0)
    _, taught = method._mixed(part, view.images, guidance)
    # The three are mixed in a ring, so the second and one other have the second in them.
    assert taught.inside.all(dim=1).sum() == 1
    seen = taught.pixels.float().mean(dim=(1, 2))
    if part == "mixup":
        assert torch.equal(taught.inside.all(dim=1), seen == 1)
        assert sorted(seen.tolist()) == [0, 0, 1]
    else:
        # Of the second image patches are to be seen, of its neighbour all but patches.
        low, middle, high = sorted(seen.tolist())
        assert 0 < low < 0.5 < middle < high == 1
        assert seen.argmin() == 1


@pytest.mark.parametrize(
    ("recipes", "message"),
    [
        (["joint_cutuot"], "'joint_cutuot' is none of joint_occlusion, joint_cutout"),
        (["cutout", "cutout"], "each recipe can be there once"),
        ([], "at least 1"),
    ],
)
def test_recipes_are_checked(recipes: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(MultiAugmentOptions, {"recipes": recipes})


def test_the_views_ranges_can_be_given_in_part() -> None:
    options = MultiAugmentOptions(hard=PLAIN)
    assert options.hard.normal
    assert options.hard.rotation == 0
