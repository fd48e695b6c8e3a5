"""Confidence that is a probability: heights of heatmap peaks mapped to shares of right points.

A peak's height orders points well and means nothing in itself. On validation images, which the
network has not learnt from, isotonic regression (Zadrozny and Elkan, KDD 2002) says which share of
the points with such a peak is right: within 0.1 of the longest side of the box.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.errors import DataError
from pointillist.files import read_json, write_json

#: Fewer validation points than this say too little.
LEAST = 100

#: Peaks between 0 and 1 for which the share is kept. Between them it is interpolated: a step of
#: the regression would turn the last bit of a peak into a jump.
_KEPT = 51


@dataclass(frozen=True)
class Calibration:
    """What a peak's height means.

    Args:
        shares: of right points at peaks of 0, 0.02, ..., 1; never falling, in [0, 1].
        points: of validation that it was learnt from.
    """

    shares: tuple[float, ...]
    points: int

    @classmethod
    def open(cls, path: Path) -> Calibration:
        """Reads JSON.

        Raises:
            DataError: the file holds no calibration.
        """
        values: Any = read_json(path)
        try:
            shares = np.array(values["shares"], dtype=float)
            good = shares.shape == (_KEPT,) and (np.diff([0, *shares, 1]) >= 0).all()
            calibration = cls(tuple(shares.tolist()), int(values["points"]))
        except (TypeError, ValueError, KeyError):
            good = False
        if not good:
            raise DataError(
                "this is no calibration",
                where=path,
                do="Without the file, confidence is the height of the heatmap's peak.",
            )
        return calibration

    def save(self, path: Path) -> None:
        """Writes JSON."""
        write_json(path, asdict(self), indent=1)


def fit_calibration(peaks: np.ndarray, correct: np.ndarray) -> Calibration | None:
    """Isotonic regression of being right on the height of a peak.

    Args:
        peaks: (P,) in [0, 1].
        correct: (P,) bool.

    Returns:
        none, where there are fewer than :data:`LEAST` points.
    """
    from sklearn.isotonic import IsotonicRegression

    if len(peaks) < LEAST:
        return None
    # The highest and lowest peaks are few, and often all right or all wrong. That is no certainty:
    # one right point below all others and one wrong point above them say so (Laplace's rule).
    regression = IsotonicRegression(out_of_bounds="clip")
    regression.fit(
        np.concatenate([[peaks.min()], peaks, [peaks.max()]]),
        np.concatenate([[1.0], correct.astype(float), [0.0]]),
    )
    shares = regression.predict(np.linspace(0, 1, _KEPT))
    return Calibration(tuple(round(float(share), 5) for share in shares), len(peaks))
