"""Whether confidence means what it says: expected calibration error and reliability bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pointillist.metrics.bootstrap import interval
from pointillist.metrics.matching import Pairs
from pointillist.metrics.pck import lengths_of, usable, within
from pointillist.metrics.result import (
    WITHOUT_CONFIDENCE,
    Metric,
    no_result,
    per_keypoint,
    result,
    sums_per_image,
)

#: A point within this share of the length is what a confident prediction promises.
CALIBRATION_ALPHA = 0.1
BINS = 15


@dataclass(frozen=True)
class Calibration:
    """Expected calibration error, and the bins that it comes from.

    Args:
        value: mean over the points of |share correct - mean confidence| of their bin, in [0, 1].
        edges: (B + 1,) edges of the bins.
        counts: (B,) points in each bin.
        confidence: (B,) mean confidence in each bin; NaN in an empty one.
        correct: (B,) share of correct points in each bin; NaN in an empty one.
    """

    value: float
    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    correct: np.ndarray


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> Calibration:
    """Expected calibration error (Guo et al., ICML 2017) over bins of equal width.

    Args:
        confidence: (P,) in [0, 1].
        correct: (P,) bool, whether each point was right.
        bins: number of bins; each holds its upper edge, the first one 0 as well.

    Raises:
        ValueError: the shapes differ, there are no points, or a confidence is not in [0, 1].
    """
    confidence = np.asarray(confidence, dtype=np.float64)
    correct = np.asarray(correct, dtype=bool)
    if confidence.shape != correct.shape or confidence.ndim != 1 or not len(confidence):
        raise ValueError(f"confidence {confidence.shape} and correct {correct.shape} of (P,)")
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError("confidence must be in [0, 1]")
    sums = _binned(confidence, correct, bins).sum(axis=0)
    counts = sums[:, 0]
    with np.errstate(invalid="ignore"):
        mean_confidence, share_correct = sums[:, 1] / counts, sums[:, 2] / counts
    return Calibration(
        value=float(_error(sums)),
        edges=np.linspace(0.0, 1.0, bins + 1),
        counts=counts.astype(np.int64),
        confidence=mean_confidence,
        correct=share_correct,
    )


def _binned(confidence: np.ndarray, correct: np.ndarray, bins: int) -> np.ndarray:
    """(P, B, 3): count, confidence and correctness of each point, in its bin."""
    edges = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    index = np.searchsorted(edges, confidence, side="left")
    table = np.zeros((len(confidence), bins, 3))
    table[np.arange(len(confidence)), index] = np.column_stack(
        [np.ones(len(confidence)), confidence, correct]
    )
    return table


def _error(sums: np.ndarray) -> np.ndarray:
    """(...) expected calibration error of (..., B, 3) sums; NaN of no points."""
    total = sums[..., 0].sum(axis=-1)
    gap = np.abs(sums[..., 2] - sums[..., 1]).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return gap / total


def calibration_score(pairs: Pairs) -> Metric:
    """Expected calibration error of the points' confidence, with its reliability bins.

    Confidence promises one thing, whatever other scores are measured by: that the point lies
    within :data:`CALIBRATION_ALPHA` times the longest side of the box.
    """
    lengths = lengths_of(pairs, "bbox")
    definition = (
        f"expected calibration error over {BINS} bins of equal width: the mean over predicted "
        "points of the gap between the mean confidence of a bin and its share of correct points; "
        f"a point is correct within {CALIBRATION_ALPHA:g} times {lengths.words}"
    )
    about: dict[str, Any] = {"definition": definition, "normalizer": lengths.normalizer}
    if lengths.reason:
        return no_result(lengths.reason, **about)
    known = ~np.isnan(pairs.confidence) & ~np.isnan(pairs.distances)
    counted = pairs.annotated & usable(lengths.values)[:, None] & known
    if not counted.any():
        return no_result("the predictions have no confidence per point", **about)
    if not ((pairs.confidence[counted] >= 0) & (pairs.confidence[counted] <= 1)).all():
        return no_result("some confidences are not in [0, 1]", **about)
    correct = within(pairs.distances, lengths.values, CALIBRATION_ALPHA)
    whole = calibration_error(pairs.confidence[counted], correct[counted])
    names = pairs.skeleton.keypoints
    each = [
        calibration_error(pairs.confidence[rows, k], correct[rows, k]).value
        if (rows := counted[:, k]).any()
        else np.nan
        for k in range(len(names))
    ]
    rows, _ = np.nonzero(counted)
    scored, image = np.unique(pairs.image[rows], return_inverse=True)
    sums = sums_per_image(
        _binned(pairs.confidence[counted], correct[counted], BINS), image, len(scored)
    )
    flat = sums.reshape(len(scored), -1)
    missing = int((pairs.annotated & ~known).sum())
    return result(
        whole.value,
        n=int(counted.sum()),
        ci95=interval(lambda w: _error((w @ flat).reshape(-1, BINS, 3)), len(scored)),
        per_keypoint=per_keypoint(np.array(each), counted.sum(axis=0), names),
        left_out={
            **lengths.left_out,
            **({WITHOUT_CONFIDENCE: missing} if missing else {}),
        },
        bins=[
            {
                "from": round(float(whole.edges[b]), 4),
                "to": round(float(whole.edges[b + 1]), 4),
                "n": int(whole.counts[b]),
                "confidence": float(whole.confidence[b]),
                "correct": float(whole.correct[b]),
            }
            for b in range(BINS)
            if whole.counts[b]
        ],
        **about,
    )
