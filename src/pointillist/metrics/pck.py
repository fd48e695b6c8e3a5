"""Percentage of correct keypoints (PCK), its curve, and the lengths that it is measured by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from pointillist.errors import ConfigError, DataError, did_you_mean
from pointillist.metrics.matching import Pairs
from pointillist.metrics.result import Metric, mean_over_points, no_result

NormalizerName = Literal["bbox", "torso", "image"]
#: What distances are divided by: a length of the instance, or a given one in pixels.
Normalizer = NormalizerName | float

#: Share of the head box's diagonal that PCKh is measured by (Andriluka et al., CVPR 2014).
HEAD_SHARE = 0.6
#: Shares of the length at which the PCK curve is drawn.
CURVE_ALPHAS = np.linspace(0.0, 0.3, 31)

# A point exactly on the boundary is correct, whatever the rounding of alpha * length.
_ROUNDING = 1 + 1e-9
#: How many images a message names.
_NAMED = 3


def pck(
    truth: np.ndarray,
    predicted: np.ndarray,
    annotated: np.ndarray,
    lengths: np.ndarray,
    alpha: float,
) -> float:
    """Share of the annotated points predicted within ``alpha`` times the instance's length.

    The plain figure, for validation during training; :func:`pointillist.metrics.score` adds
    intervals and keypoints.

    Args:
        truth: (N, K, 2) annotated points.
        predicted: (N, K, 2) predicted points; NaN counts as wrong.
        annotated: (N, K) bool, which points count.
        lengths: (N,) the instances' lengths, in the points' unit. An instance whose length is
            not a positive number is left out.
        alpha: share of the length; a distance of exactly ``alpha * length`` is correct.

    Raises:
        DataError: nothing is left to count.
    """
    counted = annotated.astype(bool) & usable(lengths)[:, None]
    if not counted.any():
        raise DataError("there is no annotated point to score")
    distances = np.linalg.norm(predicted - truth, axis=-1)
    return float(within(distances, lengths, alpha)[counted].mean())


def usable(lengths: np.ndarray) -> np.ndarray:
    """(N,) bool: which lengths one can divide by."""
    return np.isfinite(lengths) & (lengths > 0)


def within(distances: np.ndarray, lengths: np.ndarray, alpha: float) -> np.ndarray:
    """(N, K) bool: which of (N, K) distances are at most ``alpha`` times (N,) lengths."""
    return distances <= alpha * lengths[:, None] * _ROUNDING


@dataclass(frozen=True)
class Lengths:
    """What the distances of N instances are divided by.

    Args:
        values: (N,) lengths in pixels; NaN where there is none.
        words: what the length is.
        normalizer: what the caller asked for.
        left_out: reason -> number of instances without a length.
        reason: why not a single instance has one, if so.
    """

    values: np.ndarray
    words: str
    normalizer: str | float
    left_out: dict[str, int]
    reason: str | None = None


def check_normalizer(normalizer: Normalizer) -> None:
    """Whether it is one.

    Raises:
        ConfigError: it is unknown, or no positive number of pixels.
    """
    known = get_args(NormalizerName)
    if isinstance(normalizer, str):
        if normalizer not in known:
            raise ConfigError(
                f"there is no normaliser '{normalizer}'",
                do=f"{did_you_mean(normalizer, known)} Or give a number of pixels.",
            )
    elif not (np.isfinite(normalizer) and normalizer > 0):
        raise ConfigError(f"a length of {normalizer:g} pixels cannot be divided by")


def lengths_of(pairs: Pairs, normalizer: Normalizer) -> Lengths:
    """The lengths of all instances.

    Args:
        pairs: the matched instances.
        normalizer: ``bbox`` (longest side of the box), ``torso`` (distance of the skeleton's two
            torso points in the truth), ``image`` (longest side of the image), or pixels.

    Raises:
        ConfigError: the normaliser is unknown, or no positive number of pixels.
    """
    check_normalizer(normalizer)
    count = len(pairs.truth)
    if normalizer == "bbox":
        boxes = [instance.reference_box() for instance in pairs.truth]
        values = np.array([np.nan if b is None else max(b[2], b[3]) for b in boxes])
        words = "the longest side of the instance's box (of its points' extent if it has no box)"
        return _lengths(pairs, values, words, normalizer, "the box has no size")
    if normalizer == "image":
        words = "the longest side of the image"
        return _lengths(
            pairs, pairs.sizes.max(axis=1), words, normalizer, "the image's size is not known"
        )
    if normalizer == "torso":
        if pairs.skeleton.torso is None:
            reason = "the skeleton does not say which two points span the torso"
            words = "the distance between the two torso points"
            return Lengths(np.full(count, np.nan), words, normalizer, {}, reason)
        a, b = pairs.skeleton.torso
        names = pairs.skeleton.keypoints
        values = np.linalg.norm(pairs.points[:, a] - pairs.points[:, b], axis=-1)
        words = f"the annotated distance between '{names[a]}' and '{names[b]}'"
        reason = "a torso point is not annotated, or both lie in one place"
        return _lengths(pairs, values, words, normalizer, reason)
    return Lengths(np.full(count, float(normalizer)), f"{normalizer:g} px", float(normalizer), {})


def head_lengths(pairs: Pairs) -> Lengths:
    """60 % of the diagonal of each instance's head box; says whose head boxes are missing."""
    boxes = [instance.head_box for instance in pairs.truth]
    values = np.array([np.nan if b is None else HEAD_SHARE * np.hypot(b[2], b[3]) for b in boxes])
    words = "60 % of the diagonal of the head box"
    bad = pairs.image[~usable(values)]
    images = list(dict.fromkeys(pairs.image_names[i] for i in bad))
    named = ", ".join(images[:_NAMED]) + (", ..." if len(images) > _NAMED else "")
    return _lengths(pairs, values, words, "head", "there is no head box", f" ({named})")


def _lengths(
    pairs: Pairs,
    values: np.ndarray,
    words: str,
    normalizer: str,
    missing: str,
    named: str = "",
) -> Lengths:
    """Lengths with those that cannot be divided by counted, and named if they are some of all."""
    bad = int((~usable(values)).sum())
    if bad and bad == len(pairs.truth):
        which = "the only instance" if bad == 1 else f"all {bad} instances"
        return Lengths(values, words, normalizer, {}, f"{missing}, for {which}")
    left_out = {f"instances: {missing}{named}": bad} if bad else {}
    return Lengths(values, words, normalizer, left_out)


def pck_score(pairs: Pairs, alpha: float, lengths: Lengths) -> Metric:
    """PCK at one share of the length, over all points and per keypoint, with its interval."""
    definition = (
        f"share of annotated points (hidden ones too) predicted within {alpha:g} times "
        f"{lengths.words}; exactly on the boundary is correct; every point of a missed instance "
        "is wrong; all points weigh the same"
    )
    if lengths.reason:
        return no_result(lengths.reason, definition=definition, normalizer=lengths.normalizer)
    return mean_over_points(
        pairs,
        within(pairs.distances, lengths.values, alpha),
        pairs.annotated & usable(lengths.values)[:, None],
        definition=definition,
        normalizer=lengths.normalizer,
        left_out=lengths.left_out,
        alpha=alpha,
    )


def pck_curve(pairs: Pairs, lengths: Lengths, alphas: Sequence[float] | np.ndarray) -> np.ndarray:
    """(A,) PCK at each of A shares of the length; NaN where no point counts."""
    counted = pairs.annotated & usable(lengths.values)[:, None]
    share = (pairs.distances / np.where(usable(lengths.values), lengths.values, 1.0)[:, None])[
        counted
    ]
    if not len(share):
        return np.full(len(alphas), np.nan)
    reached = np.sort(share[~np.isnan(share)])
    limits = np.asarray(alphas, dtype=np.float64) * _ROUNDING
    return np.searchsorted(reached, limits, side="right") / len(share)


def pck_area(pairs: Pairs, lengths: Lengths) -> Metric:
    """Area under the PCK curve from 0 to 0.3, divided by 0.3; with the curve itself."""
    top = float(CURVE_ALPHAS[-1])
    definition = (
        f"area under the curve of PCK over alpha from 0 to {top:g} (trapezoids of "
        f"{CURVE_ALPHAS[1]:g}), divided by {top:g}; lengths are {lengths.words}; every point of a "
        "missed instance is wrong"
    )
    if lengths.reason:
        return no_result(lengths.reason, definition=definition, normalizer=lengths.normalizer)
    # The area is linear in the points: each adds the area under its own step, so that the mean
    # over points of these is the area under the mean curve.
    steps = np.stack([within(pairs.distances, lengths.values, a) for a in CURVE_ALPHAS])
    area = (steps[1:].mean(axis=0) + steps[:-1].mean(axis=0)) / 2
    curve = pck_curve(pairs, lengths, CURVE_ALPHAS)
    metric = mean_over_points(
        pairs,
        area,
        pairs.annotated & usable(lengths.values)[:, None],
        definition=definition,
        normalizer=lengths.normalizer,
        left_out=lengths.left_out,
    )
    if metric["value"] is not None:
        metric["curve"] = {
            "alpha": [round(float(a), 4) for a in CURVE_ALPHAS],
            "pck": [float(p) for p in curve],
        }
    return metric
