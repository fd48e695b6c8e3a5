from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_cases import centroid, dot_image
from pointillist.crops import FILL, CropSpec, cut

GREY = 100 * np.ones((1, 3))


def test_region_by_hand() -> None:
    # A 40x10 box for a 64x32 network: the width decides, 40 * 1.5 = 60 wide and so 30 high,
    # around the box's centre (30, 25).
    spec = CropSpec(64, 32, margin=1.5)
    assert spec.region((10, 20, 40, 10), 200, 100) == (0, 10, 60, 30)


def test_context_shows_more_in_more_pixels() -> None:
    spec = CropSpec(64, 32, margin=1.5, context=1.25)
    assert spec.size == (80, 40)
    assert spec.region((10, 20, 40, 10), 200, 100) == (-7.5, 6.25, 75, 37.5)


@pytest.mark.parametrize(("width", "context"), [(64, 1.25), (100, 1.25), (90, 1.3), (256, 1.0)])
def test_crops_are_even(width: int, context: float) -> None:
    spec = CropSpec(width, width, 1.5, context)
    assert all(side % 2 == 0 and abs(side - width * context) <= 1 for side in spec.size)


@pytest.mark.parametrize("box", [None, (50.0, 20.0, 0.0, 0.0), (50.0, 20.0, 0.5, 0.2)])
def test_nothing_to_crop_shows_the_whole_image(box: tuple[float, ...] | None) -> None:
    # 200x100 into 64x64: the width decides, no margin; 50 above and below.
    region = CropSpec(64, 64, margin=1.5).region(box, 200, 100)  # type: ignore[arg-type]
    assert region == (0, -50, 200, 200)


def test_a_flat_box_is_no_empty_one() -> None:
    # Two points on a vertical line: a box without width.
    assert CropSpec(64, 64, margin=2).region((50, 20, 0, 30), 200, 100) == (20, 5, 60, 60)


def test_a_box_far_outside_costs_no_memory() -> None:
    region = CropSpec(64, 64, margin=1.5).region((-1e9, 10, 2e9, 20), 200, 100)
    assert max(region[2:]) <= 1.5 * 3 * 200


def test_an_exact_cut_by_hand() -> None:
    image = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    crop, to_crop = cut(image, (2, 1, 4, 3), (4, 3))
    assert np.array_equal(crop, image[1:4, 2:6])
    assert np.array_equal(to_crop, [[1, 0, -2], [0, 1, -1], [0, 0, 1]])


def test_outside_is_filled() -> None:
    image = np.full((6, 8, 3), 7, np.uint8)
    crop, _ = cut(image, (-2, -1, 12, 9), (12, 9))
    assert (crop[1:7, 2:10] == 7).all()
    outside = np.ones((9, 12), bool)
    outside[1:7, 2:10] = False
    assert (crop[outside] == FILL).all()


@pytest.mark.parametrize("region", [(100, 2, 5, 5), (-50, 2, 5, 5), (2, 300, 5, 5), (2, -40, 5, 5)])
def test_a_region_beside_the_image_is_fill(region: tuple[float, float, float, float]) -> None:
    crop, to_crop = cut(np.zeros((6, 8, 3), np.uint8), region, (10, 10))
    assert (crop == FILL).all()
    # The map is right all the same: the region's corner is the crop's.
    assert to_crop @ [region[0], region[1], 1] == pytest.approx([0, 0, 1])


@given(
    size=st.tuples(st.integers(60, 160), st.integers(50, 120)),
    place=st.tuples(st.floats(0.25, 0.75), st.floats(0.25, 0.75)),
    box=st.tuples(st.floats(-0.3, 0), st.floats(-0.3, 0), st.floats(1.3, 1.8)),
    crop=st.sampled_from([(96, 64), (40, 56), (128, 96)]),
)
@settings(max_examples=60, deadline=None)
def test_a_dot_lands_where_its_point_does(
    size: tuple[int, int],
    place: tuple[float, float],
    box: tuple[float, float, float],
    crop: tuple[int, int],
) -> None:
    """Enlarged or shrunk, padded or not, to within 0.05 crop pixels."""
    width, height = size
    x, y = place[0] * width, place[1] * height
    image = dot_image(width, height, [(x, y)], 2.5, GREY)
    region = (box[0] * width, box[1] * height, box[2] * width, box[2] * height)
    pixels, to_crop = cut(image, region, crop)
    expected = to_crop @ [x, y, 1]
    found = centroid((pixels.astype(float) - FILL).clip(2).mean(axis=2) - 2)
    assert np.hypot(*(expected[:2] - found)) < 0.05


def test_shrinking_averages() -> None:
    """A pattern finer than the result becomes its mean, not a moire."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[::2] = 200
    crop, _ = cut(image, (0, 0, 64, 64), (16, 16))
    assert np.abs(crop.astype(int) - 100).max() <= 1
