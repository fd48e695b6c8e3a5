"""Caltech-UCSD Birds 200-2011: the official text files.

``images.txt``, ``parts/parts.txt`` and ``parts/part_locs.txt`` are needed; read where they are
there: ``bounding_boxes.txt``, ``image_class_labels.txt`` with ``classes.txt`` (the species is the
image's group). Every line starts with an id; ids have gaps. A part that is not visible is written
``0 0 0``: it is not annotated but marked absent, where any part of the bird is visible. Left and
right are the bird's own. Coordinates are taken as they stand: the data set's README names no
origin, and they are medians of clicks anyhow.

Wah et al., The Caltech-UCSD Birds-200-2011 Dataset, 2011.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from pointillist.dataset import HIDDEN, Box, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.files import write_text
from pointillist.formats.base import (
    Format,
    blank_instance,
    check_finite,
    located,
    no_frames,
    read_box,
)
from pointillist.formats.locate import clean_name, free_name
from pointillist.images import copy_image
from pointillist.skeleton import Skeleton, find_flip_pairs

#: Lines to draw between the 15 official parts.
_EDGES = (
    ("beak", "forehead"), ("forehead", "crown"), ("crown", "nape"), ("nape", "back"),
    ("back", "tail"), ("beak", "throat"), ("throat", "breast"), ("breast", "belly"),
    ("belly", "tail"), ("left eye", "forehead"), ("right eye", "forehead"),
    ("left wing", "back"), ("right wing", "back"), ("left leg", "belly"), ("right leg", "belly"),
)  # fmt: skip


def detect(path: Path) -> bool:
    """A folder with ``images.txt`` and ``parts/part_locs.txt``."""
    return (path / "images.txt").is_file() and (path / "parts" / "part_locs.txt").is_file()


def read(path: Path) -> Dataset:
    """Reads the folder ``CUB_200_2011``.

    Raises:
        DataError: a file is missing, a line is broken, an id repeats or is unknown, or an
            annotated part is NaN or infinite.
    """
    skeleton, part_index = _read_parts(path / "parts" / "parts.txt")
    images, row_of = _read_images(path / "images.txt")
    boxes = _read_boxes(path / "bounding_boxes.txt", row_of)
    groups = _read_groups(path, row_of)
    points, flags, absent = _read_locations(
        path / "parts" / "part_locs.txt", row_of, part_index, skeleton
    )
    for row, image in enumerate(images):
        visibility = np.where(flags[row] > 0, 2, 0)
        instance = Instance(points[row], visibility, box=boxes.get(row))
        if instance.labeled and absent[row].any():
            instance.absent = absent[row]
        if instance.labeled or instance.box is not None:
            image.instances = [instance]
        image.group = groups.get(row)
    return Dataset(skeleton, images, root=path, name=path.resolve().name)


def write(dataset: Dataset, path: Path) -> list[str]:
    """Writes the official text files and copies the images to ``images/<class>/``.

    The class is the image's group. Each instance becomes an image of its own, because the layout
    holds one bird per image. ``images.txt`` comes last: a broken-off conversion does not look
    like a data set.

    Raises:
        DataError: the data set has no skeleton or has frames of videos, or an image cannot be
            read.
    """
    if dataset.skeleton is None:
        raise DataError("CUB needs keypoints; this data set has none", do="Write it as COCO.")
    no_frames(dataset, "CUB")
    groups = sorted({image.group or "unknown" for image in dataset})
    numbered = all(re.match(r"\d+\.", group) for group in groups)
    numbers = {g: int(g.split(".")[0]) if numbered else i for i, g in enumerate(groups, start=1)}
    if len(set(numbers.values())) < len(numbers):
        numbered, numbers = False, {group: i for i, group in enumerate(groups, start=1)}
    folders = {g: g if numbered else f"{numbers[g]:03d}.{_file_safe(g)}" for g in groups}
    lines: dict[str, list[str]] = {name: [] for name in ("images", "labels", "boxes", "parts")}
    used: set[str] = set()
    several = hidden = undecided = 0
    for image in dataset:
        several += len(image.instances) > 1
        group = image.group or "unknown"
        for instance in image.instances or [blank_instance(dataset.skeleton)]:
            number = len(lines["images"]) + 1
            name = free_name(f"{folders[group]}/{PurePosixPath(clean_name(image.path)).name}", used)
            copy_image(dataset.file(image), path / "images" / name)
            lines["images"].append(f"{number} {name}")
            lines["labels"].append(f"{number} {numbers[group]}")
            if instance.box is not None:
                lines["boxes"].append(f"{number} " + " ".join(f"{v:.4f}" for v in instance.box))
            hidden += int((instance.visibility == HIDDEN).sum())
            if instance.labeled:
                undecided += int((~instance.decided).sum())
            for part, (point, there) in enumerate(
                zip(instance.points, instance.annotated, strict=True), start=1
            ):
                x, y = point if there else (0.0, 0.0)
                lines["parts"].append(f"{number} {part} {x:.4f} {y:.4f} {int(there)}")
    parts = [f"{i} {name}" for i, name in enumerate(dataset.skeleton.keypoints, start=1)]
    _write_lines(path / "parts" / "parts.txt", parts)
    _write_lines(path / "parts" / "part_locs.txt", lines["parts"])
    _write_lines(path / "bounding_boxes.txt", lines["boxes"])
    _write_lines(path / "image_class_labels.txt", lines["labels"])
    _write_lines(path / "classes.txt", [f"{numbers[g]} {folders[g]}" for g in groups])
    _write_lines(path / "images.txt", lines["images"])
    notes = []
    if several:
        notes.append(f"{several} images with several objects are there once for each object")
    if hidden:
        notes.append(f"{hidden} hidden keypoints are written as visible: CUB knows no hidden ones")
    if undecided:
        notes.append(
            f"{undecided} keypoints that are not annotated are written as not visible: CUB knows "
            "no undecided ones"
        )
    return notes


def _lines(file: Path, columns: int) -> Iterator[tuple[int, list[str]]]:
    """(row, fields) of each line; the last field takes the rest of the line."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError("CUB needs this file, and it is missing", where=file) from None
    except UnicodeDecodeError as error:
        raise DataError(f"this is not a UTF-8 text file: {error.reason}", where=file) from None
    for row, line in enumerate(text.splitlines(), start=1):
        fields = line.split(maxsplit=columns - 1)
        if not fields:
            continue
        if len(fields) != columns:
            raise DataError(
                f"{len(fields)} columns where {columns} are needed", where=file, row=row
            )
        yield row, fields


def _number(text: str, what: str, file: Path, row: int) -> int:
    try:
        return int(text)
    except ValueError:
        raise DataError(f"{what} is not a whole number but '{text}'", where=file, row=row) from None


def _known(text: str, known: dict[int, int], what: str, file: Path, row: int) -> int:
    number = _number(text, f"the {what} id", file, row)
    if number not in known:
        raise DataError(f"there is no {what} with the id {number}", where=file, row=row)
    return known[number]


def _read_parts(file: Path) -> tuple[Skeleton, dict[int, int]]:
    index: dict[int, int] = {}
    names: list[str] = []
    for row, (number, name) in _lines(file, 2):
        key = _number(number, "the part id", file, row)
        if key in index:
            raise DataError(f"two parts have the id {key}", where=file, row=row)
        index[key] = len(names)
        names.append(name.strip())
    edges = [(names.index(a), names.index(b)) for a, b in _EDGES if a in names and b in names]
    with located(file):
        skeleton = Skeleton(
            tuple(names), edges=tuple(edges), flip_pairs=find_flip_pairs(names), name="bird"
        )
    return skeleton, index


def _read_images(file: Path) -> tuple[list[Image], dict[int, int]]:
    images: list[Image] = []
    row_of: dict[int, int] = {}
    for row, (number, name) in _lines(file, 2):
        key = _number(number, "the image id", file, row)
        if key in row_of:
            raise DataError(f"two images have the id {key}", where=file, row=row)
        row_of[key] = len(images)
        images.append(Image("images/" + clean_name(name.strip()), id=key))
    if not images:
        raise DataError("there are no images in this file", where=file)
    return images, row_of


def _read_boxes(file: Path, row_of: dict[int, int]) -> dict[int, Box]:
    boxes: dict[int, Box] = {}
    if not file.is_file():
        return boxes
    for row, (number, *values) in _lines(file, 5):
        with located(file, row):
            boxes[_known(number, row_of, "image", file, row)] = read_box(values, "box")
    return boxes


def _read_groups(path: Path, row_of: dict[int, int]) -> dict[int, str]:
    """The species of each image: the class's name, or its id where classes.txt is missing."""
    labels, classes = path / "image_class_labels.txt", path / "classes.txt"
    if not labels.is_file():
        return {}
    names = {}
    if classes.is_file():
        for row, (number, name) in _lines(classes, 2):
            names[_number(number, "the class id", classes, row)] = name.strip()
    groups = {}
    for row, (image, label) in _lines(labels, 2):
        species = _number(label, "the class id", labels, row)
        if names and species not in names:
            raise DataError(f"there is no class with the id {species}", where=labels, row=row)
        groups[_known(image, row_of, "image", labels, row)] = names.get(species, str(species))
    return groups


def _read_locations(
    file: Path, row_of: dict[int, int], part_index: dict[int, int], skeleton: Skeleton
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (N, K, 2), flags (N, K) and who is said not to be visible (N, K), of all images."""
    points = np.full((len(row_of), len(skeleton), 2), np.nan)
    flags = np.zeros((len(row_of), len(skeleton)))
    seen = np.zeros(flags.shape, dtype=bool)
    for row, (image, part, *values) in _lines(file, 5):
        i = _known(image, row_of, "image", file, row)
        k = _known(part, part_index, "part", file, row)
        try:
            x, y, flag = (float(value) for value in values)
        except ValueError:
            raise DataError("x, y and visible are not numbers", where=file, row=row) from None
        if seen[i, k]:
            raise DataError(f"image {image} has part {part} twice", where=file, row=row)
        if flag not in (0, 1):
            raise DataError(f"visible is {flag:g}, not 0 or 1", where=file, row=row)
        seen[i, k] = True
        points[i, k] = x, y
        flags[i, k] = flag
        if flag and not np.isfinite(points[i, k]).all():
            with located(file, row):
                check_finite(points[i], flags[i] > 0, skeleton)
    return points, flags, seen & (flags == 0)


def _file_safe(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)


def _write_lines(file: Path, lines: list[str]) -> None:
    write_text(file, "".join(line + "\n" for line in lines))


FORMAT = Format(
    name="cub",
    title="Caltech-UCSD Birds 200-2011",
    detect=detect,
    read=read,
    write=write,
    loses="edges and pairs of other skeletons (found again by name), hidden points, the "
    "difference between absent and undecided points, several objects in one image, image sizes",
    own_images=True,
)
