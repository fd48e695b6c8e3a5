"""What a model says about the project's images: shown, ranked, compared with the labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.dataset import Image, Instance
from pointillist.errors import DataError
from pointillist.files import read_json
from pointillist.formats import open_dataset
from pointillist.formats.coco_results import read_results
from pointillist.identity import Key, keys_of
from pointillist.web.project import Project
from pointillist.web.records import DECIMALS

PREDICTIONS = "predictions.json"
SUGGESTIONS = "suggestions.json"

#: A prediction further from a label than this share of the label's size is of another object.
FAR = 0.5


@dataclass
class Predictions:
    """Predictions and suggestions by the identifier of the image.

    Args:
        instances: predicted instances of each image.
        suggested: rank (from 1) and reason of each suggested image.
        problems: what could not be read, one line each.
        version: grows whenever the files were read anew.
    """

    instances: dict[int, list[Instance]] = field(default_factory=dict)
    suggested: dict[int, tuple[int, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    version: int = 0
    _seen: tuple[Any, ...] = ()

    def refresh(self, project: Project) -> bool:
        """Reads the files anew if they changed; says whether they did."""
        files = (project.folder / PREDICTIONS, project.folder / SUGGESTIONS)
        seen = tuple(file.stat().st_mtime_ns if file.exists() else None for file in files)
        if seen == self._seen:
            return False
        self._seen = seen
        self.version += 1
        self.problems = []
        self.instances = self._guarded(_read_predictions, files[0], project)
        self.suggested = self._guarded(_read_suggestions, files[1], project)
        return True

    def _guarded(self, read: Any, file: Path, project: Project) -> dict[int, Any]:
        """A broken file is reported; the labels need neither."""
        if not file.exists():
            return {}
        try:
            return read(file, project)
        except DataError as error:
            self.problems.append(str(error))
            return {}

    def of(self, number: int) -> list[Instance]:
        """The predicted instances of an image."""
        return self.instances.get(number, [])

    def records(self, number: int, labels: list[Instance]) -> list[dict[str, Any]]:
        """The predictions of an image as JSON: points ``[x, y, confidence]`` or null, and the
        index of the label that each belongs to."""
        predicted = self.of(number)
        partners = match(labels, predicted)
        return [
            {
                "points": _points(instance),
                "box": None if instance.box is None else [float(v) for v in instance.box],
                "box_from_points": instance.box_from_points,
                "score": instance.score,
                "label": partner,
            }
            for instance, partner in zip(predicted, partners, strict=True)
        ]


def confidence_of(predicted: list[Instance]) -> float | None:
    """Mean confidence of the points of the least certain instance; none if none is known."""
    means = [
        float(np.mean(i.confidence[i.annotated]))
        for i in predicted
        if i.confidence is not None and i.labeled
    ]
    return min(means, default=None)


def error_of(labels: list[Instance], predicted: list[Instance]) -> float | None:
    """Mean distance of predicted points from labelled ones, as a share of the object's longest
    side; none if there is nothing to compare."""
    distances: list[float] = []
    for instance, partner in zip(predicted, match(labels, predicted), strict=True):
        if partner is not None:
            distances.extend(_distances(labels[partner], instance).tolist())
    return float(np.mean(distances)) if distances else None


def match(labels: list[Instance], predicted: list[Instance]) -> list[int | None]:
    """For each predicted instance the index of the label that it is of, or none.

    The nearest pairs come first (mean distance of common points over the label's size); one
    label and one prediction belong together in any case.
    """
    if len(labels) == 1 and len(predicted) == 1:
        return [0]
    pairs = sorted(
        (float(np.mean(distances)), p, q)
        for p, label in enumerate(labels)
        for q, instance in enumerate(predicted)
        if len(distances := _distances(label, instance))
    )
    partners: list[int | None] = [None] * len(predicted)
    for distance, p, q in pairs:
        if distance <= FAR and partners[q] is None and p not in partners:
            partners[q] = p
    return partners


def _distances(label: Instance, predicted: Instance) -> np.ndarray:
    common = label.annotated & predicted.annotated
    box = label.reference_box()
    size = max(box[2:]) if box is not None else 0.0
    if size <= 0:
        return np.zeros(0)
    gaps: np.ndarray = np.linalg.norm(label.points[common] - predicted.points[common], axis=1)
    return gaps / size


def _points(instance: Instance) -> list[list[float] | None]:
    confidence = instance.confidence
    return [
        [
            round(float(instance.points[i, 0]), DECIMALS),
            round(float(instance.points[i, 1]), DECIMALS),
            1.0 if confidence is None else round(float(confidence[i]), 4),
        ]
        if there
        else None
        for i, there in enumerate(instance.annotated)
    ]


def _numbers(project: Project) -> dict[Key, int]:
    keys = keys_of(project.dataset.root, project.dataset)
    return {key: image.id for key, image in zip(keys, project.dataset, strict=True)}  # type: ignore[misc]


def _read_predictions(file: Path, project: Project) -> dict[int, list[Instance]]:
    """COCO results (a list, by the project's image ids), or a data set (by path and frame)."""
    if isinstance(read_json(file), list):
        results = read_results(file, project.dataset)
        return {image.id: image.instances for image in results if image.id and image.instances}
    dataset = open_dataset(file)
    if dataset.skeleton is None or dataset.skeleton.keypoints != project.skeleton.keypoints:
        raise DataError("these predictions are of other keypoints than the labels", where=file)
    numbers = _numbers(project)
    keys = keys_of(dataset.root, dataset)
    return {
        numbers[key]: image.instances
        for key, image in zip(keys, dataset, strict=True)
        if image.instances and key in numbers
    }


def _read_suggestions(file: Path, project: Project) -> dict[int, tuple[int, str]]:
    content = read_json(file)
    picks = content.get("picks") if isinstance(content, dict) else content
    if not isinstance(picks, list) or not all(isinstance(p, dict) and "image" in p for p in picks):
        raise DataError("there is no list of picks with an 'image' each", where=file)
    numbers = _numbers(project)
    images = [Image(str(pick["image"]), frame=pick.get("frame")) for pick in picks]
    found = {}
    for rank, key in enumerate(keys_of(project.dataset.root, images), 1):
        if key in numbers:
            found[numbers[key]] = (rank, str(picks[rank - 1].get("why", "")))
    return found
