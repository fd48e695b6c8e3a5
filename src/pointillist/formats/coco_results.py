"""COCO results: a list of predictions, as COCO's evaluation tools take them.

Each entry has ``image_id``, ``category_id``, ``keypoints`` (x, y, confidence of each point) and
``score``; and ``file_name``, which tools pass over, so that the file can be read without the data
set. There is no ``bbox``: with one, COCO's tools take it for a detection and its area for the
object's.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.dataset import NOT_ANNOTATED, VISIBLE, Dataset, Instance
from pointillist.errors import DataError
from pointillist.files import read_json, write_json
from pointillist.formats.base import blank_instance, check_finite, located, read_box, read_numbers
from pointillist.formats.coco import category_numbers, image_numbers
from pointillist.skeleton import Skeleton


def write_results(predictions: Dataset, path: str | Path) -> None:
    """Writes predictions as a COCO results list.

    Image and category ids are those that :func:`pointillist.formats.coco.write` gives the same
    data set; a data set that was read from COCO keeps its image ids.

    Args:
        predictions: images with predicted instances. A point without confidence counts as 1, one
            that is not there as 0, at (0, 0).
        path: the JSON file.

    Raises:
        DataError: the data set has no skeleton.
    """
    if predictions.skeleton is None:
        raise DataError(f"data set '{predictions.name}' has no skeleton, so no predictions")
    number_of = category_numbers(predictions)
    results = []
    for number, image in zip(image_numbers(predictions), predictions, strict=True):
        for instance in image.instances:
            there = instance.annotated
            sure = np.ones(len(there)) if instance.confidence is None else instance.confidence
            points = np.where(there[:, None], instance.points, 0.0)
            triples = np.column_stack([points, np.where(there, sure, 0.0)])
            score = instance.score
            if score is None:
                score = float(sure[there].mean()) if there.any() else 0.0
            results.append(
                {
                    "image_id": number,
                    "category_id": number_of[instance.category or predictions.skeleton.name],
                    "keypoints": triples.round(4).reshape(-1).tolist(),
                    "score": round(score, 6),
                    "file_name": image.path,
                }
            )
    write_json(path, results)


def read_results(path: str | Path, dataset: Dataset) -> Dataset:
    """Reads a COCO results list: predicted points, or detections (boxes with a score).

    Args:
        path: the JSON file.
        dataset: the images that it speaks of, by their ids, and the skeleton.

    Returns:
        the data set's images with the predictions in place of their annotations. Categories are
        left out: their numbers are those of a file that is not at hand.

    Raises:
        DataError: the file is broken, an image id is unknown, or a prediction is no number.
    """
    path = Path(path)
    if dataset.skeleton is None:
        raise DataError(f"data set '{dataset.name}' has no skeleton to read predictions by")
    entries = read_json(path)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError("COCO results are a list of objects; this is none", where=path)
    found: dict[int, list[Instance]] = {number: [] for number in image_numbers(dataset)}
    for row, entry in enumerate(entries, start=1):
        with located(path, row):
            number = entry.get("image_id")
            if number not in found:
                raise DataError(f"the data set '{dataset.name}' has no image of the id {number!r}")
            found[number].append(_read_entry(entry, dataset.skeleton))
    images = [
        replace(image, instances=found[number], boxes=[])
        for number, image in zip(image_numbers(dataset), dataset, strict=True)
    ]
    return dataset.subset(images)


def _read_entry(entry: dict[str, Any], skeleton: Skeleton) -> Instance:
    box = read_box(entry["bbox"]) if entry.get("bbox") else None
    if entry.get("keypoints"):
        numbers = read_numbers(entry["keypoints"], "keypoints")
        if numbers.size != 3 * len(skeleton):
            raise DataError(
                f"{numbers.size} numbers for keypoints; {len(skeleton)} keypoints need "
                f"{3 * len(skeleton)} (x, y, confidence each)"
            )
        points, sure = numbers.reshape(-1, 3)[:, :2], numbers.reshape(-1, 3)[:, 2]
        there = ~((points == 0).all(axis=1) & (sure == 0))
        check_finite(points, there, skeleton)
        if not np.isfinite(sure).all():
            raise DataError("a confidence is not a finite number")
        visibility = np.where(there, VISIBLE, NOT_ANNOTATED)
        instance = Instance(points, visibility, box=box, confidence=sure)
    elif box is not None:
        instance = blank_instance(skeleton, box)
    else:
        raise DataError("the entry has neither 'keypoints' nor 'bbox'")
    score = read_numbers([entry.get("score", 1.0)], "score")
    if not np.isfinite(score).all():
        raise DataError("'score' is not a finite number")
    instance.score = float(score[0])
    return instance
