"""Adaptive keypoint masking: masks by difficulty, and Mixup of images and of features."""

from __future__ import annotations

import pytest
import torch
from teaching_cases import PLAIN, build, heatmaps_at, inner_points, unlabeled
from test_methods import make_batch
from torch import Tensor

from pointillist import geometry
from pointillist.batch import View
from pointillist.config import validate
from pointillist.errors import ConfigError
from pointillist.methods.adaptive_masking import AdaptiveMasking, AdaptiveMaskingOptions
from pointillist.models.heads import LocalizerOutput
from pointillist.strong_views import Guidance, carry
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
    # Pixel centres, so that the peaks are as high as they are said to be.
    points = (inner_points(view) / 4).floor() * 4 + 2
    heatmaps = heatmaps_at(points) * scale[:, :, None, None]
    order = method.setting.views.order(torch.device("cpu"))
    return view, carry(heatmaps, view, view, order, 4)


def peaks() -> Tensor:
    """An image whose joints are all but one easy, one with two easy ones, a hopeless one."""
    scale = torch.full((3, COUNT), 0.9)
    scale[0, 0] = 0.1
    scale[1, 2:] = 0.1
    scale[2] = 0.1
    return scale


def covered(view: View, images: Tensor, guidance: Guidance) -> list[int]:
    """How many joints of each image lie under a mask."""
    changed = (images != view.images).any(dim=1)
    column, row = (guidance.points.long()).unbind(-1)
    return [int(changed[i, row[i], column[i]].sum()) for i in range(3)]


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
    assert covered(view, method._masked(view, guidance), guidance) == expected
    if masking == "adaptive":
        assert method.figures["masks"].item() == pytest.approx(2)


def test_the_losses_and_their_switches() -> None:
    everything = {"supervised", "unsupervised", "mixed"}
    for options, expected in (
        ({}, everything),
        ({"unsupervised": 0.0}, everything - {"unsupervised"}),
        ({"mixed": 0.0}, everything - {"mixed"}),
        ({"mixup": "none"}, everything - {"mixed"}),
        ({"mixup": "image"}, everything),
        ({"mixup": "feature"}, everything),
        ({"mixup": "none", "unsupervised": 0.0}, {"supervised"}),
    ):
        assert set(adaptive(**options)(make_batch())) == expected, options


def test_images_go_through_the_network_once_and_features_in_a_pass_of_their_own() -> None:
    for mixup, sizes in (("none", [6]), ("image", [9]), ("feature", [6, 3]), ("both", [9, 3])):
        method = adaptive(mixup=mixup)
        seen: list[int] = []

        def note(module: object, given: tuple[Tensor], seen: list[int] = seen) -> None:
            seen.append(len(given[0]))

        method.model.backbone.register_forward_pre_hook(note)
        method(make_batch())
        assert seen == [3, *sizes]  # the teacher's pass comes first


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
    alone = method._of_mixed_features(images, partner, torch.ones(3))
    torch.testing.assert_close(alone, whole.heatmaps, atol=1e-4, rtol=1e-3)
    # With nothing of its own, an image's answer is its partner's: no feature escapes the mix.
    swapped = method._of_mixed_features(images, partner, torch.zeros(3))
    torch.testing.assert_close(swapped, whole.heatmaps[partner], atol=1e-4, rtol=1e-3)
    half = method._of_mixed_features(images, partner, torch.full((3,), 0.5))
    assert not torch.allclose(half, alone, atol=1e-3)
    assert not torch.allclose(half, swapped, atol=1e-3)


def test_layers_mix_at_different_depths() -> None:
    answers = []
    for layer in ("stride4", "stride8", "stride16", "head"):
        method = adaptive(mixup_layer=layer).eval()
        images = method.setting.views.plain(unlabeled()).images
        half = torch.full((3,), 0.5)
        answers.append(method._of_mixed_features(images, torch.tensor([1, 2, 0]), half))
    # The stage of stride 16 is the backbone's last: there it makes no difference to the head.
    torch.testing.assert_close(answers[2], answers[3], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(answers[0], answers[1], atol=1e-4)
    assert not torch.allclose(answers[1], answers[2], atol=1e-4)


def test_a_layer_that_the_network_has_not() -> None:
    method = adaptive()
    method.model.backbone.stages = {4: "layer1"}
    options = method.options.model_copy(update={"mixup_layer": "stride8"})
    with pytest.raises(ConfigError, match=r"mixed at stride8.*head, stride4") as caught:
        AdaptiveMasking(method.model, method.setting, options)
    assert "stride8" not in str(caught.value).split("one of")[1]


def test_the_average_can_teach() -> None:
    method = adaptive(teacher="average", mixup="none").eval()
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
    points = (inner_points(view) / 4).floor() * 4 + 2
    turn = geometry.mirror(64, torch.ones(3, dtype=torch.bool))
    hard = method.setting.views.render(
        unlabeled(), turn @ view.transform, torch.ones(3, dtype=torch.bool)
    )
    order = method.setting.views.order(torch.device("cpu"))
    guidance = carry(heatmaps_at(points), view, hard, order, 4)
    expected = torch.stack([64 - points[..., 0], points[..., 1]], dim=-1)[:, order]
    torch.testing.assert_close(guidance.points, expected, atol=0.05, rtol=0)
    images = method._masked(hard, guidance)
    assert covered(hard, images, guidance) == [COUNT] * 3


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
