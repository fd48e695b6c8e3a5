"""Views: pixels and points must move together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core_cases import SKELETON, batch_of, centroid, dot_image
from pointillist import geometry
from pointillist.augment import (
    ViewMaker,
    ViewOptions,
    centre_view,
    random_color,
    random_perspective,
    random_rectangles,
    random_transform,
)
from pointillist.batch import Batch, View
from pointillist.crops import CONTEXT, FILL, CropSpec
from pointillist.skeleton import Skeleton

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CPU = torch.device("cpu")
VIEWS = [(96, 64), (56, 88)]
PLAIN = ViewOptions(rotation=0, scale=0, shift=0, flip=0, perspective=0, color=0, gray=0)


def maker(size: tuple[int, int], skeleton: Skeleton = SKELETON) -> ViewMaker:
    return ViewMaker(size, skeleton, MEAN, STD)


def pixels(view: View) -> np.ndarray:
    """(B, H, W, 3) values in [0, 255] less the fill."""
    images = view.images.permute(0, 2, 3, 1).numpy()
    return (images * np.array(STD) + np.array(MEAN)) * 255 - np.array(FILL)


def where_is_the_dot(view: View, row: int = 0) -> tuple[float, float]:
    brightness = pixels(view)[row].mean(axis=-1)
    return centroid((brightness - 2).clip(0))


def dot_batch(
    file: tuple[int, int], x: float, y: float, spec: CropSpec
) -> tuple[Batch, tuple[float, float]]:
    """A crop around a box with a dot at (x, y) of the file, which is the left point."""
    width, height = file
    region = spec.region((0.1 * width, 0.1 * height, 0.8 * width, 0.8 * height), width, height)
    # About 1.6 pixels in the view, however much the crop is scaled: perspective stretches one
    # side of a dot more than the other, which moves the centre of mass of a larger one.
    sigma = 1.6 * region[2] / spec.size[0]
    image = dot_image(width, height, [(x, y)], sigma, 110 * np.ones((1, 3)))
    points = np.array([[x, y], [np.nan, np.nan], [np.nan, np.nan]])
    box = (0.1 * width, 0.1 * height, 0.8 * width, 0.8 * height)
    return batch_of(image, box, spec, points)[0], (x, y)


def assert_dot_is_at_the_point(view: View, row: int = 0) -> None:
    which = 1 if view.flipped[row] else 0  # a mirror image makes the left point a right one
    point = view.points[row, which]
    width, height = view.size
    assert point.isfinite().all()
    # Otherwise part of the dot is cut off.
    assume(9 < point[0] < width - 9 and 9 < point[1] < height - 9)
    assert view.annotated[row].tolist() == [which == 0, which == 1, False]
    error = point.numpy() - where_is_the_dot(view, row)
    assert np.hypot(*error) < 0.1


files = st.tuples(st.integers(70, 200), st.integers(60, 160))
places = st.tuples(st.floats(0.35, 0.65), st.floats(0.35, 0.65))


@given(
    file=files,
    place=places,
    size=st.sampled_from(VIEWS),
    seed=st.integers(0, 10**6),
    perspective=st.sampled_from([0.0, 0.15]),
)
@settings(max_examples=60, deadline=None)
def test_a_dot_in_a_random_view_is_where_its_point_is(
    file: tuple[int, int],
    place: tuple[float, float],
    size: tuple[int, int],
    seed: int,
    perspective: float,
) -> None:
    """From the file through the crop and rotation, scale, shift, flip and perspective."""
    spec = CropSpec(*size, 1.5, CONTEXT)
    batch, _ = dot_batch(file, place[0] * file[0], place[1] * file[1], spec)
    torch.manual_seed(seed)
    options = ViewOptions(rotation=180, scale=0.3, perspective=perspective, color=0, gray=0)
    assert_dot_is_at_the_point(maker(size).random(batch, options))


@given(
    file=files,
    place=places,
    size=st.sampled_from(VIEWS),
    angle=st.floats(-3.2, 3.2),
    scale=st.floats(0.7, 1.4),
    flip=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_a_dot_in_a_rendered_view_is_where_its_point_is(
    file: tuple[int, int],
    place: tuple[float, float],
    size: tuple[int, int],
    angle: float,
    scale: float,
    flip: bool,
) -> None:
    spec = CropSpec(*size, 1.5, CONTEXT)
    batch, _ = dot_batch(file, place[0] * file[0], place[1] * file[1], spec)
    flipped, factor = torch.tensor([flip]), torch.tensor([scale])
    turn = geometry.compose(
        geometry.rotation(torch.tensor([angle])), geometry.scaling(factor, factor)
    )
    transform = geometry.compose(
        geometry.about(turn, size[0] / 2, size[1] / 2),
        geometry.mirror(size[0], flipped),
        centre_view(1, batch.size, size, CPU),
    )
    assert_dot_is_at_the_point(maker(size).render(batch, transform, flipped))


@given(file=files, place=places, size=st.sampled_from(VIEWS))
@settings(max_examples=30, deadline=None)
def test_the_plain_view_and_the_way_back_to_the_file(
    file: tuple[int, int], place: tuple[float, float], size: tuple[int, int]
) -> None:
    spec = CropSpec(*size, 1.5)
    batch, point = dot_batch(file, place[0] * file[0], place[1] * file[1], spec)
    view = maker(size).plain(batch)
    assert_dot_is_at_the_point(view)
    back = geometry.transform_points(geometry.inverse(view.transform), view.points)
    in_file = geometry.transform_points(batch.to_file, back)[0, 0]
    assert np.hypot(*(in_file.numpy() - point)) < 1e-3


@pytest.mark.parametrize("size", [(64, 48), (50, 38), (62, 46)])
def test_plain_is_the_middle_of_the_crop_by_slicing_as_by_warping(size: tuple[int, int]) -> None:
    spec = CropSpec(*size, 1.5, CONTEXT)
    batch, _ = dot_batch((100, 80), 44.0, 41.0, spec)
    plain = maker(size).plain(batch)
    still = torch.tensor([False])
    warped = maker(size).render(batch, centre_view(1, batch.size, size, CPU), still)
    torch.testing.assert_close(plain.images, warped.images, rtol=0, atol=2e-3)
    torch.testing.assert_close(plain.points, warped.points, equal_nan=True)
    nothing = maker(size).random(batch, PLAIN)
    torch.testing.assert_close(plain.images, nothing.images, rtol=0, atol=2e-3)
    torch.testing.assert_close(plain.points, nothing.points, equal_nan=True)


def test_values_are_normalised_by_hand() -> None:
    spec = CropSpec(8, 8, 1.0)
    image = np.full((8, 8, 3), (255, 0, 102), np.uint8)
    batch, _ = batch_of(image, (0, 0, 8, 8), spec, np.full((3, 2), np.nan))
    view = maker((8, 8)).plain(batch)
    expected = [(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (0.4 - 0.406) / 0.225]
    assert view.images[0, :, 3, 3].tolist() == pytest.approx(expected, abs=1e-5)
    assert not view.annotated.any()
    assert view.points.isnan().all()
    assert view.images.isfinite().all()


def test_what_comes_in_from_outside_is_fill_in_any_colour() -> None:
    """After a colour change, too, padding looks like a file's pixels of the fill colour."""
    spec = CropSpec(16, 16, 1.0)
    image = np.full((16, 16, 3), FILL, np.uint8)
    batch, _ = batch_of(image, (0, 0, 16, 16), spec, np.full((3, 2), np.nan))
    torch.manual_seed(3)
    color = random_color(1, ViewOptions(), CPU)
    shift = geometry.translation(torch.tensor([7.0]), torch.tensor([0.0]))
    images = maker((16, 16)).render(batch, shift, torch.tensor([False]), color).images
    # One colour all over, inside as outside.
    assert (images - images[:, :, :1, :1]).abs().max() < 1e-4


def test_color_by_hand() -> None:
    """Twice as bright, contrast and saturation as they are, gains of 1."""
    spec = CropSpec(8, 8, 1.0)
    image = np.full((8, 8, 3), (100, 50, 20), np.uint8)
    batch, _ = batch_of(image, (0, 0, 8, 8), spec, np.full((3, 2), np.nan))
    color = 2 * torch.eye(3)[None], torch.zeros(1, 3)
    view = maker((8, 8)).render(batch, geometry.identity(1), torch.tensor([False]), color)
    shown = (pixels(view) + np.array(FILL))[0, 4, 4]
    assert shown == pytest.approx([200, 100, 40], abs=0.01)


def test_gray_takes_all_colour() -> None:
    torch.manual_seed(0)
    matrix, offset = random_color(5, ViewOptions(color=0, gray=1), CPU)
    # Every channel becomes the luma.
    torch.testing.assert_close(matrix, torch.tensor([0.299, 0.587, 0.114]).expand(5, 3, 3))
    assert (offset == 0).all()


def test_color_ranges() -> None:
    torch.manual_seed(0)
    matrix, offset = random_color(500, ViewOptions(color=0.3, gray=0), CPU)
    white = matrix.sum(dim=2) + offset  # saturation leaves greys alone
    # brightness * contrast * gain + 0.5 (1 - contrast), each factor within 1 +- 0.3 (gains 0.1).
    assert white.max() < 1.3 * 1.3 * 1.1
    assert white.min() > 0.7 * 0.7 * 0.9
    assert white.std() > 0.1


def test_rotation_scale_and_shift_stay_in_their_ranges() -> None:
    torch.manual_seed(0)
    options = ViewOptions(rotation=30, scale=0.2, shift=0.1, flip=0.5)
    transform, flipped = random_transform(2000, (96, 64), options, CPU)
    assert 0.45 < flipped.float().mean() < 0.55
    assert torch.equal(torch.det(transform[:, :2, :2]) < 0, flipped)
    magnified = transform[:, :2, :2].det().abs().sqrt()
    assert 0.8 <= magnified.min() < 0.82
    assert 1.18 < magnified.max() <= 1.2001
    straight = transform[~flipped]
    angle = torch.atan2(straight[:, 1, 0], straight[:, 0, 0]).rad2deg()
    assert angle.abs().max() <= 30.001
    assert angle.abs().max() > 29
    middle = torch.tensor([[[48.0, 32.0]]]).expand(2000, 1, 2)
    moved = (geometry.transform_points(transform, middle) - middle)[:, 0].abs()
    assert (moved <= torch.tensor([9.6, 6.4]) + 1e-3).all()
    assert (moved.amax(dim=0) > torch.tensor([9.4, 6.2])).all()


def test_normal_ranges_and_who_is_rotated_at_all() -> None:
    """As in the published code: N(0, 30 degrees) within 60, N(1, 0.25) within 0.25 of 1."""
    torch.manual_seed(0)
    options = ViewOptions(
        normal=True, rotation=60, rotated=0.6, scale=0.25, shift=0, flip=0, color=0, gray=0
    )
    transform, _ = random_transform(20000, (96, 64), options, CPU)
    angle = torch.rad2deg(torch.atan2(transform[:, 1, 0], transform[:, 0, 0]))
    turned = angle.abs() > 1e-3
    assert turned.float().mean().item() == pytest.approx(0.6, abs=0.02)
    assert angle.abs().max().item() == pytest.approx(60, abs=1e-2)
    # 68.3 % of a normal distribution lie within its deviation; 4.6 % are beyond two: at the limit.
    assert (angle[turned].abs() < 30).float().mean().item() == pytest.approx(0.683, abs=0.02)
    limit = angle[turned].abs() > 59.99
    assert limit.float().mean().item() == pytest.approx(0.046, abs=0.01)
    scale = transform[:, :2, :2].det().sqrt()
    assert scale.min().item() == pytest.approx(0.75, abs=1e-4)
    assert scale.max().item() == pytest.approx(1.25, abs=1e-4)
    # Beyond one deviation lie 15.9 % on either side.
    assert (scale > 1.2499).float().mean().item() == pytest.approx(0.159, abs=0.02)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_a_view_after_another_is_where_the_points_are(seed: int) -> None:
    batch, _ = dot_batch((120, 90), 60, 45, CropSpec(96, 64, 1.5, CONTEXT))
    views = maker((96, 64))
    small = ViewOptions(rotation=20, scale=0.1, shift=0.02, flip=0.5, color=0, gray=0)
    torch.manual_seed(seed)
    first = views.random(batch, small)
    assert_dot_is_at_the_point(views.random(batch, small, after=first))


def test_perspective_moves_corners_within_its_range() -> None:
    torch.manual_seed(0)
    transform = random_perspective(500, (96, 64), 0.15, CPU)
    start = geometry.corners(96, 64, transform).expand(500, 4, 2)
    moved = geometry.transform_points(transform, start) - start
    inward = moved * torch.tensor([[1.0, 1], [-1, 1], [-1, -1], [1, -1]])
    distance = 0.15 * 64
    assert inward.min() >= -0.5 * distance - 1e-3
    assert inward.max() <= distance + 1e-3
    assert inward.max() > 0.95 * distance
    assert inward.min() < -0.45 * distance


def test_rectangles() -> None:
    torch.manual_seed(0)
    one = random_rectangles(300, (96, 64), 1.0, most=1)
    assert one.shape == (300, 64, 96)
    columns, rows = one.any(dim=1).sum(dim=1), one.any(dim=2).sum(dim=1)
    # 8 to 30 % of each side, and filled.
    assert 7 <= columns.min() <= 9
    assert 27 <= columns.max() <= 29
    assert 5 <= rows.min() <= 6
    assert 17 <= rows.max() <= 20
    assert torch.equal(one.sum(dim=(1, 2)), columns * rows)
    assert not random_rectangles(50, (96, 64), 0.0).any()
    share = random_rectangles(1000, (96, 64), 0.5, most=1).any(dim=(1, 2)).float().mean()
    assert 0.45 < share < 0.55


def test_erased_parts_are_blank_and_points_stay() -> None:
    spec = CropSpec(96, 64, 1.5, CONTEXT)
    batch, _ = dot_batch((150, 110), 70.0, 60.0, spec)
    views = []
    for erase in (0.0, 1.0):
        torch.manual_seed(2)
        views.append(maker((96, 64)).random(batch, ViewOptions(erase=erase)))
    whole, erased = views
    blank = (erased.images == 0).all(dim=1)
    assert blank.float().mean() > 0.01
    assert torch.equal(
        erased.images.where(~blank[:, None], 0), whole.images.where(~blank[:, None], 0)
    )
    torch.testing.assert_close(erased.points, whole.points, equal_nan=True)
    assert torch.equal(erased.annotated, whole.annotated)


def test_a_mirror_image_lacks_the_other_side() -> None:
    """Where the left point is absent, the right one is in a mirror image, inside or not."""
    batch, _ = dot_batch((60, 50), 30.0, 25.0, CropSpec(32, 32, 1.5, CONTEXT))
    batch = replace(batch, absent=torch.tensor([[True, False, False]]))
    for flip, expected in ((0.0, [True, False, False]), (1.0, [False, True, False])):
        view = maker((32, 32)).random(batch, ViewOptions(flip=flip))
        assert view.absent[0].tolist() == expected


def test_a_skeleton_without_pairs_is_never_mirrored() -> None:
    """Whether its left is right nobody knows."""
    spec = CropSpec(32, 32, 1.5, CONTEXT)
    batch, _ = dot_batch((60, 50), 30.0, 25.0, spec)
    many = batch.select(torch.zeros(50, dtype=torch.int64))
    options = ViewOptions(flip=1.0)
    assert not maker((32, 32), Skeleton(("a", "b", "c"))).random(many, options).flipped.any()
    assert maker((32, 32)).random(many, options).flipped.all()


def test_views_are_the_same_under_autocast() -> None:
    spec = CropSpec(96, 64, 1.5, CONTEXT)
    batch, _ = dot_batch((150, 110), 70.0, 60.0, spec)
    options = ViewOptions(perspective=0.15)

    def views() -> list[View]:
        torch.manual_seed(5)
        return [maker((96, 64)).plain(batch), maker((96, 64)).random(batch, options)]

    plain = views()
    with torch.autocast("cpu", torch.bfloat16):
        under = views()
    for a, b in zip(plain, under, strict=True):
        assert b.images.dtype == torch.float32
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.transform, b.transform)
        torch.testing.assert_close(a.points, b.points, rtol=0, atol=0, equal_nan=True)


def test_images_have_channels_last_in_memory() -> None:
    spec = CropSpec(32, 16, 1.5)
    view = maker((32, 16)).plain(dot_batch((60, 50), 30.0, 25.0, spec)[0])
    assert view.images.is_contiguous(memory_format=torch.channels_last)
