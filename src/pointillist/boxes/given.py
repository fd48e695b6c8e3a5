"""A detector's boxes as a COCO results list: ``image_id`` or ``file_name``, ``bbox``, ``score``."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePath
from typing import Any

from pointillist.boxes.suppression import ScoredBox, suppress_boxes
from pointillist.dataset import Dataset
from pointillist.errors import ConfigError, DataError
from pointillist.files import read_json
from pointillist.formats.base import located, read_box, read_numbers
from pointillist.formats.coco import image_numbers

#: Detections that are less certain are passed over, unless another limit is given.
LEAST_SCORE = 0.3


def read_detections(
    path: str | Path, dataset: Dataset, score: float | None = None
) -> tuple[list[list[ScoredBox]], int]:
    """The boxes of each image of a data set, the most certain first, doubles dropped.

    An entry belongs to the image of its ``file_name`` (the whole path, or the name alone where no
    two images share it), or else to that of its ``image_id``. Categories are not looked at.

    Args:
        path: the JSON file.
        dataset: the images; ids count only where it has annotations, as a folder has none.
        score: the least; none: :data:`LEAST_SCORE`.

    Returns:
        the boxes, and how many entries are of other images.

    Raises:
        DataError: the file is broken, or no entry is of these images.
        ConfigError: the images are frames of a video.
    """
    path = Path(path)
    least = LEAST_SCORE if score is None else score
    if any(image.frame is not None for image in dataset):
        raise ConfigError("detections are of image files; these are frames of a video", where=path)
    entries = read_json(path)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError("COCO detections are a list of objects; this is none", where=path)
    position = _Positions(dataset)
    found: list[list[ScoredBox]] = [[] for _ in dataset]
    strange = 0
    for row, entry in enumerate(entries, start=1):
        with located(path, row):
            i = position.of(entry)
            if i is None:
                strange += 1
                continue
            scored = _read_entry(entry)
            if scored.score >= least:
                found[i].append(scored)
    if entries and strange == len(entries):
        raise DataError(
            f"none of the {strange} detections is of these images",
            where=path,
            do="They are matched by 'file_name', or by 'image_id' where the images are of a COCO "
            "data set.",
        )
    return [suppress_boxes(boxes) for boxes in found], strange


class _Positions:
    """Where in the data set the image of an entry is."""

    def __init__(self, dataset: Dataset) -> None:
        self._by_path = {image.path: i for i, image in enumerate(dataset)}
        by_name: defaultdict[str, list[int]] = defaultdict(list)
        for i, image in enumerate(dataset):
            by_name[PurePath(image.path).name].append(i)
        self._by_name = {name: places[0] for name, places in by_name.items() if len(places) == 1}
        numbers = image_numbers(dataset) if dataset.skeleton is not None else []
        self._by_id = {number: i for i, number in enumerate(numbers)}

    def of(self, entry: dict[str, Any]) -> int | None:
        name = entry.get("file_name")
        if isinstance(name, str):
            name = name.replace("\\", "/")
            by_name = self._by_name.get(name.rpartition("/")[2])
            return self._by_path.get(name, by_name)
        number = entry.get("image_id")
        if number is None:
            raise DataError("the entry has neither 'file_name' nor 'image_id'")
        return self._by_id.get(number)


def _read_entry(entry: dict[str, Any]) -> ScoredBox:
    if "bbox" not in entry:
        raise DataError("the entry has no 'bbox'")
    box = read_box(entry["bbox"])
    if box[2] <= 0 or box[3] <= 0:
        raise DataError(f"the box is {box[2]:g} x {box[3]:g} pixels: it has no area")
    score = float(read_numbers([entry.get("score", 1.0)], "score")[0])
    if not 0 <= score <= 1:
        raise DataError(f"the score is {score:g}; it must be between 0 and 1")
    return ScoredBox(box, score)
