"""Scores: how far predicted points are from annotated ones, each with its definition.

:func:`score` computes all of them. ``docs/metrics.md`` says what each one means.
"""

from pointillist.metrics.bootstrap import RESAMPLES, interval
from pointillist.metrics.evaluation import FAMILIES, score
from pointillist.metrics.matching import Matches, Pairs, make_pairs, match
from pointillist.metrics.oks import object_area, similarity
from pointillist.metrics.pck import Normalizer, lengths_of, pck, pck_curve
from pointillist.metrics.reliability import Calibration, calibration_error

__all__ = [
    "FAMILIES",
    "RESAMPLES",
    "Calibration",
    "Matches",
    "Normalizer",
    "Pairs",
    "calibration_error",
    "interval",
    "lengths_of",
    "make_pairs",
    "match",
    "object_area",
    "pck",
    "pck_curve",
    "score",
    "similarity",
]
