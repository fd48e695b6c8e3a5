"""From observations to numbers: how unsure the network is of a crop, and how unlike crops are."""

from __future__ import annotations

import numpy as np

from pointillist.suggest.observation import Observations

#: Share of the pose in squared distances; the rest is the network's representation.
POSE_SHARE = 0.5


def uncertainty(seen: Observations) -> np.ndarray:
    """(N,) from 0 to 1: mean rank among the N, by low confidence and by disagreement: of copies,
    and of the learning network with its average.

    Ranks, because the heights of heatmaps and distances have no common unit.
    """
    unsure = 1 - seen.sureness.mean(axis=1)
    apart = (share_below(m.mean(axis=1)) for m in (seen.disagreement, seen.student_gap))
    return (share_below(unsure) + sum(apart) / 2) / 2


def share_below(values: np.ndarray) -> np.ndarray:
    """(N,) of each value the share of the others that are smaller, half of the equal ones."""
    if len(values) < 2:
        return np.full(len(values), 0.5)
    order = np.sort(values)
    below, up_to = np.searchsorted(order, values, "left"), np.searchsorted(order, values, "right")
    share: np.ndarray = (below + (up_to - below - 1) / 2) / (len(values) - 1)
    return share


def places(seen: Observations, labeled: Observations) -> tuple[np.ndarray, np.ndarray]:
    """(N, D) and (L, D): where crops lie, so that near means alike.

    Two parts: the network's representation, each channel by its standard deviation, and the
    predicted pose without its place and size. Over all crops both have a variance of their share.
    """
    split = len(seen)
    representation = np.concatenate([seen.representation, labeled.representation])
    deviation = representation.std(axis=0)
    representation = representation / np.where(deviation > 0, deviation, 1)
    pose = np.concatenate([_shape(seen.pose), _shape(labeled.pose)])
    parts = [
        _with_variance(representation, 1 - POSE_SHARE),
        _with_variance(pose.reshape(len(pose), -1), POSE_SHARE),
    ]
    joined = np.concatenate(parts, axis=1)
    return joined[:split], joined[split:]


def nearest(features: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) distance of (N, D) features to the nearest of (M, D) others, and its number.

    Without any others the distance is infinite and the number 0.
    """
    gap, owner = np.full(len(features), np.inf), np.zeros(len(features), dtype=np.int64)
    for number, other in enumerate(others):
        away = np.linalg.norm(features - other, axis=1)
        owner[away < gap] = number
        gap = np.minimum(gap, away)
    return gap, owner


def _shape(pose: np.ndarray) -> np.ndarray:
    """(N, K, 2) poses about their middle, with a root mean square distance from it of 1."""
    away = pose - pose.mean(axis=1, keepdims=True)
    size = np.sqrt((away**2).sum(axis=2).mean(axis=1))
    return away / np.where(size > 0, size, 1)[:, None, None]


def _with_variance(values: np.ndarray, variance: float) -> np.ndarray:
    away = values - values.mean(axis=0)
    total = float((away**2).sum(axis=1).mean())
    return away * np.sqrt(variance / total) if total > 0 else away
