"""Whether confidence tells points that can be seen from points that are not there."""

from __future__ import annotations

import numpy as np

from pointillist.metrics.bootstrap import interval
from pointillist.metrics.matching import Pairs
from pointillist.metrics.result import (
    WITHOUT_CONFIDENCE,
    Metric,
    no_result,
    per_keypoint,
    result,
)

#: Confidences at which the shares of points that reach them are told.
CUTOFFS = np.linspace(0.0, 1.0, 21).round(2)

_DEFINITION = (
    "area under the ROC curve of confidence between annotated points and points marked absent: "
    "the share of all pairs of one of each in which the annotated point has the higher "
    "confidence, a tie being half; wherever the point was predicted"
)


class RankedPairs:
    """All pairs of a point that can be seen and one that cannot, by their confidence.

    Args:
        seen: (P,) confidences of annotated points.
        unseen: (Q,) confidences of absent ones.
    """

    def __init__(self, seen: np.ndarray, unseen: np.ndarray) -> None:
        self._order = np.argsort(unseen, kind="stable")
        ranked = unseen[self._order]
        # How many absent points lie below each annotated one, and how many not above it.
        self._below = np.searchsorted(ranked, seen, side="left")
        self._not_above = np.searchsorted(ranked, seen, side="right")

    def once(self) -> float:
        """The area with every point once; NaN where there are no pairs."""
        each = np.ones((1, len(self._below))), np.ones((1, len(self._order)))
        return float(self.area(*each)[0])

    def area(self, seen: np.ndarray, unseen: np.ndarray) -> np.ndarray:
        """Area under the ROC curve (Hanley and McNeil, Radiology 1982): the share of pairs in
        which the annotated point has the higher confidence; ties count half.

        Args:
            seen: (R, P) how often each annotated point counts, in each of R draws.
            unseen: (R, Q) the same of absent ones.

        Returns:
            (R,) in [0, 1]; NaN where there are no pairs.
        """
        total = np.zeros((len(unseen), unseen.shape[1] + 1))
        np.cumsum(unseen[:, self._order], axis=1, out=total[:, 1:])
        won = np.einsum("rp,rp->r", seen, total[:, self._below] + total[:, self._not_above]) / 2
        with np.errstate(invalid="ignore"):
            return won / (seen.sum(axis=1) * total[:, -1])


def absence_score(pairs: Pairs) -> Metric:
    """How well confidence tells annotated from absent points; with the shares of both that reach
    each of :data:`CUTOFFS`.

    All keypoints are ranked together in the value, and each by itself in ``per_keypoint``. One
    value of confidence need not mean the same for two keypoints, so the value may lie below all
    of these.
    """
    if not pairs.absent.any():
        return no_result("no point is marked absent", definition=_DEFINITION)
    known = ~np.isnan(pairs.confidence)
    seen, unseen = pairs.annotated & known, pairs.absent & known
    missing = int(((pairs.annotated | pairs.absent) & ~known).sum())
    left_out = {WITHOUT_CONFIDENCE: missing} if missing else {}
    for kind, mask in (("annotated", seen), ("absent", unseen)):
        if not mask.any():
            reason = f"no {kind} point has a confidence"
            return no_result(reason, definition=_DEFINITION, left_out=left_out)
    confidence = pairs.confidence
    areas = np.array(
        [
            RankedPairs(confidence[seen[:, k], k], confidence[unseen[:, k], k]).once()
            for k in range(len(pairs.skeleton))
        ]
    )
    counts = np.where(np.isnan(areas), 0, (seen | unseen).sum(axis=0))
    # Images in which anything counts, and which of them each point is in.
    rows = [np.nonzero(mask)[0] for mask in (seen, unseen)]
    scored, image = np.unique(pairs.image[np.concatenate(rows)], return_inverse=True)
    of_seen, of_unseen = np.split(image, [len(rows[0])])
    ranked = RankedPairs(confidence[seen], confidence[unseen])
    return result(
        ranked.once(),
        definition=_DEFINITION,
        n=len(image),
        ci95=interval(
            lambda weights: ranked.area(weights[:, of_seen], weights[:, of_unseen]),
            len(scored),
            width=len(image),
        ),
        per_keypoint=per_keypoint(
            areas,
            counts,
            pairs.skeleton.keypoints,
            "of this keypoint no annotated point, or no absent one, has a confidence",
        ),
        left_out=left_out,
        absent=len(of_unseen),
        cutoffs=[
            {
                "confidence": float(cutoff),
                "annotated": float((confidence[seen] >= cutoff).mean()),
                "absent": float((confidence[unseen] >= cutoff).mean()),
            }
            for cutoff in CUTOFFS
        ],
    )
