"""Points in boxes that were found or given: predicted, ranked, doubles dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pointillist.boxes.detector import Detections
from pointillist.boxes.suppression import ScoredBox, suppress_instances
from pointillist.dataset import Dataset, Instance
from pointillist.skeleton import Skeleton


def has_boxes(dataset: Dataset) -> list[bool]:
    """Of each image: whether the data knows a box in it."""
    return [bool(i.boxes) or any(o.box is not None for o in i.instances) for i in dataset]


def predict_in_boxes(
    predict: Callable[[Dataset], Dataset], dataset: Dataset, detections: Detections
) -> Dataset:
    """Predicts points in detected boxes; where nobody looked for boxes, as the data has it.

    Args:
        predict: as :meth:`pointillist.inference.Predictor.predict`.
        dataset: the images.
        detections: boxes in them.

    Returns:
        the images with predicted instances, as ``predict`` gives them: none in an image without
        a detected box.
    """
    boxed = [
        image
        if boxes is None
        else replace(image, instances=[], boxes=[scored.box for scored in boxes])
        for image, boxes in zip(dataset, detections.boxes, strict=True)
    ]
    rows = [i for i, image in enumerate(boxed) if detections.boxes[i] != []]
    predicted = predict(dataset.subset(boxed[i] for i in rows))
    skeleton = predicted.skeleton
    assert skeleton is not None
    by_row = dict(zip(rows, predicted, strict=True))
    images = []
    for i, image in enumerate(boxed):
        result = by_row.get(i, replace(image, problem=detections.problems.get(i)))
        boxes = detections.boxes[i]
        if boxes and result.instances:
            result.instances = ranked(result.instances, boxes, skeleton)
        images.append(result)
    lines = [*detections.problems.values(), *predicted.problems]
    joined = Dataset(skeleton, images, dataset.root, dataset.name)
    joined.problems = list(dict.fromkeys(lines))
    return joined


def ranked(
    instances: Sequence[Instance], boxes: Sequence[ScoredBox], skeleton: Skeleton
) -> list[Instance]:
    """Instances predicted in boxes, the most certain first, without doubles.

    An instance is as certain as its box times its points (Papandreou et al., CVPR 2017).
    """
    for instance, scored in zip(instances, boxes, strict=True):
        instance.score = (instance.score or 0.0) * scored.score
    return suppress_instances(instances, skeleton)
