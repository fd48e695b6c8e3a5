"""How labelled objects lie: turned alike or every way, and how far out in their boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pointillist.dataset import Instance

#: Fewest annotated points that have a shape.
_POINTS = 3
#: Alternations between the usual shape and the angles that fit it best; they settle in a few.
_ROUNDS = 10


def angles(instances: Sequence[Instance]) -> np.ndarray:
    """By how much each object is turned against the usual one.

    Each pose is centred, scaled to unit size and turned to fit the mean of all that have been
    turned so (orthogonal Procrustes analysis: Gower, Psychometrika 1975; mirror images are not
    made). The usual angle is the circular mean of the turns.

    Args:
        instances: with points in pixels; those with fewer than three annotated ones are left out.

    Returns:
        (N,) float64, degrees in [-180, 180].
    """
    poses = [_normalized(instance) for instance in instances]
    shapes = np.array([pose for pose in poses if pose is not None])
    if not len(shapes):
        return np.zeros(0)
    turned = shapes
    for _ in range(_ROUNDS):
        mean = _mean(turned)
        unit = np.exp(1j * np.angle(np.nansum(shapes.conj() * mean, axis=1)))
        turned = shapes * unit[:, None]
    usual = np.angle(unit.mean())
    return np.degrees(np.angle(np.exp(1j * usual) / unit))


def turned_share(instances: Sequence[Instance]) -> float:
    """The share of objects that are more than 90 degrees from the usual: half, if every way.

    Args:
        instances: as for :func:`angles`; without any the share is 0.
    """
    found = angles(instances)
    return float((np.abs(found) > 90).mean()) if len(found) else 0.0


def reach(instances: Sequence[Instance], width: int, height: int) -> float | None:
    """How far from the middle of their boxes nine in ten annotated points lie.

    Args:
        instances: with points and boxes in pixels; those without a box are left out.
        width, height: of what a box is fitted into.

    Returns:
        1 where they reach the edge of the crop that just shows the whole box, and none without
        boxes.
    """
    shares = []
    for instance in instances:
        if instance.box is None or not max(instance.box[2:]) > 0:
            continue
        x, y, *sides = instance.box
        half = 0.5 * max(sides[0] / width, sides[1] / height) * np.array([width, height])
        middle = np.array([x + sides[0] / 2, y + sides[1] / 2])
        points = np.asarray(instance.points, dtype=np.float64)[np.asarray(instance.annotated)]
        shares.append((np.abs(points - middle) / half).max(axis=1))
    found = np.concatenate(shares) if shares else np.zeros(0)
    return float(np.quantile(found, 0.9)) if len(found) else None


def _mean(shapes: np.ndarray) -> np.ndarray:
    """(K,) mean of the shapes (N, K) that have a point; of a point that none has, nothing."""
    known = ~np.isnan(shapes)
    total = np.where(known, shapes, 0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def _normalized(instance: Instance) -> np.ndarray | None:
    """(K,) complex points about 0 with mean square 1, NaN where not annotated; or nothing."""
    known = np.asarray(instance.annotated)
    if known.sum() < _POINTS:
        return None
    points = np.asarray(instance.points, dtype=np.float64)
    shape = np.where(known, points[:, 0] + 1j * points[:, 1], np.nan)
    shape = shape - np.nanmean(shape)
    size = float(np.sqrt(np.nanmean(np.abs(shape) ** 2)))
    return shape / size if size > 0 else None
