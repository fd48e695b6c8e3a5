from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pointillist.boxes.maps import Objects, box_losses, boxes_of, make_targets
from pointillist.models.box_finder import BoxMaps, decode_size, encode_size

NAN = float("nan")


def _objects(*boxes: tuple[float, float, float, float], most: int = 3) -> Objects:
    """Boxes x, y, width, height in input pixels, at stride 4."""
    centre = torch.full((1, most, 2), NAN)
    size = torch.full((1, most, 2), NAN)
    for i, (x, y, w, h) in enumerate(boxes):
        centre[0, i] = torch.tensor([x + w / 2, y + h / 2]) / 4
        size[0, i] = torch.tensor([w, h])
    return Objects(centre, size)


def _perfect(objects: Objects, size: tuple[int, int]) -> BoxMaps:
    """What a network that knows the targets would return."""
    targets = make_targets(objects, size, 4)
    logits = torch.logit(targets.centres.clamp(1e-4, 1 - 1e-4))
    return BoxMaps(logits, targets.offsets, targets.sizes)


def test_targets_by_hand() -> None:
    # Centre (22, 10) is (5.5, 2.5) on the map: the middle of column 5, row 2.
    targets = make_targets(_objects((6, 6, 32, 8)), (12, 6), 4)
    assert targets.peaks.nonzero().tolist() == [[0, 2, 5]]
    assert targets.centres.shape == (1, 6, 12)
    assert targets.centres[0, 2, 5] == 1
    assert targets.centres[0, 2, 6] == pytest.approx(math.exp(-0.5))  # sigma is at least 1
    assert targets.offsets[0, :, 2, 6].tolist() == pytest.approx([-1, 0])
    assert targets.sizes[0, :, 2, 5].tolist() == pytest.approx([0, math.log(0.25)])


def test_large_objects_have_wide_peaks() -> None:
    # The root of the area is 400, 7 % of it 28 input pixels: 7 map pixels.
    targets = make_targets(_objects((0, 0, 400, 400)), (100, 100), 4)
    expected = math.exp(-(7.5**2 + 0.5**2) / (2 * 7**2))
    assert targets.centres[0, 50, 57] == pytest.approx(expected)


def test_an_object_with_its_centre_outside_leaves_no_trace() -> None:
    targets = make_targets(_objects((-30, 0, 40, 10)), (8, 8), 4)
    assert not targets.peaks.any()
    assert targets.centres.max() == 0
    losses = box_losses(_perfect(_objects((-30, 0, 40, 10)), (8, 8)), targets)
    assert all(value.isfinite() for value in losses.values())


def test_each_map_pixel_belongs_to_the_nearest_object() -> None:
    targets = make_targets(_objects((8, 8, 8, 8), (40, 8, 32, 8)), (20, 8), 4)
    assert targets.sizes[0, 0, 3, 3] == pytest.approx(math.log(8 / 32))
    assert targets.sizes[0, 0, 3, 13] == pytest.approx(0)


def test_a_perfect_answer_costs_next_to_nothing_and_a_worse_one_more() -> None:
    objects = _objects((10, 10, 30, 20), (60, 8, 16, 30))
    targets = make_targets(objects, (24, 16), 4)
    perfect = _perfect(objects, (24, 16))
    best = box_losses(perfect, targets)
    assert best["offset"] == best["size"] == 0
    elsewhere = perfect._replace(centres=perfect.centres.roll(4, dims=2))
    wider = perfect._replace(sizes=perfect.sizes + 0.5)
    assert box_losses(elsewhere, targets)["centre"] > 5 * best["centre"]
    assert box_losses(wider, targets)["size"] == pytest.approx(0.5)


place = st.floats(4, 90)
length = st.floats(6, 60)


@given(place, place, length, length)
@settings(max_examples=40, deadline=None)
def test_boxes_come_back(x: float, y: float, width: float, height: float) -> None:
    box = (x - width / 2, y - height / 2, width, height)
    [[(found, score)]] = boxes_of(_perfect(_objects(box), (24, 24)), 4, 0.99)
    assert found == pytest.approx(box, abs=1e-3)
    assert score > 0.999


def test_several_boxes_and_the_limit() -> None:
    boxes = [(4.0, 4.0, 20.0, 12.0), (60.0, 40.0, 12.0, 30.0), (8.0, 70.0, 30.0, 10.0)]
    maps = _perfect(_objects(*boxes), (24, 24))
    found = [box for box, _ in boxes_of(maps, 4, 0.9)[0]]
    assert sorted(found) == [pytest.approx(box, abs=1e-3) for box in sorted(boxes)]
    quiet = maps._replace(centres=maps.centres - 20)
    assert boxes_of(quiet, 4, 0.3) == [[]]


def test_a_size_beyond_all_bounds_does_not_overflow() -> None:
    assert torch.isfinite(decode_size(torch.tensor([1e6, -1e6]))).all()
    sizes = torch.tensor([2.0, 32.0, 900.0])
    assert decode_size(encode_size(sizes)).tolist() == pytest.approx(sizes.tolist())
