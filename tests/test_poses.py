"""How labelled objects are turned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointillist.dataset import Instance
from pointillist.poses import angles, reach, turned_share

#: A shape that no turn maps onto itself.
SHAPE = np.array([[0.0, -3], [2, 0], [0, 4], [-1, 0]])


def turned(degrees: float, *, size: float = 1.0, hidden: int | None = None) -> Instance:
    """The shape turned clockwise on the screen (y points down), scaled and moved."""
    angle = np.radians(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    points = size * SHAPE @ np.array([[cos, sin], [-sin, cos]]) + [50, 20]
    visibility = np.full(len(SHAPE), 2)
    if hidden is not None:
        points[hidden], visibility[hidden] = np.nan, 0
    return Instance(points, visibility)


def test_angles_are_from_the_usual_pose_whatever_size_and_place() -> None:
    poses = [turned(d, size=s) for d, s in ((0, 1), (-10, 3), (10, 0.5), (100, 2))]
    # The circular mean of 0, -10, 10 and 100 degrees is atan2(sin 100, 1 + 2 cos 10 + cos 100).
    usual = np.degrees(
        np.arctan2(
            np.sin(np.radians(100)), 1 + 2 * np.cos(np.radians(10)) + np.cos(np.radians(100))
        )
    )
    assert angles(poses) == pytest.approx(np.array([0, -10, 10, 100]) - usual)


def test_the_share_of_those_upside_down() -> None:
    assert turned_share([turned(d) for d in (0, 5, -5, 0, 170)]) == pytest.approx(0.2)
    assert turned_share([turned(d) for d in (0, 20, -40, 60)]) == 0


@given(st.floats(-180, 180), st.integers(3, 12))
def test_turning_all_changes_nothing(all_by: float, count: int) -> None:
    turns = np.linspace(-50, 50, count)
    before, after = (angles([turned(d + more) for d in turns]) for more in (0.0, all_by))
    assert after == pytest.approx(before, abs=1e-6)


def test_half_of_objects_that_lie_every_way_are_turned_away() -> None:
    assert turned_share([turned(d) for d in range(0, 360, 7)]) == pytest.approx(0.5, abs=0.05)


def test_points_without_annotation_do_not_count() -> None:
    poses = [turned(0), turned(0), turned(15, hidden=1), turned(-15, hidden=2)]
    # Three points still fit the turn nearly: the usual shape is centred with all four.
    assert angles(poses) == pytest.approx([0, 0, 15, -15], abs=5)


def test_what_has_no_shape_is_left_out() -> None:
    alone = Instance(np.array([[1.0, 2], [np.nan, np.nan], [3, 4]]), np.array([2, 0, 2]))
    same = Instance(np.full((3, 2), 7.0), np.full(3, 2))
    assert len(angles([alone, same])) == 0
    assert turned_share([alone, same]) == 0
    assert turned_share([]) == 0


def boxed(points: list[tuple[float, float]], box: tuple[float, float, float, float]) -> Instance:
    return Instance(np.array(points, dtype=float), np.full(len(points), 2), box=box)


def test_reach_by_hand() -> None:
    # A box of 40 x 20 about (30, 20): fitted into a square its crop shows 20 either way.
    box = (10.0, 10.0, 40.0, 20.0)
    assert reach([boxed([(40, 20)], box)], 96, 96) == pytest.approx(10 / 20)
    assert reach([boxed([(40, 32)], box)], 96, 96) == pytest.approx(12 / 20)
    # Into 100 x 50 it fits as it is: 12 of 10 either way from top to bottom.
    assert reach([boxed([(40, 32)], box)], 100, 50) == pytest.approx(12 / 10)


def test_reach_is_of_nine_in_ten_points() -> None:
    box = (0.0, 0.0, 200.0, 200.0)
    near = [(100.0 + d, 100.0) for d in (10, 20, 30, 40, 50, 60, 70, 80, 90)]
    assert reach([boxed(near, box), boxed([(300.0, 100.0)], box)], 96, 96) == pytest.approx(
        0.9 + 0.1 * (2.0 - 0.9)  # of ten points, nine tenths of the way from first to last
    )


def test_reach_asks_for_boxes_and_annotated_points() -> None:
    hidden = boxed([(10, 10), (90, 10)], (0.0, 0.0, 100.0, 100.0))
    hidden.points[0], hidden.visibility[0] = np.nan, 0
    assert reach([hidden], 96, 96) == pytest.approx(0.8)
    assert reach([turned(0)], 96, 96) is None
    assert reach([], 96, 96) is None
