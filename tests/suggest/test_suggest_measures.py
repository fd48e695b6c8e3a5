"""Uncertainty and likeness from observations."""

from __future__ import annotations

import numpy as np
import pytest

from pointillist.suggest.measures import POSE_SHARE, nearest, places, share_below, uncertainty
from pointillist.suggest.observation import Observations


def seen(
    points: np.ndarray,
    confidence: np.ndarray | None = None,
    representation: np.ndarray | None = None,
    student_gap: np.ndarray | None = None,
) -> Observations:
    """Observations of (N, V, K, 2) points; unless given, confidence 1, no representation, and a
    student that agrees."""
    count = len(points)
    return Observations(
        points,
        np.ones(points.shape[:3]) if confidence is None else confidence,
        np.zeros((count, points.shape[2])) if student_gap is None else student_gap,
        np.zeros((count, 1)) if representation is None else representation,
        np.zeros((count, 4)),
    )


def test_disagreement_is_the_root_mean_square_about_the_mean() -> None:
    # Two copies of one point, 0.6 apart: each is 0.3 from their mean.
    points = np.array([[[[0.2, 0.5]], [[0.8, 0.5]]]])
    assert seen(points).disagreement == pytest.approx(np.array([[0.3]]))
    assert seen(points).pose == pytest.approx(np.array([[[0.5, 0.5]]]))


def test_share_below_is_a_rank_from_zero_to_one() -> None:
    assert share_below(np.array([3.0, 1.0, 2.0])).tolist() == [1.0, 0.0, 0.5]
    # Equal ones share the middle of their ranks.
    assert share_below(np.array([5.0, 5.0, 1.0])).tolist() == [0.75, 0.75, 0.0]
    assert share_below(np.array([7.0])).tolist() == [0.5]
    assert share_below(np.zeros(0)).tolist() == []


def test_uncertainty_grows_with_disagreement_and_falls_with_confidence() -> None:
    apart = np.array([0.0, 0.1, 0.2])
    points = np.zeros((3, 2, 1, 2))
    points[:, 1, 0, 0] = apart
    sure = np.broadcast_to(np.array([0.9, 0.5, 0.7])[:, None, None], (3, 2, 1))
    gap = np.array([[0.3], [0.0], [0.1]])
    # Ranks by low confidence 0, 1, 1/2 (counted half), by the copies' disagreement 0, 1/2, 1 and
    # by the networks' 1, 0, 1/2 (a quarter each).
    assert uncertainty(seen(points, sure, student_gap=gap)).tolist() == [0.25, 0.625, 0.625]
    # No student, or one that always agrees, tells nobody from anybody: all have the middle rank.
    assert uncertainty(seen(points, sure)).tolist() == [0.125, 0.75, 0.625]


def test_places_know_neither_position_nor_size_of_a_pose() -> None:
    shape = np.array([[0.0, 0.0], [0.3, 0.1], [0.1, 0.4]])
    poses = np.stack([shape, 0.5 * shape + 0.3, shape[::-1]])[:, None]
    here, labeled = places(seen(poses[:2]), seen(poses[2:]))
    assert here[0] == pytest.approx(here[1])
    assert np.linalg.norm(here[0] - labeled[0]) > 0.1


def test_places_give_pose_and_representation_their_shares() -> None:
    rng = np.random.default_rng(0)
    points = rng.random((30, 2, 5, 2))
    # A channel of a thousand times the size counts like any other.
    values = rng.normal(size=(30, 3)) * [1, 1000, 1]
    here, labeled = places(
        seen(points[:20], None, values[:20]), seen(points[20:], None, values[20:])
    )
    every = np.concatenate([here, labeled])
    spread = every.var(axis=0)
    assert spread[:3].sum() == pytest.approx(1 - POSE_SHARE)
    assert spread[3:].sum() == pytest.approx(POSE_SHARE)
    assert spread[1] == pytest.approx(spread[0])


def test_places_of_equal_crops_are_finite() -> None:
    same = seen(np.full((4, 2, 3, 2), 0.5))
    here, labeled = places(same, same)
    assert np.isfinite(here).all()
    assert np.isfinite(labeled).all()


def test_nearest() -> None:
    gap, owner = nearest(np.array([[0.0], [4.0]]), np.array([[1.0], [6.0]]))
    assert gap.tolist() == [1.0, 2.0]
    assert owner.tolist() == [0, 1]
    gap, owner = nearest(np.array([[0.0]]), np.zeros((0, 1)))
    assert np.isinf(gap).all()
