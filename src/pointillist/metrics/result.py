"""The one shape that every score has, and scores that are means over points.

A score is a plain dictionary, ready for JSON:

- ``value``: the figure, or ``null`` with a ``reason`` in words;
- ``ci95``: the two ends of its bootstrap interval over images, or ``null`` with a ``ci95_reason``;
- ``per_keypoint``: ``{name: {"value": ..., "n": ...}}``, empty for scores of whole instances;
- ``n``: the number of points (or instances) that the value rests on;
- ``unit``: ``fraction``, ``px`` or ``lengths`` (multiples of the normaliser);
- ``normalizer``: where one was used;
- ``left_out``: ``{reason: count}`` of what could not be counted, where there is such;
- ``definition``: what was measured, in words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pointillist.metrics.bootstrap import interval
from pointillist.metrics.matching import Pairs

Metric = dict[str, Any]

NOTHING_COUNTED = "no annotated point is left to count"
WITHOUT_CONFIDENCE = "points: no confidence was predicted for them"
ONE_IMAGE = "an interval needs at least two images with something to score"


def result(
    value: float,
    *,
    definition: str,
    n: int,
    ci95: tuple[float, float] | None,
    unit: str = "fraction",
    per_keypoint: dict[str, Metric] | None = None,
    normalizer: str | float | None = None,
    left_out: dict[str, int] | None = None,
    **extra: Any,
) -> Metric:
    """A score that could be computed."""
    metric: Metric = {
        "value": float(value),
        "ci95": None if ci95 is None else [float(end) for end in ci95],
        "per_keypoint": per_keypoint or {},
        "n": int(n),
        "unit": unit,
    }
    if ci95 is None:
        metric["ci95_reason"] = ONE_IMAGE
    if normalizer is not None:
        metric["normalizer"] = normalizer
    if left_out:
        metric["left_out"] = left_out
    return {**metric, **extra, "definition": definition}


def no_result(
    reason: str,
    *,
    definition: str,
    unit: str = "fraction",
    normalizer: str | float | None = None,
    left_out: dict[str, int] | None = None,
) -> Metric:
    """A score that could not be computed, and why."""
    metric: Metric = {
        "value": None,
        "reason": reason,
        "ci95": None,
        "ci95_reason": reason,
        "per_keypoint": {},
        "n": 0,
        "unit": unit,
    }
    if normalizer is not None:
        metric["normalizer"] = normalizer
    if left_out:
        metric["left_out"] = left_out
    return {**metric, "definition": definition}


def sums_per_image(values: np.ndarray, image: np.ndarray, images: int) -> np.ndarray:
    """(I, ...) sums of (N, ...) values over the instances of each image."""
    sums = np.zeros((images, *values.shape[1:]))
    np.add.at(sums, image, values)
    return sums


def per_keypoint(
    values: np.ndarray,
    counts: np.ndarray,
    names: tuple[str, ...],
    reason: str = NOTHING_COUNTED,
) -> dict:
    """``{name: {"value", "n"}}`` of (K,) values that rest on (K,) counts of points, with a
    ``reason`` where there is none."""
    return {
        name: {"value": float(value), "n": int(count)}
        if count
        else {"value": None, "n": 0, "reason": reason}
        for name, value, count in zip(names, values, counts, strict=True)
    }


def mean_over_points(
    pairs: Pairs,
    values: np.ndarray,
    counted: np.ndarray,
    *,
    definition: str,
    finish: Callable[[np.ndarray], np.ndarray] | None = None,
    unit: str = "fraction",
    normalizer: str | float | None = None,
    left_out: dict[str, int] | None = None,
    **extra: Any,
) -> Metric:
    """The mean over all counted points, each point weighing the same.

    Args:
        pairs: the matched instances.
        values: (N, K) what to average; anything where not counted.
        counted: (N, K) bool, which points count.
        definition: the score in words.
        finish: applied to the mean, such as the root of a mean square.
        unit, normalizer, left_out, extra: see :func:`result`.
    """
    about: dict[str, Any] = {
        "definition": definition,
        "unit": unit,
        "normalizer": normalizer,
        "left_out": left_out,
    }
    if not counted.any():
        return no_result(NOTHING_COUNTED, **about)
    total = sums_per_image(np.where(counted, values, 0.0), pairs.image, pairs.images)
    count = sums_per_image(counted.astype(np.float64), pairs.image, pairs.images)

    def ratio(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            mean = sums / counts
        return mean if finish is None else finish(mean)

    image_total, image_count = total.sum(axis=1), count.sum(axis=1)
    scored = image_count > 0
    image_total, image_count = image_total[scored], image_count[scored]
    return result(
        float(ratio(image_total.sum(), image_count.sum())),
        n=int(image_count.sum()),
        ci95=interval(
            lambda weights: ratio(weights @ image_total, weights @ image_count), int(scored.sum())
        ),
        per_keypoint=per_keypoint(
            ratio(total.sum(axis=0), count.sum(axis=0)),
            count.sum(axis=0),
            pairs.skeleton.keypoints,
        ),
        **about,
        **extra,
    )
