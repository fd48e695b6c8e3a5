"""Object keypoint similarity (OKS), and average precision and recall over it, as COCO has them.

The figures come from faster-coco-eval, the maintained implementation of COCO's evaluation. Their
intervals are this project's own (:mod:`pointillist.metrics.oks_interval`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pointillist.dataset import Image, Instance
from pointillist.skeleton import Skeleton

#: Predictions that count in one image: the ones with the highest score, as COCO has it.
MAX_PREDICTIONS = 20

#: Area ranges in square pixels; COCO leaves small objects out of the keypoint task.
AREA_RANGES = {"all": (0.0, 1e10), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}

_STEPS = "mean over the OKS thresholds 0.50, 0.55, ..., 0.95"

#: name -> (precision or recall, OKS threshold or none for the mean, area range, in words)
SCORES: dict[str, tuple[str, float | None, str, str]] = {
    "oks_ap": ("precision", None, "all", f"average precision, {_STEPS}"),
    "oks_ap50": ("precision", 0.5, "all", "average precision at OKS 0.50"),
    "oks_ap75": ("precision", 0.75, "all", "average precision at OKS 0.75"),
    "oks_ap_medium": (
        "precision",
        None,
        "medium",
        f"average precision, {_STEPS}, objects of 32 x 32 to 96 x 96 px",
    ),
    "oks_ap_large": (
        "precision",
        None,
        "large",
        f"average precision, {_STEPS}, objects of 96 x 96 px and more",
    ),
    "oks_ar": ("recall", None, "all", f"average recall, {_STEPS}"),
}


def object_area(instance: Instance) -> float:
    """Square pixels of an object: the given area, else its box's, else its points' extent's.

    A box without height or width (points in a line) counts as the square over its other side.
    """
    if instance.area is not None:
        return instance.area
    box = instance.reference_box()
    if box is None:
        return 0.0
    return box[2] * box[3] or max(box[2], box[3]) ** 2


def similarity(true: Instance, predicted: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Object keypoint similarity of an annotated instance to several predictions.

    The mean over the annotated points of exp(-d^2 / (2 s^2 k^2)), with the distance d, the
    object's area s^2 and k twice the point's sigma. A point that was not predicted adds 0.

    Args:
        true: an instance with at least one annotated point.
        predicted: (P, K, 2) points, NaN where there is none.
        skeleton: its sigmas are used.

    Returns:
        (P,) similarities in [0, 1].
    """
    kept = true.annotated
    squared = ((predicted[:, kept] - true.points[kept]) ** 2).sum(axis=-1)
    scale = 2 * object_area(true) * (2 * skeleton.oks_sigmas[kept]) ** 2
    exponent = squared / (scale + np.spacing(1.0))
    return np.where(np.isnan(exponent), 0.0, np.exp(-np.nan_to_num(exponent))).mean(axis=-1)


def instance_score(instance: Instance) -> float | None:
    """The score of a predicted instance: its own, else the mean confidence of its points."""
    if instance.score is not None:
        return instance.score
    if instance.confidence is None or not instance.labeled:
        return None
    return float(np.mean(instance.confidence[instance.annotated]))


def evaluate_coco(truth: Sequence[Image], predicted: Sequence[Image], skeleton: Skeleton) -> Any:
    """COCO's keypoint evaluation of whole images, evaluated and accumulated.

    Crowds and instances without points are ignored: what is predicted there counts neither as
    right nor as wrong. An instance with neither points nor a box cannot be placed and is skipped.

    Args:
        truth: annotated images.
        predicted: predictions of the same images in the same order; each instance has a score or
            confidences, and one without points is no prediction.
        skeleton: its sigmas are used.

    Returns:
        faster-coco-eval's ``COCOeval_faster``, with image ids 1, 2, ... in the given order.
    """
    from faster_coco_eval.core.faster_eval_api import COCOeval_faster

    annotations = [
        _annotation(instance, image_id)
        for image_id, image in enumerate(truth, start=1)
        for instance in image.instances
        if instance.reference_box() is not None
    ]
    detections = [
        _detection(instance, image_id)
        for image_id, image in enumerate(predicted, start=1)
        for instance in image.instances
        if instance.labeled
    ]
    evaluation = COCOeval_faster(
        _coco(len(truth), annotations),
        _coco(len(truth), detections),
        "keypoints",
        print_function=lambda *_: None,
        kpt_oks_sigmas=list(skeleton.oks_sigmas),
    )
    evaluation.params.maxDets = [MAX_PREDICTIONS]
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def coco_value(evaluation: Any, kind: str, threshold: float | None, area: str) -> float | None:
    """One figure of an evaluation; none where no object is in the area range.

    Args:
        evaluation: from :func:`evaluate_coco`.
        kind: ``precision`` or ``recall``.
        threshold: an OKS threshold; none for the mean over all ten.
        area: name of the area range.
    """
    parameters = evaluation.params
    table = evaluation.eval[kind][..., parameters.areaRngLbl.index(area), -1]
    if threshold is not None:
        table = table[np.isclose(parameters.iouThrs, threshold)]
    known = table[table > -1]  # COCO writes -1 where there is nothing to find
    return float(known.mean()) if known.size else None


def _coco(images: int, annotations: list[dict[str, Any]]) -> Any:
    from faster_coco_eval import COCO

    coco = COCO()
    coco.dataset = {
        "images": [{"id": number} for number in range(1, images + 1)],
        "categories": [{"id": 1, "name": "object"}],
        "annotations": [
            {"id": number, "category_id": 1, **annotation}
            for number, annotation in enumerate(annotations, start=1)
        ],
    }
    coco.createIndex()
    return coco


def _annotation(instance: Instance, image_id: int) -> dict[str, Any]:
    points = np.column_stack([np.nan_to_num(instance.points), instance.visibility])
    return {
        "image_id": image_id,
        "keypoints": points.ravel().tolist(),
        "num_keypoints": int(instance.annotated.sum()),
        "bbox": list(instance.reference_box() or ()),
        "area": object_area(instance),
        "iscrowd": int(instance.crowd),
    }


def _detection(instance: Instance, image_id: int) -> dict[str, Any]:
    # COCO takes a prediction's size from its points, and knows no point without a place: one
    # that was not predicted is put so far away that its similarity is exactly 0.
    x, y, width, height = instance.extent() or (0.0, 0.0, 0.0, 0.0)
    placed = np.where(instance.annotated[:, None], instance.points, 1e9)
    points = np.column_stack([placed, instance.visibility])
    return {
        "image_id": image_id,
        "keypoints": points.ravel().tolist(),
        "bbox": [x, y, width, height],
        "area": width * height,
        "iscrowd": 0,
        "score": instance_score(instance),
    }
