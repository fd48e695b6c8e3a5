"""Reasons in words."""

from __future__ import annotations

import numpy as np

from pointillist.skeleton import Skeleton
from pointillist.suggest.observation import Observations
from pointillist.suggest.reasons import why

HANDS = Skeleton(("left_hand", "right_hand"), flip_pairs=((0, 1),))


def one(apart: float, sure: float, gap: float = 0.0) -> Observations:
    """One crop, whose right hand is ``apart`` in two copies; the left one is certain. Both hands
    of the learning network are off by ``gap``."""
    points = np.zeros((1, 2, 2, 2))
    points[0, 1, 1, 0] = apart
    confidence = np.array([[[1.0, sure], [1.0, sure]]])
    empty = np.zeros((1, 1))
    return Observations(points, confidence, np.full((1, 2), gap), empty, empty)


def test_everything_there_is_to_say() -> None:
    # Half of 0.4 from the mean for one point, 0 for the other.
    assert why(one(0.4, 0.25, 0.031), 0, HANDS, novelty=0.93, stands_for=12) == (
        "points disagree by 10 % of the view between mirrored and turned copies, "
        "right_hand by 20 %; the learning network and its average disagree by 3 %; "
        "right_hand least sure (0.25); "
        "unlike anything labelled: farther from its nearest labelled image than 93 % of the "
        "candidates; stands for 12 others like it"
    )


def test_without_pairs_nothing_was_mirrored() -> None:
    text = why(one(0.4, 1.0), 0, Skeleton(("a", "b")), novelty=0.1, stands_for=1)
    assert text == (
        "points disagree by 10 % of the view between turned copies, b by 20 %; "
        "stands for 1 other like it"
    )


def test_a_choice_by_chance_says_so_first() -> None:
    text = why(one(0.0, 0.25), 0, HANDS, novelty=0.1, stands_for=1, by_chance=True)
    assert text == "by chance; right_hand least sure (0.25); stands for 1 other like it"
    assert why(one(0.0, 0.99), 0, HANDS, novelty=0.2, stands_for=0, by_chance=True) == "by chance"


def test_there_is_always_a_reason() -> None:
    text = why(one(0.0, 0.99), 0, HANDS, novelty=0.2, stands_for=0)
    assert text == "the network is sure of it, and it is much like what is labelled"
