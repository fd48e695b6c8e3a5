"""Bootstrap intervals of COCO's average precision and recall.

Average precision is no ratio of sums over images, so each resample ranks its predictions anew.
Predictions are matched once, as COCO does it (each prediction, in order of its score, takes the
free object it is most similar to); a resample then only weighs every prediction by how often its
image was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pointillist.metrics.bootstrap import resample_weights
from pointillist.metrics.oks import MAX_PREDICTIONS

_RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class Ranked:
    """The D predictions of a whole data set, by falling score, for one area range.

    Args:
        right: (T, D) bool, matched to an object, at each of T OKS thresholds.
        wrong: (T, D) bool, matched to nothing; neither right nor wrong: ignored.
        image: (D,) int, which image each is in.
        objects: (I,) number of objects to be found in each image.
    """

    right: np.ndarray
    wrong: np.ndarray
    image: np.ndarray
    objects: np.ndarray


def rank(evaluation: Any, area: tuple[float, float]) -> Ranked:
    """Matches and ranks the predictions of an evaluation.

    Args:
        evaluation: from :func:`pointillist.metrics.oks.evaluate_coco`.
        area: smallest and largest area of objects that count, in square pixels.
    """
    thresholds = evaluation.params.iouThrs
    right, wrong, image, scores = [], [], [], []
    objects = np.zeros(len(evaluation.params.imgIds))
    for index, image_id in enumerate(evaluation.params.imgIds):
        truth = evaluation.cocoGt.imgToAnns[image_id]
        guesses = sorted(evaluation.cocoDt.imgToAnns[image_id], key=lambda g: -g["score"])
        guesses = guesses[:MAX_PREDICTIONS]
        ignored = np.array(
            [
                bool(true["iscrowd"] or not true["num_keypoints"])
                or not area[0] <= true["area"] <= area[1]
                for true in truth
            ],
            dtype=bool,
        )
        objects[index] = np.count_nonzero(~ignored)
        crowd = np.array([bool(true["iscrowd"]) for true in truth], dtype=bool)
        similar = np.array(evaluation.ious[image_id, 1]).reshape(len(guesses), len(truth))
        sized = np.array([area[0] <= guess["area"] <= area[1] for guess in guesses], dtype=bool)
        for t, threshold in enumerate(thresholds):
            partner = _match(similar, threshold, ignored, crowd)
            taken = partner >= 0
            lenient = np.zeros(len(guesses), dtype=bool)
            lenient[taken] = ignored[partner[taken]]
            lenient |= ~taken & ~sized
            right.append((t, taken & ~lenient))
            wrong.append((t, ~taken & ~lenient))
        image += [index] * len(guesses)
        scores += [guess["score"] for guess in guesses]
    order = np.argsort(-np.array(scores, dtype=np.float64), kind="stable")

    def table(parts: list[tuple[int, np.ndarray]]) -> np.ndarray:
        rows = [
            np.concatenate([part for t, part in parts if t == row] or [np.zeros(0, dtype=bool)])
            for row in range(len(thresholds))
        ]
        return np.array(rows, dtype=bool)[:, order]

    return Ranked(table(right), table(wrong), np.array(image, dtype=np.int64)[order], objects)


def _match(
    similar: np.ndarray, threshold: float, ignored: np.ndarray, crowd: np.ndarray
) -> np.ndarray:
    """(P,) index of the object that each prediction takes, -1 for none.

    Objects that count go before ignored ones; only a crowd takes more than one prediction; of
    equally similar objects the last one is taken (COCO's order, which is kept).
    """
    partner = np.full(len(similar), -1)
    free = np.ones(len(ignored), dtype=bool)
    for row in np.flatnonzero(similar.max(axis=1, initial=0.0) >= threshold):
        for group in (~ignored, ignored):
            open_ = np.flatnonzero(group & (free | crowd) & (similar[row] >= threshold))
            if len(open_):
                best = open_[::-1][np.argmax(similar[row, open_[::-1]])]
                partner[row], free[best] = best, False
                break
    return partner


def weighted_scores(ranked: Ranked, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and recall at each threshold, for images of given weights.

    Args:
        ranked: the matched predictions.
        weights: (R, I) how often each image counts.

    Returns:
        (R, T) average precision (interpolated at 101 recalls, as COCO has it) and (R, T) recall;
        NaN where no object is to be found.
    """
    drawn = weights[:, ranked.image]
    objects = (weights @ ranked.objects)[:, None]
    shape = (len(weights), len(ranked.right))
    precision, recall = np.full(shape, np.nan), np.full(shape, np.nan)
    some = objects[:, 0] > 0
    for t in range(len(ranked.right)):
        found = np.cumsum(drawn * ranked.right[t], axis=1)
        false = np.cumsum(drawn * ranked.wrong[t], axis=1)
        reached = found / np.where(objects > 0, objects, 1.0)
        share = found / (found + false + np.spacing(1.0))
        best = np.maximum.accumulate(share[:, ::-1], axis=1)[:, ::-1]
        best = np.concatenate([best, np.zeros((len(best), 1))], axis=1)
        for row in np.flatnonzero(some):
            precision[row, t] = best[row, np.searchsorted(reached[row], _RECALLS)].mean()
            recall[row, t] = reached[row, -1] if reached.shape[1] else 0.0
    return precision, recall


def resampled_scores(evaluation: Any, area: tuple[float, float]) -> dict[str, np.ndarray] | None:
    """Average precision and recall of every bootstrap resample of the images.

    Args:
        evaluation: from :func:`pointillist.metrics.oks.evaluate_coco`.
        area: smallest and largest area of objects that count, in square pixels.

    Returns:
        ``precision`` and ``recall``, (R, T) over resamples and OKS thresholds; none for fewer
        than two images.
    """
    ranked = rank(evaluation, area)
    images = len(ranked.objects)
    if images < 2:
        return None
    blocks = resample_weights(images, width=len(ranked.image))
    scores = [weighted_scores(ranked, weights) for weights in blocks]
    return {
        "precision": np.concatenate([precision for precision, _ in scores]),
        "recall": np.concatenate([recall for _, recall in scores]),
    }
