from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pointillist.errors import ConfigError
from pointillist.heatmaps import decode, encode, smoothed, soft_argmax
from pointillist.methods.equivariant_landmarks import EquivariantLandmarksOptions
from pointillist.methods.generative import GenerativeOptions

SIZE = (24, 16)


def test_encode_by_hand() -> None:
    # A peak at the centre of column 3, row 2; one pixel away exp(-1/(2*4)), two: exp(-4/(2*4)).
    maps = encode(torch.tensor([[[3.5, 2.5]]]), (8, 6), 2.0)[0, 0]
    assert maps.shape == (6, 8)
    assert maps[2, 3] == 1
    torch.testing.assert_close(maps[2, 4], torch.tensor(math.exp(-1 / 8)))
    torch.testing.assert_close(maps[0, 3], torch.tensor(math.exp(-4 / 8)))
    torch.testing.assert_close(maps[3, 5], torch.tensor(math.exp(-(1 + 4) / 8)))


def test_points_that_are_not_there_give_zeros() -> None:
    points = torch.tensor([[[math.nan, math.nan], [4.0, math.nan], [math.inf, 2.0], [4.0, 2.0]]])
    maps = encode(points, (8, 6), 2.0)
    assert maps.isfinite().all()
    assert (maps[0, :3] == 0).all()
    assert maps[0, 3].max() > 0.9


@given(
    x=st.floats(0, SIZE[0]),
    y=st.floats(0, SIZE[1]),
    sigma=st.sampled_from([1.0, 1.5, 2.0, 3.0]),
)
@settings(max_examples=150, deadline=None)
def test_dark_finds_what_was_encoded_also_on_the_borders(x: float, y: float, sigma: float) -> None:
    point = torch.tensor([[[x, y]]])
    found, confidence = decode(encode(point, SIZE, sigma), "dark")
    assert (found - point).norm() < 0.05
    # The highest pixel is at most half a pixel away on each axis.
    assert confidence.item() >= math.exp(-0.5 / (2 * sigma**2)) - 1e-6


@pytest.mark.parametrize(
    "point",
    [(0.0, 0.0), (24.0, 16.0), (0.0, 16.0), (24.0, 0.0), (0.5, 8.0), (12.0, 15.5), (1.0, 1.0)],
)
def test_dark_in_corners_and_between_pixels(point: tuple[float, float]) -> None:
    there = torch.tensor([[point]])
    found, _ = decode(encode(there, SIZE, 2.0), "dark")
    assert (found - there).norm() < 0.05


@given(x=st.floats(0.5, SIZE[0] - 0.5), y=st.floats(0.5, SIZE[1] - 0.5))
@settings(max_examples=50, deadline=None)
def test_quarter_is_within_a_quarter_and_argmax_within_a_half(x: float, y: float) -> None:
    point = torch.tensor([[[x, y]]])
    maps = encode(point, SIZE, 2.0)
    assert (decode(maps, "argmax")[0] - point).abs().max() <= 0.5 + 1e-4
    inner = torch.tensor([1 < x < SIZE[0] - 1, 1 < y < SIZE[1] - 1])
    error = (decode(maps, "quarter")[0] - point).abs()[0, 0]
    assert (error[inner] <= 0.25 + 1e-4).all()


def test_argmax_and_quarter_by_hand() -> None:
    maps = torch.zeros(1, 1, 5, 7)
    maps[0, 0, 1, 3] = 0.8  # the peak: column 3, row 1
    maps[0, 0, 1, 4] = 0.4  # higher on the right than on the left
    maps[0, 0, 1, 2] = 0.3
    maps[0, 0, 0, 3] = 0.2  # as high above as below
    maps[0, 0, 2, 3] = 0.2
    points, confidence = decode(maps, "argmax")
    assert points.tolist() == [[[3.5, 1.5]]]
    assert confidence.item() == pytest.approx(0.8)
    assert decode(maps, "quarter")[0].tolist() == [[[3.75, 1.5]]]
    maps[0, 0, 2, 3] = 0.1
    assert decode(maps, "quarter")[0].tolist() == [[[3.75, 1.25]]]


def test_quarter_does_not_move_on_the_border() -> None:
    maps = torch.zeros(1, 1, 5, 7)
    maps[0, 0, 0, 6] = 1.0
    maps[0, 0, 0, 5] = maps[0, 0, 1, 6] = 0.5
    assert decode(maps, "quarter")[0].tolist() == [[[6.5, 0.5]]]


def test_dark_by_hand() -> None:
    # log-heights -x^2/8 about x = 3.8 on the line y = 2.5: the parabola's top is at 3.8.
    maps = encode(torch.tensor([[[3.8, 2.5]]]), (8, 6), 2.0)
    points, confidence = decode(maps, "dark")
    torch.testing.assert_close(points, torch.tensor([[[3.8, 2.5]]]), rtol=0, atol=1e-3)
    # Confidence is the highest pixel, whose centre is 0.3 away.
    assert confidence.item() == pytest.approx(math.exp(-0.09 / 8))


def test_confidence_is_the_peak_within_0_and_1() -> None:
    maps = torch.zeros(1, 3, 4, 4)
    maps[0, 0, 1, 1], maps[0, 1] = 1.3, -0.2
    assert decode(maps, "dark")[1].tolist() == [[1.0, 0.0, 0.0]]


@pytest.mark.parametrize("method", ["argmax", "quarter", "dark"])
def test_flat_and_tiny_maps_have_finite_points(method: str) -> None:
    for maps in (torch.zeros(1, 1, 4, 6), torch.ones(1, 1, 4, 6), torch.rand(1, 1, 2, 2)):
        points, _ = decode(maps, method)  # type: ignore[arg-type]
        assert points.isfinite().all()
        assert (points >= 0).all()


def test_dark_does_not_run_away() -> None:
    """Whatever a network answers, the point stays within a pixel of the highest one."""
    maps = torch.rand(200, 1, 8, 12, generator=torch.Generator().manual_seed(1))
    assert (decode(maps, "dark")[0] - decode(maps, "argmax")[0]).abs().max() <= 1


def test_decoding_takes_16_bit_maps() -> None:
    points = torch.tensor([[[7.5, 3.5]]])
    found, confidence = decode(encode(points, SIZE, 2.0).bfloat16(), "dark")
    assert found.dtype == confidence.dtype == torch.float32
    assert (found - points).norm() < 0.05


def test_unknown_decoding_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'quarter'"):
        decode(torch.zeros(1, 1, 4, 4), "quater")  # type: ignore[arg-type]


def test_soft_argmax() -> None:
    # A flat map has its middle; a sharp peak its own place.
    assert soft_argmax(torch.zeros(1, 1, 4, 6)).tolist() == [[[3.0, 2.0]]]
    maps = torch.zeros(1, 1, 4, 6, requires_grad=True)
    peak = torch.zeros(1, 1, 4, 6)
    peak[0, 0, 1, 4] = 1.0
    found = soft_argmax(maps + peak, temperature=0.01)
    torch.testing.assert_close(found, torch.tensor([[[4.5, 1.5]]]))
    found.sum().backward()
    assert maps.grad is not None
    assert maps.grad.isfinite().all()


@pytest.mark.parametrize(("size", "sigma"), [(24, 1.0), (64, 2.0)])
def test_the_methods_soft_argmax_finds_low_peaks(size: int, sigma: float) -> None:
    """Not the middle of the map, to which the background pulls."""
    point = torch.tensor([[[size / 4, size / 4]]])
    heatmap = encode(point, (size, size), sigma)
    for options in (EquivariantLandmarksOptions(), GenerativeOptions()):
        for height in (0.3, 0.5, 1.0):
            found = soft_argmax(height * heatmap, options.temperature)
            assert (found - point).abs().max() < 0.06 * size, height


def test_no_value_is_so_small_that_a_cpu_computes_slowly_with_it():
    heatmaps = encode(torch.tensor([[[3.0, 3.0]]]), (64, 64), 1.5)
    smallest = torch.finfo(torch.float32).tiny
    assert not ((heatmaps > 0) & (heatmaps < smallest)).any()
    # Ten pixels off along one axis: exp(-100 / 4.5) is still there.
    assert encode(torch.tensor([[[3.5, 3.5]]]), (64, 64), 1.5)[0, 0, 3, 11] > 0


def test_a_smoothed_gaussian_is_a_wider_one_of_the_same_height() -> None:
    # Variances add: 1.5 ** 2 + 2 ** 2 = 2.5 ** 2.
    point = torch.tensor([[[20.3, 14.6]]])
    found = smoothed(encode(point, (40, 30), 1.5), 2.0, 1.5)
    torch.testing.assert_close(found, encode(point, (40, 30), 2.5), rtol=0, atol=1e-3)


def test_smoothed_by_hand() -> None:
    """One pixel of 1 in the corner of a map."""
    heatmaps = torch.zeros(1, 1, 2, 3)
    heatmaps[0, 0, 0, 0] = 1
    e1, e4 = math.exp(-1 / 2), math.exp(-4 / 2)  # one pixel away, and two
    # Each pixel's weights are scaled by the mean (geometric) of those within and of all there are.
    all_x, all_y = 1 + 2 * (e1 + e4), 1 + 2 * e1
    ends, middle = math.sqrt((1 + e1 + e4) * all_x), math.sqrt((1 + 2 * e1) * all_x)
    along_x = [1 / ends, e1 / middle, e4 / ends]
    along_y = [1 / math.sqrt((1 + e1) * all_y), e1 / math.sqrt((1 + e1) * all_y)]
    # A deviation as wide as what was learnt halves a peak, so that all is doubled.
    wanted = 2 * torch.tensor(along_y)[:, None] * torch.tensor(along_x)
    torch.testing.assert_close(smoothed(heatmaps, 1.0, 1.0)[0, 0], wanted)


def test_many_low_pixels_outweigh_a_single_high_one() -> None:
    heatmaps = 0.6 * encode(torch.tensor([[[4.5, 8.5]]]), SIZE, 1.0)
    for x in (16.5, 18.5, 20.5):  # three places, near enough to each other
        heatmaps += 0.4 * encode(torch.tensor([[[x, 8.5]]]), SIZE, 1.0)
    highest, _ = decode(heatmaps, "dark")
    densest, _ = decode(smoothed(heatmaps, 1.5, 1.0), "dark")
    assert (highest - torch.tensor([4.5, 8.5])).norm() < 0.1
    assert (densest - torch.tensor([18.5, 8.5])).norm() < 0.1


@given(x=st.floats(0, SIZE[0]), y=st.floats(0, SIZE[1]))
@settings(max_examples=100, deadline=None)
def test_smoothing_moves_points_at_the_edges_by_less_than_half_a_pixel(x: float, y: float) -> None:
    point = torch.tensor([[[x, y]]])
    found, _ = decode(smoothed(encode(point, SIZE, 1.0), 1.0, 1.0), "dark")
    assert (found - point).abs().max() < 0.45


def test_smoothing_stays_out_of_autocast() -> None:
    heatmaps = encode(torch.rand(2, 3, 2) * 16, SIZE, 1.0)
    wanted = smoothed(heatmaps, 1.0, 1.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = smoothed(heatmaps, 1.0, 1.0)
    assert torch.equal(found, wanted)
    assert smoothed(heatmaps.bfloat16(), 1.0, 1.0).dtype == torch.float32
