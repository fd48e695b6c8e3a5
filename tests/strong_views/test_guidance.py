"""Heatmaps carried from one view into another, on inputs that are not square."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core_cases import SKELETON
from pointillist import geometry
from pointillist.augment import ViewMaker, ViewOptions, random_transform
from pointillist.batch import Batch, View
from pointillist.geometry import transform_points
from pointillist.heatmaps import encode
from pointillist.strong_views import carry

SIZE = (96, 64)
STRIDE = 4
ORDER = torch.tensor([1, 0, 2])
CPU = torch.device("cpu")


def view(transform: Tensor, flipped: Tensor) -> View:
    count = len(transform)
    return View(
        images=torch.zeros(count, 3, SIZE[1], SIZE[0]),
        transform=transform,
        flipped=flipped,
        points=torch.full((count, 3, 2), torch.nan),
        annotated=torch.zeros(count, 3, dtype=torch.bool),
        absent=torch.zeros(count, 3, dtype=torch.bool),
    )


def seen(crop_points: Tensor, one: View) -> Tensor:
    """Where a view shows the crop's points; left and right change names in a mirror image."""
    points = transform_points(one.transform, crop_points)
    return torch.where(one.flipped[:, None, None], points[:, ORDER], points)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_heatmaps_and_points_land_where_the_other_view_shows_them(seed: int) -> None:
    torch.manual_seed(seed)
    options = ViewOptions(rotation=40, scale=0.2, shift=0.05, flip=0.5)
    weak, strong = (view(*random_transform(4, SIZE, options, CPU)) for _ in range(2))
    crop_points = torch.tensor([[[40.0, 22.0], [50.0, 40.0], [60.0, 30.0]]]).expand(4, 3, 2)
    heatmaps = encode(seen(crop_points, weak) / STRIDE, (24, 16), 1.5)
    guidance = carry(heatmaps, weak, strong, ORDER, STRIDE)
    expected = seen(crop_points, strong)
    torch.testing.assert_close(guidance.points, expected, atol=0.1, rtol=0)
    inner = geometry.inside(expected - 12, SIZE[0] - 24.0, SIZE[1] - 24.0)
    peaks = guidance.heatmaps.flatten(2).max(dim=2)
    at = torch.stack([peaks.indices % 24 + 0.5, peaks.indices // 24 + 0.5], dim=-1) * STRIDE
    # The highest pixel of 4 x 4 image pixels is at most half its diagonal away from the point.
    assert ((at - expected).norm(dim=-1)[inner] < 4).all()
    # Interpolation may not wear the peaks down: pixel centres miss the point by up to half a
    # diagonal, which for sigma 1.5 leaves exp(-0.5 / (2 * 1.5^2)) = 0.89, of both grids.
    assert (peaks.values[inner] > 0.78).all()


def test_a_view_onto_itself_changes_nothing() -> None:
    one = view(geometry.identity(2), torch.tensor([False, True]))
    points = torch.tensor([[[21.0, 13.0], [50.0, 40.0], [90.0, 60.0]]]).expand(2, 3, 2)
    heatmaps = encode(points / STRIDE, (24, 16), 1.0)
    guidance = carry(heatmaps, one, one, ORDER, STRIDE)
    torch.testing.assert_close(guidance.heatmaps, heatmaps, atol=1e-5, rtol=0)
    torch.testing.assert_close(guidance.points, points, atol=1e-2, rtol=0)
    assert guidance.pixels.all()
    assert guidance.inside.all()
    torch.testing.assert_close(guidance.confidence, heatmaps.flatten(2).amax(dim=2))


def test_what_the_teacher_did_not_see_is_marked() -> None:
    """Moved to the right by 8 px (two columns) and up by 4 px (one row)."""
    weak = view(geometry.identity(1), torch.tensor([False]))
    right, up = torch.tensor([8.0]), torch.tensor([-4.0])
    strong = view(geometry.translation(right, up), torch.tensor([False]))
    points = torch.tensor([[[92.0, 30.0], [50.0, 2.0], [50.0, 30.0]]])
    guidance = carry(encode(points / STRIDE, (24, 16), 1.0), weak, strong, ORDER, STRIDE)
    expected = torch.ones(1, 16, 24, dtype=torch.bool)
    expected[:, :, :2] = False
    expected[:, -1] = False
    assert torch.equal(guidance.pixels, expected)
    # 92 + 8 is beyond the width of 96, and 2 - 4 above the upper edge.
    assert guidance.inside.tolist() == [[False, False, True]]
    torch.testing.assert_close(guidance.points[0, 2], torch.tensor([58.0, 26.0]), atol=1e-2, rtol=0)


@pytest.mark.parametrize("x", [0.5, 95.5])
@pytest.mark.parametrize("to", [50.0, 51.0, 52.0, 53.0])
def test_a_peak_on_the_border_is_carried_whole(x: float, to: float) -> None:
    """What the teacher's view showed must not be mixed with nothing from beyond its border."""
    border = 0.0 if x < 48 else 96.0
    still, narrower = torch.zeros(1), torch.tensor([0.8])
    moved = geometry.compose(
        geometry.translation(torch.tensor([to]), still),
        geometry.scaling(narrower, torch.ones(1)),
        geometry.translation(torch.tensor([-border]), still),
    )
    weak, strong = (view(t, torch.tensor([False])) for t in (geometry.identity(1), moved))
    points = torch.tensor([[[x, 30.0], [x, 30.0], [50.0, 30.0]]])
    heatmaps = encode(points / STRIDE, (24, 16), 1.0)
    guidance = carry(heatmaps, weak, strong, ORDER, STRIDE)
    assert guidance.inside.all()
    heatmap, pixels = guidance.heatmaps[0, 0], guidance.pixels[0]
    assert (heatmap[~pixels] == 0).all()
    # As high as a peak at that place is in the pixels that the teacher's view showed.
    expected = encode(transform_points(moved, points) / STRIDE, (24, 16), 1.0)[0, 0]
    assert heatmap.max() == pytest.approx(float((expected * pixels).max()), rel=0.2)


def test_a_mirrored_view_exchanges_left_and_right() -> None:
    weak = view(geometry.identity(1), torch.tensor([False]))
    flipped = torch.tensor([True])
    strong = view(geometry.mirror(SIZE[0], flipped), flipped)
    points = torch.tensor([[[20.0, 30.0], [70.0, 10.0], [50.0, 50.0]]])
    heatmaps = encode(points / STRIDE, (24, 16), 1.0) * torch.tensor([0.9, 0.5, 0.7])[:, None, None]
    guidance = carry(heatmaps, weak, strong, ORDER, STRIDE)
    expected = torch.tensor([[[26.0, 10.0], [76.0, 30.0], [46.0, 50.0]]])
    torch.testing.assert_close(guidance.points, expected, atol=0.05, rtol=0)
    left, right, _ = guidance.confidence[0].tolist()
    assert left == pytest.approx(float(heatmaps[0, 1].max()))
    assert right == pytest.approx(float(heatmaps[0, 0].max()))
    torch.testing.assert_close(guidance.heatmaps, heatmaps.flip(-1)[:, ORDER], atol=1e-4, rtol=0)


def test_the_pixels_of_two_real_views_show_the_same_place() -> None:
    """A dot drawn into the crop: one view's heatmap, carried, is where the other has the dot."""
    maker = ViewMaker(SIZE, SKELETON, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    width, height = 120, 80
    x, y = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    dot = torch.exp(-((x - 63) ** 2) / 18)[None] * torch.exp(-((y - 37) ** 2) / 18)[:, None]
    images = (255 * dot).to(torch.uint8)[None, None].expand(6, 3, -1, -1)
    batch = Batch(
        images=images,
        points=torch.full((6, 3, 2), torch.nan),
        annotated=torch.zeros(6, 3, dtype=torch.bool),
        absent=torch.zeros(6, 3, dtype=torch.bool),
        labeled=torch.zeros(6, dtype=torch.bool),
        to_file=geometry.identity(6),
        file_size=torch.tensor([[120.0, 80.0]]).expand(6, 2),
        index=torch.arange(6),
    )
    torch.manual_seed(3)
    moves = ViewOptions(rotation=40, scale=0.2, shift=0.05, color=0, gray=0)
    weak = maker.random(batch, moves)
    strong = maker.random(batch, moves, after=weak)
    # What a perfect teacher would say of the dot, from the weak view's own pixels.
    light = torch.nn.functional.avg_pool2d(weak.images[:, :1], STRIDE)
    heatmaps = (light - light.amin(dim=(2, 3), keepdim=True)).expand(-1, 3, -1, -1)
    guidance = carry(heatmaps / heatmaps.amax(), weak, strong, ORDER, STRIDE)
    bright = strong.images[:, 0].flatten(1).argmax(dim=1)
    at = torch.stack([bright % SIZE[0] + 0.5, bright // SIZE[0] + 0.5], dim=-1)
    assert ((guidance.points[:, 2] - at).norm(dim=-1) < 2).all()


def test_rows_can_be_taken_out() -> None:
    one = view(geometry.identity(2), torch.tensor([False, False]))
    guidance = carry(torch.rand(2, 3, 16, 24), one, one, ORDER, STRIDE)
    second = guidance.select(torch.tensor([1, 1, 0]))
    assert torch.equal(second.heatmaps[0], guidance.heatmaps[1])
    assert torch.equal(second.confidence[2], guidance.confidence[0])
    assert second.pixels.shape == (3, 16, 24)
