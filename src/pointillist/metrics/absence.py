"""Whether confidence tells points that can be seen from points that are not there."""

from __future__ import annotations

import numpy as np

from pointillist.metrics.bootstrap import interval
from pointillist.metrics.matching import Pairs
from pointillist.metrics.result import Metric, no_result, per_keypoint, result

#: Confidences at which the shares of points that reach them are told.
CUTOFFS = np.linspace(0.0, 1.0, 21)

_DEFINITION = (
    "area under the ROC curve of confidence between annotated points and points marked absent: "
    "the share of all pairs of one of each in which the annotated point has the higher "
    "confidence, a tie being half; wherever the point was predicted"
)

_NOT_BOTH = "no confidence was predicted for points of one of the two kinds"


def ranked_area(
    confidence: np.ndarray, annotated: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Area under the ROC curve (Hanley and McNeil, Radiology 1982): the share of pairs of an
    annotated and an absent point in which the annotated one has the higher confidence.

    Args:
        confidence: (P,) of both kinds of points; ties count half.
        annotated: (P,) bool; the others are absent.
        weights: (R, P) how often each point counts, in each of R draws; once without them.

    Returns:
        (R,) areas in [0, 1], (1,) without weights; NaN where there are no such pairs.
    """
    if weights is None:
        weights = np.ones((1, len(confidence)))
    order = np.argsort(confidence, kind="stable")
    ranked = confidence[order]
    # Points of equal confidence are one step of the curve.
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    weights, seen = weights[:, order], annotated[order]
    here = np.add.reduceat(weights * seen, starts, axis=1)
    not_here = np.add.reduceat(weights * ~seen, starts, axis=1)
    below = np.cumsum(not_here, axis=1) - not_here
    won = (here * (below + not_here / 2)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return won / (here.sum(axis=1) * not_here.sum(axis=1))


def absence_score(pairs: Pairs) -> Metric:
    """How well confidence tells annotated from absent points; with the shares of both that reach
    each of :data:`CUTOFFS`.

    All keypoints are ranked together in the value, and each by itself in ``per_keypoint``. One
    value of confidence need not mean the same for two keypoints, so the value may lie below all
    of these.
    """
    absent = np.array(
        [np.zeros_like(i.annotated) if i.absent is None else i.absent for i in pairs.truth]
    ).reshape(pairs.annotated.shape)
    if not absent.any():
        return no_result("no point is marked absent", definition=_DEFINITION)
    known = ~np.isnan(pairs.confidence)
    counted = (pairs.annotated | absent) & known
    if not (absent & known).any() or not (pairs.annotated & known).any():
        return no_result(_NOT_BOTH, definition=_DEFINITION)
    confidence, annotated = pairs.confidence[counted], pairs.annotated[counted]
    rows, _ = np.nonzero(counted)
    scored, image = np.unique(pairs.image[rows], return_inverse=True)
    both = counted & (absent & known).any(axis=0) & (pairs.annotated & known).any(axis=0)
    areas = [
        ranked_area(pairs.confidence[each, k], pairs.annotated[each, k])[0] if each.any() else 0.0
        for k, each in enumerate(both.T)
    ]
    missing = int((absent & ~known).sum() + (pairs.annotated & ~known).sum())
    return result(
        float(ranked_area(confidence, annotated)[0]),
        definition=_DEFINITION,
        n=int(counted.sum()),
        ci95=interval(
            lambda weights: ranked_area(confidence, annotated, weights[:, image]),
            len(scored),
            width=len(confidence),
        ),
        per_keypoint=per_keypoint(
            np.array(areas), both.sum(axis=0), pairs.skeleton.keypoints, _NOT_BOTH
        ),
        left_out={"points: no confidence was predicted for them": missing} if missing else None,
        absent=int((~annotated).sum()),
        cutoffs=[
            {
                "confidence": round(float(cutoff), 4),
                "annotated": float((confidence[annotated] >= cutoff).mean()),
                "absent": float((confidence[~annotated] >= cutoff).mean()),
            }
            for cutoff in CUTOFFS
        ],
    )
