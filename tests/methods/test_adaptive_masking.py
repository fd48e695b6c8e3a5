"""Adaptive keypoint masking: masks by difficulty, and Mixup of images and of features."""

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

from pointillist import geometry
from pointillist.batch import View
from pointillist.config import validate
from pointillist.errors import ConfigError
from pointillist.methods.adaptive_masking import AdaptiveMasking, AdaptiveMaskingOptions
from pointillist.models.heads import LocalizerOutput
from pointillist.models.localizer import create_localizer
from pointillist.models.options import ModelOptions
from pointillist.strong_views import Guidance, carry, mixup
from pointillist.synthetic import SKELETON

COUNT = len(SKELETON)


def adaptive(**options: object) -> AdaptiveMasking:
    method = build("adaptive_masking", **{"easy": PLAIN, "hard": PLAIN, **options})
    assert isinstance(method, AdaptiveMasking)
    torch.nn.init.normal_(method.model.head.heatmaps.weight, std=0.1)
    return method


def guided(method: AdaptiveMasking, scale: Tensor) -> tuple[View, Guidance]:
    """Three views, and what a teacher says of them: peaks of a given height (3, K)."""
    view = method.setting.views.plain(unlabeled())
    heatmaps = heatmaps_at(central_points(view)) * scale[:, :, None, None]
    order = method.setting.views.order(torch.device("cpu"))
    return view, carry(heatmaps, view, view, order, 4)


def peaks() -> Tensor:
    """An image whose joints are all but one easy, one with two easy ones, a hopeless one."""
    scale = torch.full((3, COUNT), 0.9)
    scale[0, 0] = 0.1
    scale[1, 2:] = 0.1
    scale[2] = 0.1
    return scale


def covered(view: View, images: Tensor, guidance: Guidance) -> Tensor:
    """(3, K) which joints of each image lie under a mask."""
    changed = (images != view.images).any(dim=1)
    column, row = (guidance.points.long()).unbind(-1)
    return torch.stack([changed[i, row[i], column[i]] for i in range(3)])


def of_mixed_features(
    method: AdaptiveMasking, images: Tensor, partner: Tensor, share: Tensor
) -> tuple[Tensor, Tensor]:
    """Heatmaps of three images, and those of their mixes at the layer of Mixup."""

    def add(features: Tensor) -> Tensor:
        return torch.cat([features, mixup(features, features[partner], share)])

    given, mixes = method._with_more_features(images, add, method.options.mixup_layer).split([3, 3])
    return given, mixes


@pytest.mark.parametrize(
    ("masking", "expected"), [("adaptive", [4, 1, 1]), ("fixed", [3, 3, 3]), ("none", [0, 0, 0])]
)
def test_masks_by_difficulty(masking: str, expected: list[int]) -> None:
    """Tiny masks, so that each covers its own joint: as many joints as masks."""
    method = adaptive(
        masking=masking, most_masks=4, fixed_masks=3, mask_size=(0.011, 0.011), mask_jitter=0
    )
    view, guidance = guided(method, peaks())
    # 4 * 1/COUNT less than 4 rounds to 4; 4 * 2/COUNT to 1; the fewest is 1.
    assert 4 * (COUNT - 1) / COUNT > 3.5
    assert 4 * 2 / COUNT < 1.5
    torch.manual_seed(0)
    images = method._masked(view, guidance)
    assert covered(view, images, guidance).sum(dim=1).tolist() == expected
    if masking == "adaptive":
        assert method.figures["masks"].item() == pytest.approx(2)


def test_the_losses_and_their_switches() -> None:
    everything = {"supervised", "unsupervised", "mixed"}
    for options, expected in (
        ({}, everything),
        ({"unsupervised": 0.0}, everything - {"unsupervised"}),
        ({"mixed": 0.0}, everything - {"mixed"}),
        ({"mixup": "none"}, everything),
        ({"mixup": "image"}, everything),
        ({"mixup": "feature"}, everything),
        ({"mixup": "feature", "unsupervised": 0.0}, {"supervised", "mixed"}),
        ({"mixup": "none", "mixed": 0.0}, {"supervised", "unsupervised"}),
        ({"mixed": 0.0, "unsupervised": 0.0}, {"supervised"}),
    ):
        assert set(adaptive(**options)(make_batch())) == expected, options


def test_one_image_alone_is_masked_twice_and_cannot_be_mixed() -> None:
    one = make_batch().select(torch.tensor([0, 1, 2, 4]))
    assert set(adaptive()(one)) == {"supervised", "unsupervised"}
    assert set(adaptive(mixup="none")(one)) == {"supervised", "unsupervised", "mixed"}


@pytest.mark.parametrize(
    ("mixup", "unsupervised", "images", "features"),
    [
        ("none", 1, 9, 9), ("image", 1, 9, 9), ("feature", 1, 6, 9), ("both", 1, 9, 12),
        # What nobody learns from does not go through the network.
        ("none", 0, 6, 6), ("image", 0, 6, 6), ("feature", 0, 6, 9),
    ],
)  # fmt: skip
def test_all_that_is_learned_is_one_batch(
    mixup: str, unsupervised: float, images: int, features: int
) -> None:
    """Of three labelled and three other crops; mixes of features join it at the head."""
    method = adaptive(mixup=mixup, unsupervised=unsupervised)
    seen: list[int] = []
    method.model.backbone.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    method.model.head.register_forward_pre_hook(lambda _, given: seen.append(len(given[0][0])))
    method(make_batch())
    assert seen == [3, 3, images, features]  # the teacher's pass comes first


def test_a_step_learns_labels_masked_views_and_mixes_of_these() -> None:
    method = adaptive(
        easy=EASY, hard=HARD, supervised=7, unsupervised=20, mixed=300,
        masking="fixed", fixed_masks=COUNT, mask_size=(0.03, 0.03), mask_jitter=0,
    )  # fmt: skip
    known, easy, hard = views_of_step(method, method.options.easy, method.options.hard)
    teacher = 0.8 * heatmaps_at(central_points(easy))
    student = torch.rand(2 + 3 + 3 + 3, *teacher.shape[1:])
    network = replying(method, teacher, student)
    losses = step(method)
    guidance = taught_by(method, teacher, easy, hard)

    assert torch.equal(network.images[0], easy.images)
    labelled, masked, mixes = network.images[1].split([2, 3, 3])
    assert torch.equal(labelled, known.images)
    assert torch.equal(masked, without_joints(hard, guidance, 0.03 * 48))
    _, features, feature_mixes = network.features[1].split([2, 3, 6])
    learned, plain, of_images, of_features = student.split([2, 3, 3, 3])
    supervised = 7 * error_of_labels(learned, known)
    assert losses["supervised"].item() == pytest.approx(supervised, rel=1e-4)
    expected = 20 * errors(plain, guidance).mean().item()
    assert losses["unsupervised"].item() == pytest.approx(expected, rel=1e-4)
    parts = []
    for answer, mix, whole in (
        (of_images, mixes, masked),
        (of_features, feature_mixes[3:], features),
    ):
        partner, share = mixed_of(mix, whole)
        own, other = errors(answer, guidance), errors(answer, guidance.select(partner))
        parts.append((share * own + (1 - share) * other).mean().item())
    assert losses["mixed"].item() == pytest.approx(300 * sum(parts) / 2, rel=1e-4)
    check_figures(method, 0.8, guidance.inside)


def test_without_mixup_the_second_branch_draws_masks_of_its_own() -> None:
    method = adaptive(
        easy=EASY, hard=EASY, mixup="none", unsupervised=20, mixed=300,
        masking="fixed", fixed_masks=3, mask_size=(0.011, 0.011), mask_jitter=0,
    )  # fmt: skip
    _, easy, hard = views_of_step(method, method.options.easy, method.options.hard)
    teacher = heatmaps_at(central_points(easy))
    student = torch.rand(2 + 3 + 3, *teacher.shape[1:])
    network = replying(method, teacher, student)
    losses = step(method)
    guidance = taught_by(method, teacher, easy, hard)
    _, *branches = network.images[1].split([2, 3, 3])
    for images in branches:
        changed = images != hard.images
        assert torch.equal(images[changed], without_joints(hard, guidance, 0.011 * 48)[changed])
        assert covered(hard, images, guidance).sum(dim=1).tolist() == [3, 3, 3]
    first, second = (covered(hard, images, guidance) for images in branches)
    assert (first != second).any(dim=1).all()
    _, once, again = student.split([2, 3, 3])
    for name, weight, answer in (("unsupervised", 20, once), ("mixed", 300, again)):
        expected = weight * errors(answer, guidance).mean().item()
        assert losses[name].item() == pytest.approx(expected, rel=1e-4), name


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_error_of_a_mix_is_shared_between_both_images(share: float) -> None:
    method = adaptive()
    _, guidance = guided(method, torch.ones(3, COUNT))
    partner, shares = torch.tensor([1, 2, 0]), torch.full((3,), share)
    student = torch.rand(guidance.heatmaps.shape)

    def error(target: Tensor) -> float:
        return float(((student - target) ** 2).mean())

    found = method._mixed_error(student, guidance, partner, shares).item()
    own, other = error(guidance.heatmaps), error(guidance.heatmaps[partner])
    assert found == pytest.approx(share * own + (1 - share) * other, rel=1e-4)


@pytest.mark.parametrize("layer", ["head", "stride4", "stride8", "stride16"])
def test_features_are_mixed_wherever_asked_and_nowhere_twice(layer: str) -> None:
    method = adaptive(mixup_layer=layer).eval()
    images = method.setting.views.plain(unlabeled()).images
    partner = torch.tensor([1, 2, 0])
    whole: LocalizerOutput = method.model(images)
    _, alone = of_mixed_features(method, images, partner, torch.ones(3))
    torch.testing.assert_close(alone, whole.heatmaps, atol=1e-4, rtol=1e-3)
    # With nothing of its own, an image's answer is its partner's: no feature escapes the mix.
    _, swapped = of_mixed_features(method, images, partner, torch.zeros(3))
    torch.testing.assert_close(swapped, whole.heatmaps[partner], atol=1e-4, rtol=1e-3)
    given, half = of_mixed_features(method, images, partner, torch.full((3,), 0.5))
    # What is mixed is answered beside the mixes as if there were none.
    torch.testing.assert_close(given, whole.heatmaps, atol=1e-4, rtol=1e-3)
    assert not torch.allclose(half, alone, atol=1e-3)
    assert not torch.allclose(half, swapped, atol=1e-3)


def test_layers_mix_at_different_depths() -> None:
    answers = []
    for layer in ("stride4", "stride8", "stride16", "head"):
        method = adaptive(mixup_layer=layer).eval()
        images = method.setting.views.plain(unlabeled()).images
        half = torch.full((3,), 0.5)
        answers.append(of_mixed_features(method, images, torch.tensor([1, 2, 0]), half)[1])
    # The stage of stride 16 is the backbone's last: there it makes no difference to the head.
    torch.testing.assert_close(answers[2], answers[3], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(answers[0], answers[1], atol=1e-4)
    assert not torch.allclose(answers[1], answers[2], atol=1e-4)


@pytest.mark.parametrize("layer", ["head", "stride8"])
def test_a_compiled_network_mixes_as_well(layer: str) -> None:
    """Compiled calls do not see hooks that are registered later."""
    mixed = []
    for compiled in (False, True):
        method = adaptive(mixup_layer=layer).eval()
        if compiled:
            for part in (method.model.backbone, method.model.head):
                part.compile(backend="eager")
        images = method.setting.views.plain(unlabeled()).images
        half = torch.full((3,), 0.5)
        mixed.append(of_mixed_features(method, images, torch.tensor([1, 2, 0]), half)[1])
    torch.testing.assert_close(*mixed, atol=1e-4, rtol=1e-3)


def test_a_layer_that_the_network_has_not() -> None:
    method = adaptive()
    backbone = method.model.backbone
    backbone.stages = {4: backbone.stages[4]}
    options = method.options.model_copy(update={"mixup_layer": "stride8"})
    with pytest.raises(ConfigError, match=r"mixed at stride8.*head, stride4") as caught:
        AdaptiveMasking(method.model, method.setting, options)
    assert "stride8" not in str(caught.value).split("one of")[1]


def test_a_network_that_counts_its_images_is_mixed_where_they_enter_the_head() -> None:
    method = adaptive()
    model = create_localizer(ModelOptions(backbone="vit_tiny_patch16_224", width=16), COUNT)
    model.check_size(*method.setting.views.size)
    options = method.options.model_copy(update={"mixup_layer": "stride16"})
    with pytest.raises(ConfigError, match=r"mixed at stride16.*one of: head\."):
        AdaptiveMasking(model, method.setting, options)
    AdaptiveMasking(model, method.setting, method.options)


def test_the_average_can_teach() -> None:
    method = adaptive(teacher="average", mixed=0.0).eval()
    asked: list[int] = []
    method.model.register_forward_pre_hook(lambda module, given: asked.append(len(given[0])))
    average = adaptive().model
    object.__setattr__(method, "average", average)
    method(make_batch())
    assert asked == [6]


def test_a_hard_view_that_is_a_mirror_image_gets_its_masks_on_its_own_joints() -> None:
    """The masks land on the joints where the hard view has them, not where the easy one has."""
    method = adaptive(masking="fixed", fixed_masks=COUNT, mask_size=(0.011, 0.011), mask_jitter=0)
    view, _ = guided(method, torch.ones(3, COUNT))
    points = central_points(view)
    turn = geometry.mirror(64, torch.ones(3, dtype=torch.bool))
    hard = method.setting.views.render(
        unlabeled(), turn @ view.transform, torch.ones(3, dtype=torch.bool)
    )
    order = method.setting.views.order(torch.device("cpu"))
    guidance = carry(heatmaps_at(points), view, hard, order, 4)
    expected = torch.stack([64 - points[..., 0], points[..., 1]], dim=-1)[:, order]
    torch.testing.assert_close(guidance.points, expected, atol=0.05, rtol=0)
    images = method._masked(hard, guidance)
    assert covered(hard, images, guidance).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fewest_masks": 6}, r"fewest_masks \(6\) is more than most_masks \(5\)"),
        ({"mask_size": [0.3, 0.1]}, "the smaller one first"),
        ({"mask_size": [-0.1, 0.1]}, "from 0 to 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(AdaptiveMaskingOptions, given)
