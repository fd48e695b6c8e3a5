from __future__ import annotations

import numpy as np
import pytest

from pointillist.boxes.suppression import (
    ScoredBox,
    overlap,
    suppress_boxes,
    suppress_instances,
)
from pointillist.dataset import Instance
from pointillist.skeleton import Skeleton

TWO = Skeleton(("nose", "tail"))


def test_overlap_by_hand() -> None:
    others = np.array([[0, 0, 10, 10], [5, 0, 10, 10], [10, 0, 5, 5], [2, 2, 4, 4], [3, 3, 0, 0.0]])
    # 50 of 150 in common; touching only; 16 of 100; no area.
    assert overlap((0, 0, 10, 10), others) == pytest.approx([1, 1 / 3, 0, 0.16, 0])


def test_the_less_certain_of_two_boxes_goes() -> None:
    sure, double, apart = (
        ScoredBox((0, 0, 10, 10), 0.9),
        ScoredBox((1, 0, 10, 10), 0.8),  # 90 of 110: 0.82
        ScoredBox((6, 0, 10, 10), 0.7),  # 40 of 160: 0.25
    )
    assert suppress_boxes([apart, double, sure]) == [sure, apart]
    assert suppress_boxes([]) == []


def _instance(x: float, score: float) -> Instance:
    points = np.array([[x, 0.0], [x + 100, 0.0]])
    return Instance(points, np.array([2, 2]), box=(x, -50, 100, 100), score=score)


def test_of_two_instances_with_the_same_points_one_goes() -> None:
    # k = 2 * 0.05, area 10^4: at a distance d the similarity is exp(-d^2 / (2 * 10^4 * 0.01)).
    sure, double, other = _instance(0, 0.9), _instance(8, 0.5), _instance(9, 0.4)
    assert np.exp(-(8**2) / 200) > 0.7 > np.exp(-(9**2) / 200)
    kept = suppress_instances([other, double, sure], TWO)
    assert [instance.score for instance in kept] == [0.9, 0.4]


def test_a_dropped_instance_drops_no_other() -> None:
    chain = [_instance(0, 0.9), _instance(8, 0.8), _instance(16, 0.7)]
    assert [i.score for i in suppress_instances(chain, TWO)] == [0.9, 0.7]
