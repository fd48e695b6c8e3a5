"""Points as a CSV table for spreadsheets and statistics: one row for each instance.

Columns: ``image``, ``instance`` (from 1, within its image), ``score``, and for each keypoint
``<keypoint>_x``, ``<keypoint>_y`` (the file's pixels, the centre of the top-left one at (0.5,
0.5)) and ``<keypoint>_confidence``. ``frame``, ``track`` and ``category`` are there if any image
or instance has one. A cell is empty where nothing is known. Smoothed points of a video follow as
``<keypoint>_x_smooth`` and ``<keypoint>_y_smooth``.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.files import whole_file
from pointillist.skeleton import Skeleton


def write_csv(dataset: Dataset, path: str | Path) -> None:
    """Writes the points of a data set, predicted or annotated, as a CSV table (UTF-8).

    Raises:
        DataError: the data set has no skeleton.
    """
    if dataset.skeleton is None:
        raise DataError(f"data set '{dataset.name}' has no skeleton, so no points")
    rows = [(image, i, inst) for image in dataset for i, inst in enumerate(image.instances, 1)]
    optional = {
        "frame": any(image.frame is not None for image, _, _ in rows),
        "track": any(instance.track is not None for _, _, instance in rows),
        "category": any(instance.category is not None for _, _, instance in rows),
    }
    extras = [name for name, used in optional.items() if used]
    with (
        whole_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(csv_header(dataset.skeleton, extras))
        for image, number, instance in rows:
            writer.writerow(csv_row(image, number, instance, extras))


def csv_header(skeleton: Skeleton, extras: Sequence[str], *, smooth: bool = False) -> list[str]:
    """Names of the columns; ``extras`` are those of ``frame``, ``track``, ``category`` in use."""
    header = ["image", *extras, "instance", "score"]
    for name in skeleton.keypoints:
        header += [f"{name}_x", f"{name}_y", f"{name}_confidence"]
    if smooth:
        header += [f"{name}_{axis}_smooth" for name in skeleton.keypoints for axis in "xy"]
    return header


def csv_row(
    image: Image,
    number: int,
    instance: Instance,
    extras: Sequence[str],
    smooth: np.ndarray | None = None,
) -> list[str]:
    """Cells of an instance, the ``number``-th of its image; ``smooth`` are its points (K, 2)."""
    known = _extras(image, instance)
    start = [image.path, *(known[name] for name in extras), str(number)]
    row = [*start, _text(instance.score, 4), *_points(instance)]
    if smooth is not None:
        row += [f"{value:.3f}" for value in smooth.reshape(-1)]
    return row


def _extras(image: Image, instance: Instance) -> dict[str, str]:
    return {
        "frame": "" if image.frame is None else str(image.frame),
        "track": instance.track or "",
        "category": instance.category or "",
    }


def _points(instance: Instance) -> list[str]:
    cells = []
    for k, (x, y) in enumerate(instance.points):
        if not instance.annotated[k]:
            cells += ["", "", ""]
            continue
        sure = None if instance.confidence is None else float(instance.confidence[k])
        cells += [f"{x:.3f}", f"{y:.3f}", _text(sure, 4)]
    return cells


def _text(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:.{decimals}f}"
