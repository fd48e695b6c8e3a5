"""Boxes with scores, and dropping what is found twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pointillist.dataset import Box, Instance
from pointillist.metrics.oks import similarity
from pointillist.skeleton import Skeleton

#: Of two boxes that overlap by more than this (intersection over union), one is dropped.
MOST_OVERLAP = 0.6
#: Of two predicted instances more similar than this (OKS), one is dropped.
MOST_SIMILAR = 0.7


class ScoredBox(NamedTuple):
    """A box and how certain it is, in [0, 1]."""

    box: Box
    score: float


def overlap(box: Box, others: np.ndarray) -> np.ndarray:
    """(N,) intersection over union of one box with (N, 4) others; 0 where neither has an area."""
    x, y, width, height = box
    right = np.minimum(x + width, others[:, 0] + others[:, 2])
    bottom = np.minimum(y + height, others[:, 1] + others[:, 3])
    across = np.maximum(right - np.maximum(x, others[:, 0]), 0)
    down = np.maximum(bottom - np.maximum(y, others[:, 1]), 0)
    common = across * down
    together = width * height + others[:, 2] * others[:, 3] - common
    return np.divide(common, together, out=np.zeros(len(others)), where=together > 0)


def suppress_boxes(boxes: Sequence[ScoredBox], most: float = MOST_OVERLAP) -> list[ScoredBox]:
    """The boxes without those that overlap a more certain one by more than ``most``."""
    kept: list[ScoredBox] = []
    for candidate in sorted(boxes, key=lambda scored: -scored.score):
        others = np.array([scored.box for scored in kept]).reshape(-1, 4)
        if not (overlap(candidate.box, others) > most).any():
            kept.append(candidate)
    return kept


def suppress_instances(
    instances: Sequence[Instance], skeleton: Skeleton, most: float = MOST_SIMILAR
) -> list[Instance]:
    """The instances without those whose points are those of a more certain one.

    Non-maximum suppression on object keypoint similarity: the more certain instance is taken for
    the truth, with its box's area and the skeleton's sigmas (Papandreou et al., CVPR 2017).
    """
    kept: list[Instance] = []
    for candidate in sorted(instances, key=lambda instance: -(instance.score or 0.0)):
        points = candidate.points[None]
        if not any(similarity(other, points, skeleton)[0] > most for other in kept):
            kept.append(candidate)
    return kept
