"""RandAugment's colours: each against its definition, on batches."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pointillist.strong_views import coloring
from pointillist.strong_views.coloring import CHANGES, rand_augment


def some(count: int = 2) -> Tensor:
    torch.manual_seed(0)
    return torch.randint(0, 256, (count, 3, 6, 9)) / 255


def strength(value: float, count: int = 2) -> Tensor:
    return torch.full((count, 1, 1, 1), value)


@pytest.mark.parametrize("change", CHANGES)
def test_images_do_not_touch_each_other(change: coloring.Change) -> None:
    images = some()
    both = change(images, strength(0.5))
    assert both.shape == images.shape
    torch.testing.assert_close(both[1:], change(images[1:], strength(0.5, 1)))


@pytest.mark.parametrize(
    "change", [coloring.saturation, coloring.contrast, coloring.brightness, coloring.sharpness]
)
def test_no_strength_is_no_change(change: coloring.Change) -> None:
    torch.testing.assert_close(change(some(), strength(0.0)), some())


def test_one_pixel_of_each() -> None:
    pixel = torch.tensor([0.8, 0.4, 0.2]).view(1, 3, 1, 1)
    half, less = strength(0.5, 1), strength(-0.5, 1)

    def of(change: coloring.Change, how: Tensor) -> list[float]:
        return [round(v, 4) for v in change(pixel, how).flatten().tolist()]

    gray = 0.299 * 0.8 + 0.587 * 0.4 + 0.114 * 0.2  # 0.4968
    assert of(coloring.saturation, half) == [
        pytest.approx(gray + 1.45 * (v - gray), abs=1e-4) for v in (0.8, 0.4, 0.2)
    ]
    assert of(coloring.brightness, less) == [0.44, 0.22, 0.11]  # 1 - 0.45
    assert of(coloring.invert, half) == [0.2, 0.6, 0.8]
    assert of(coloring.solarize, half) == [0.2, 0.4, 0.2]  # above 0.5
    # 55 of 255 brighter: 1, 0.6157, 0.4157
    assert of(coloring.solarize_after_adding, half) == [0.0, 0.3843, 0.4157]
    # 6 bits: 204 is 51 * 4; 102 and 51 lose what is below a multiple of 4.
    assert of(coloring.posterize, half) == [0.8, round(100 / 255, 4), round(48 / 255, 4)]


def test_contrast_is_about_the_mean_grey() -> None:
    images = torch.zeros(1, 3, 1, 2)
    images[..., 1] = 1
    expected = torch.tensor([0.5 - 0.5 * 0.55, 0.5 + 0.5 * 0.55])
    torch.testing.assert_close(coloring.contrast(images, strength(-0.5, 1))[0, 0, 0], expected)


def test_sharpening_leaves_plains_and_borders() -> None:
    images = torch.full((1, 3, 5, 7), 0.5)
    images[:, :, 2, 3] = 0.6
    sharp = coloring.sharpness(images, strength(1.0, 1))
    # Smoothed, the middle is 0.5 + 0.1 * 5 / 13; sharpness 1.9 moves away from it.
    smooth = 0.5 + 0.1 * 5 / 13
    assert sharp[0, 0, 2, 3].item() == pytest.approx(smooth + 1.9 * (0.6 - smooth))
    assert torch.equal(sharp[:, :, 0], images[:, :, 0])
    assert (sharp[:, :, 1:4, 5] == 0.5).all()


def test_stretching_goes_from_black_to_full() -> None:
    images = torch.tensor([0.2, 0.4, 0.6]).view(1, 1, 1, 3).repeat(1, 3, 1, 1)
    images[:, 2] = 0.3  # a channel of one value stays
    out = coloring.stretch(images, strength(0.0, 1))
    torch.testing.assert_close(out[0, 0, 0], torch.tensor([0.0, 0.5, 1.0]))
    assert (out[:, 2] == 0.3).all()


def test_equalized_values_are_equally_often() -> None:
    values = torch.tensor([10, 10, 20, 200, 201, 202, 203, 204]) / 255
    images = values.view(1, 1, 1, 8).repeat(1, 3, 1, 1)
    images[:, 1] = 0.5
    out = coloring.equalize(images, strength(0.0, 1))
    # Below each value lie 0, 0, 2, 3, 4, 5, 6 and 7 others; the last is full.
    torch.testing.assert_close(out[0, 0, 0], torch.tensor([0, 0, 2, 3, 4, 5, 6, 7]) / 7)
    assert (out[:, 1] == 0.5).all()


def test_each_image_gets_its_own_changes_within_the_range() -> None:
    torch.manual_seed(1)
    images = some(1).expand(24, -1, -1, -1)
    out = rand_augment(images, 2, 0.6)
    assert out.min() >= 0
    assert out.max() <= 1
    assert torch.equal(images, some(1).expand(24, -1, -1, -1))
    distinct = {tuple(image.flatten().tolist()) for image in out}
    assert len(distinct) > 12


def test_the_same_draws_give_the_same_images() -> None:
    first = []
    for _ in range(2):
        torch.manual_seed(5)
        first.append(rand_augment(some(4), 2, 0.5))
    assert torch.equal(*first)


def test_no_changes_are_none() -> None:
    assert torch.equal(rand_augment(some(), 0, 1.0), some())
