"""Distances: normalised mean error, and mean, median and root mean square in pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from pointillist.metrics.bootstrap import interval
from pointillist.metrics.matching import Pairs
from pointillist.metrics.pck import Lengths, usable
from pointillist.metrics.result import (
    NOTHING_COUNTED,
    Metric,
    mean_over_points,
    no_result,
    per_keypoint,
    result,
)

#: Edges of the histogram of normalised distances; what lies beyond is counted apart.
HISTOGRAM_EDGES = np.linspace(0.0, 0.5, 26)

_FOUND = "annotated points (hidden ones too) for which a point was predicted"
_NOT_PREDICTED = "points: nothing was predicted for them"


def normalized_mean_error(pairs: Pairs, lengths: Lengths) -> Metric:
    """Mean distance divided by the instance's length (NME), with a histogram."""
    definition = f"mean over {_FOUND} of the distance divided by {lengths.words}"
    about: dict[str, Any] = {
        "definition": definition,
        "normalizer": lengths.normalizer,
        "unit": "lengths",
    }
    if lengths.reason:
        return no_result(lengths.reason, **about)
    fits = usable(lengths.values)[:, None]
    errors = pairs.distances / np.where(fits, lengths.values[:, None], 1.0)
    counted = pairs.annotated & fits & ~np.isnan(errors)
    metric = mean_over_points(
        pairs,
        errors,
        counted,
        left_out={**lengths.left_out, **_not_predicted(pairs)},
        **about,
    )
    if metric["value"] is not None:
        counts, _ = np.histogram(errors[counted], HISTOGRAM_EDGES)
        metric["histogram"] = {
            "edges": [round(float(edge), 4) for edge in HISTOGRAM_EDGES],
            "counts": counts.tolist(),
            "beyond": int(counted.sum() - counts.sum()),
        }
    return metric


def pixel_errors(pairs: Pairs) -> dict[str, Metric]:
    """Mean, median and root mean square distance, in the files' pixels."""
    errors = pairs.distances
    counted = pairs.annotated & ~np.isnan(errors)
    left_out = _not_predicted(pairs)
    return {
        "pixel_error_mean": mean_over_points(
            pairs,
            errors,
            counted,
            definition=f"mean distance in pixels over {_FOUND}",
            unit="px",
            left_out=left_out,
        ),
        "pixel_error_median": _median(pairs, errors, counted, left_out),
        "pixel_error_rmse": mean_over_points(
            pairs,
            errors**2,
            counted,
            definition=f"square root of the mean squared distance in pixels over {_FOUND}",
            finish=np.sqrt,
            unit="px",
            left_out=left_out,
        ),
    }


def _not_predicted(pairs: Pairs) -> dict[str, int]:
    count = int((pairs.annotated & np.isnan(pairs.distances)).sum())
    return {_NOT_PREDICTED: count} if count else {}


def _median(
    pairs: Pairs, errors: np.ndarray, counted: np.ndarray, left_out: dict[str, int]
) -> Metric:
    definition = f"median distance in pixels over {_FOUND}"
    if not counted.any():
        return no_result(NOTHING_COUNTED, definition=definition, unit="px", left_out=left_out)
    counts = counted.sum(axis=0)
    medians = [
        np.median(column[rows]) if rows.any() else np.nan
        for column, rows in zip(errors.T, counted.T, strict=True)
    ]
    rows, _ = np.nonzero(counted)
    order = np.argsort(errors[counted], kind="stable")
    sorted_errors = errors[counted][order]
    scored, image = np.unique(pairs.image[rows][order], return_inverse=True)
    return result(
        float(np.median(sorted_errors)),
        definition=definition,
        n=len(sorted_errors),
        ci95=interval(
            lambda weights: weighted_median(sorted_errors, weights[:, image]),
            len(scored),
            width=len(sorted_errors),
        ),
        unit="px",
        per_keypoint=per_keypoint(np.array(medians), counts, pairs.skeleton.keypoints),
        left_out=left_out,
    )


def weighted_median(ordered: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The median of values that occur several times.

    Args:
        ordered: (P,) rising values.
        counts: (R, P) how often each value occurs, whole numbers.

    Returns:
        (R,) medians; of an even number of values the mean of the middle two. NaN for none.
    """
    up_to = np.cumsum(counts, axis=1)
    medians = np.full(len(counts), np.nan)
    for row, running in enumerate(up_to):
        total = running[-1]
        if total > 0:
            middle = np.searchsorted(running, [(total - 1) // 2, total // 2], side="right")
            medians[row] = ordered[middle].mean()
    return medians
