"""Points, images and heatmaps go through the same homography."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pointillist import geometry
from pointillist.heatmaps import decode, encode

WIDTH, HEIGHT = 96, 64  # not square, on purpose
STRIDE = 4

angles = st.floats(-math.pi, math.pi)
shares = st.floats(0.25, 0.75)


def one(value: float) -> torch.Tensor:
    return torch.tensor([float(value)])


def test_composition_has_the_first_transform_rightmost() -> None:
    # (1, 2) scaled by (2, 3) is (2, 6); shifted by (10, 20) then: (12, 26).
    first, second = geometry.scaling(one(2.0), one(3.0)), geometry.translation(one(10), one(20))
    point = torch.tensor([[[1.0, 2.0]]])
    expected = torch.tensor([[[12.0, 26.0]]])
    moved = geometry.transform_points(geometry.compose(second, first), point)
    assert torch.equal(moved, expected)
    step = geometry.transform_points(second, geometry.transform_points(first, point))
    assert torch.equal(step, expected)


def test_rotation_turns_x_towards_y() -> None:
    quarter = geometry.about(geometry.rotation(one(math.pi / 2)), 10, 5)
    # The point one to the right of (10, 5) comes to lie one below it.
    moved = geometry.transform_points(quarter, torch.tensor([[[11.0, 5.0]]]))
    torch.testing.assert_close(moved, torch.tensor([[[10.0, 6.0]]]))


def test_mirror_only_where_flipped() -> None:
    transform = geometry.mirror(8, torch.tensor([True, False]))
    points = torch.tensor([[[0.5, 3.0]], [[0.5, 3.0]]])
    # The centre of the first of 8 columns goes to the centre of the last.
    expected = torch.tensor([[[7.5, 3.0]], [[0.5, 3.0]]])
    assert torch.equal(geometry.transform_points(transform, points), expected)


def test_mirrored_pixels_are_exact() -> None:
    image = torch.rand(1, 3, 4, 6)
    mirrored = geometry.warp(image, geometry.mirror(6, torch.tensor([True])), (6, 4))
    torch.testing.assert_close(mirrored, image.flip(-1))


def test_nan_points_stay_alone() -> None:
    transform = geometry.rotation(one(0.3))
    points = torch.tensor([[[1.0, 2.0], [math.nan, math.nan], [3.0, 4.0]]])
    moved = geometry.transform_points(transform, points)
    assert moved[0, 1].isnan().all()
    assert torch.equal(moved[:, ::2], geometry.transform_points(transform, points[:, ::2]))


@given(
    moves=st.lists(st.floats(-0.07, 0.15), min_size=8, max_size=8),
    size=st.sampled_from([(96, 64), (256, 192), (64, 256)]),
)
@settings(max_examples=40, deadline=None)
def test_homography_from_corners(moves: list[float], size: tuple[int, int]) -> None:
    source = geometry.corners(*size, torch.empty(0))[None]
    inward = torch.tensor([[1.0, 1], [-1, 1], [-1, -1], [1, -1]])
    target = source + inward * torch.tensor(moves).view(4, 2) * min(size)
    transform = geometry.from_corners(source, target)
    there = geometry.transform_points(transform, source)
    assert (there - target).abs().max() < 1e-3
    back = geometry.transform_points(geometry.inverse(transform), there)
    assert (back - source).abs().max() < 1e-2


def test_at_stride_is_a_division() -> None:
    transform = geometry.compose(
        geometry.translation(one(8.0), one(-4.0)), geometry.rotation(one(0.7))
    )
    points = torch.tensor([[[20.0, 33.0], [5.0, 60.0]]])
    on_map = geometry.transform_points(geometry.at_stride(transform, 4), points / 4)
    torch.testing.assert_close(on_map * 4, geometry.transform_points(transform, points))


@given(x=shares, y=shares, angle=angles, flip=st.booleans())
@settings(max_examples=40, deadline=None)
def test_warped_heatmap_is_the_heatmap_of_the_moved_point(
    x: float, y: float, angle: float, flip: bool
) -> None:
    """Rotations and mirror images keep a Gaussian a Gaussian: the maps must agree everywhere."""
    point = torch.tensor([[[x * WIDTH, y * HEIGHT]]])
    turn = geometry.about(geometry.rotation(one(angle)), WIDTH / 2, HEIGHT / 2)
    transform = geometry.compose(turn, geometry.mirror(WIDTH, torch.tensor([flip])))
    size = (WIDTH // STRIDE, HEIGHT // STRIDE)
    on_map = geometry.at_stride(transform, STRIDE)
    heatmap = encode(point / STRIDE, size, 2.0)
    warped = geometry.warp(heatmap, on_map, size)
    moved = geometry.transform_points(transform, point)
    expected = encode(moved / STRIDE, size, 2.0)
    # Bilinear interpolation of a Gaussian of sigma 2 is off by 1/16 at the most (f'' = 1/4 on
    # both axes, times h^2/8). What came in from outside is no part of the map.
    valid = geometry.valid_mask(on_map, size, size)
    inner = valid & ~_touches_border(on_map, size)
    assert (warped - expected)[0, 0][inner[0]].abs().max() < 1 / 16


def _touches_border(on_map: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Pixels that interpolate between the map and the zeros around it."""
    grid = geometry.source_grid(on_map, size)
    return ~geometry.inside(grid - 0.5, size[0] - 1, size[1] - 1)


def test_warped_heatmaps_peak_at_the_moved_points_under_perspective() -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(1000, *shape, generator=generator)

    points = draw(0.35, 0.65, 1, 2) * torch.tensor([WIDTH, HEIGHT])
    start = geometry.corners(WIDTH, HEIGHT, points).expand(1000, 4, 2)
    inward = torch.tensor([[1.0, 1], [-1, 1], [-1, -1], [1, -1]])
    bent = geometry.from_corners(start, start + inward * draw(-0.07, 0.15, 4, 2) * HEIGHT)
    scale = draw(0.8, 1.25)
    larger = geometry.about(geometry.scaling(scale, scale), WIDTH / 2, HEIGHT / 2)
    transform = geometry.compose(bent, larger)
    size = (WIDTH // STRIDE, HEIGHT // STRIDE)
    maps = encode(points / STRIDE, size, 2.0)
    found, _ = decode(geometry.warp(maps, geometry.at_stride(transform, STRIDE), size), "dark")
    error = found - geometry.transform_points(transform, points) / STRIDE
    # Bilinear interpolation flattens peaks, which costs up to a quarter of a heatmap pixel, but
    # in no direction rather than another.
    assert error.norm(dim=-1).max() < 0.25
    assert error.mean(dim=0).abs().max() < 0.01


def test_valid_mask_by_hand() -> None:
    # 6x4 pixels shifted by 2 to the right and 1 up: two columns and the last row come from outside.
    transform = geometry.translation(one(2.0), one(-1.0))
    mask = geometry.valid_mask(transform, (6, 4), (6, 4))
    expected = torch.tensor([[0, 0, 1, 1, 1, 1]] * 3 + [[0] * 6], dtype=torch.bool)
    assert torch.equal(mask[0], expected)


def test_valid_mask_of_another_size() -> None:
    # A 4x2 image doubled and shown on 10x4: columns 8 and 9 lie outside.
    mask = geometry.valid_mask(geometry.scaling(one(2.0), one(2.0)), (4, 2), (10, 4))
    assert mask.shape == (1, 4, 10)
    assert mask[0, :, :8].all()
    assert not mask[0, :, 8:].any()


def test_zeros_exactly_where_the_mask_says_outside() -> None:
    transform = geometry.about(geometry.rotation(one(0.5)), WIDTH / 2, HEIGHT / 2)
    seen = geometry.warp(
        torch.ones(1, 1, HEIGHT, WIDTH), transform, (WIDTH, HEIGHT), mode="nearest"
    )
    mask = geometry.valid_mask(transform, (WIDTH, HEIGHT), (WIDTH, HEIGHT))
    assert torch.equal(seen[:, 0] > 0, mask)


def test_nan_is_not_inside() -> None:
    points = torch.tensor([[math.nan, 1.0], [0.0, 2.0], [3.0, 2.1], [3.0, 2.0]])
    assert geometry.inside(points, 3, 2).tolist() == [False, True, False, True]


def test_16_bit_maps_are_warped_with_exact_positions() -> None:
    """Around 128 a bfloat16 is a multiple of 1: positions in it would be off by half a pixel."""
    size = (256, 192)
    heatmap = encode(torch.tensor([[[200.3, 150.6]]]), size, 2.0)
    transform = geometry.translation(one(0.4), one(0.3))
    warped = geometry.warp(heatmap.bfloat16(), transform, size)
    assert warped.dtype == torch.float32
    exact = geometry.warp(heatmap.bfloat16().float(), transform, size)
    assert torch.equal(warped, exact)


def _results() -> dict[str, torch.Tensor]:
    angle = torch.tensor([0.3, -2.0])
    points = torch.tensor([[[203.7, 11.3]], [[1.2, 190.9]]])
    start = geometry.corners(256, 192, points).expand(2, 4, 2)
    bent = geometry.from_corners(start, start + torch.tensor([3.3, -4.7]))
    turn = geometry.about(geometry.rotation(angle), 128.0, 96.0)
    both = geometry.compose(bent, turn)
    return {
        "from_corners": bent,
        "about": turn,
        "compose": both,
        "inverse": geometry.inverse(both),
        "points": geometry.transform_points(both, points),
        "grid": geometry.source_grid(both, (8, 6)),
        "mask": geometry.valid_mask(both, (256, 192), (256, 192)),
        "at_stride": geometry.at_stride(both, 4),
        "warp": geometry.warp(torch.arange(48.0).view(1, 1, 6, 8), turn[:1], (8, 6)),
    }


def test_autocast_does_not_touch_geometry() -> None:
    plain = _results()
    with torch.autocast("cpu", torch.bfloat16):
        under = _results()
    for name, value in plain.items():
        assert torch.equal(value, under[name]), name


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_identity_takes_type_of_its_model(kind: torch.dtype) -> None:
    eye = geometry.identity(2, torch.empty(0, dtype=kind))
    assert eye.dtype == kind
    assert torch.equal(eye, torch.eye(3, dtype=kind).expand(2, 3, 3))
