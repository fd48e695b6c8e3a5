"""MPII Human Pose: the JSON lists that the community uses. The original file: ``mpii_mat``.

An entry is one person: ``image``, ``joints`` (16 pairs), ``joints_vis``, ``center``, ``scale``;
``headbox`` (or ``head_rect``: x1, y1, x2, y2) where there is one. A joint of flag 0 is not
annotated, its coordinates are -1 or 0. Pixels count from 1, as MATLAB does. Centre and scale stand
for a square box of 200 times the scale; where they are missing (-1), the box is the extent of the
joints.

Andriluka et al., 2D human pose estimation: new benchmark and state of the art analysis, CVPR 2014.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pointillist.dataset import HIDDEN, Box, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.files import read_json, write_json
from pointillist.formats.base import (
    Format,
    check_finite,
    flags_to_visibility,
    located,
    only_names,
    read_numbers,
    with_box_from_points,
)
from pointillist.formats.locate import clean_name, find_image_root, names_from
from pointillist.formats.mat import MATLAB_SHIFT
from pointillist.formats.moved import find_some_images
from pointillist.skeleton import Skeleton, find_flip_pairs

JOINTS = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
    "pelvis", "thorax", "upper_neck", "head_top",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
)  # fmt: skip

SKELETON = Skeleton(
    JOINTS,
    edges=(
        (0, 1), (1, 2), (2, 6), (3, 6), (3, 4), (4, 5), (6, 7), (7, 8), (8, 9),
        (10, 11), (11, 12), (12, 7), (13, 7), (13, 14), (14, 15),
    ),
    flip_pairs=find_flip_pairs(JOINTS),
    name="person",
    head=(8, 9),
    torso=(12, 3),
)  # fmt: skip

#: A person of scale 1 is 200 pixels high.
_PIXELS_PER_SCALE = 200.0

_HEAD_KEYS = ("headbox", "head_rect")


def detect(path: Path) -> bool:
    """A JSON list of people with centre and scale, or a ``.mat`` file (LSP is asked before)."""
    if path.suffix.lower() == ".mat":
        return path.is_file()
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        start = stream.read(1 << 16)
    return start.lstrip().startswith("[") and '"center"' in start and '"scale"' in start


def read(path: Path, below: Path | None = None) -> Dataset:
    """Reads the community's JSON or the original ``.mat``.

    People of one image become its instances; people without joints its boxes. Images that moved are
    looked for by name below the file's folder and ``below``.

    Raises:
        DataError: the file is broken or empty, an entry lacks a key, has another number of joints,
            or an annotated joint is NaN or infinite, or no image lies ``below`` either.
    """
    if path.suffix.lower() == ".mat":
        from pointillist.formats.mpii_mat import read_release

        return read_release(path, below)
    entries = read_json(path)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError("this is not a list of objects, one for each person", where=path)
    if not entries:
        raise DataError("the list is empty: there is no image in this set", where=path)
    images: dict[str, Image] = {}
    for row, entry in enumerate(entries, start=1):
        with located(path, row):
            name = entry.get("image")
            if not isinstance(name, str) or not name:
                raise DataError("the entry has no 'image'")
            name = clean_name(name)
            image = images.setdefault(name, Image(name, id=len(images) + 1))
            box = _read_box(entry)
            person = _read_person(entry, box)
            if person is not None:
                image.instances.append(person)
            elif box is not None:
                image.boxes.append(box)
    root, lost = find_image_root(path.parent, list(images))
    dataset = Dataset(SKELETON, list(images.values()), root=root, name=path.stem)
    return find_some_images(dataset, path.parent, below, lost)


def write(dataset: Dataset, path: Path) -> list[str]:
    """Writes the community's JSON; ``path`` is the file, or a folder that gets annotations.json.

    Raises:
        DataError: the skeleton is not MPII's.
    """
    order = only_names(dataset.skeleton, JOINTS, "MPII")
    file = path if path.suffix.lower() == ".json" else path / "annotations.json"
    entries: list[dict[str, Any]] = []
    oblong = hidden = bare = 0
    for image, name in zip(dataset, names_from(dataset, file.parent), strict=True):
        for box in image.boxes:
            oblong += box[2] != box[3]
            entries.append({"image": name, **_center_and_scale(box)})
        for instance in image.instances:
            box_given = None if instance.box_from_points else instance.box
            oblong += box_given is not None and box_given[2] != box_given[3]
            hidden += int((instance.visibility == HIDDEN).sum())
            entries.append(_write_person(instance, order, name, box_given))
        bare += not image.boxes and not image.instances
        if not image.boxes and not image.instances:
            entries.append({"image": name, **_center_and_scale(None)})
    write_json(file, entries)
    notes = []
    if oblong:
        notes.append(f"{oblong} boxes became squares around them: MPII has a centre and a scale")
    if hidden:
        notes.append(f"{hidden} hidden joints count as any other: the JSON cannot tell them apart")
    return notes


def square_box(center: np.ndarray, scale: float) -> Box | None:
    """MPII's centre (MATLAB's pixels) and scale -> box; none where MPII marks them as missing."""
    if not np.isfinite(center).all() or not np.isfinite(scale):
        raise DataError("'center' and 'scale' must be finite numbers")
    if scale <= 0 or center[0] < 0:
        return None
    side = _PIXELS_PER_SCALE * float(scale)
    x, y = (float(v) + MATLAB_SHIFT - side / 2 for v in center)
    return (x, y, side, side)


def corners_to_box(corners: np.ndarray) -> Box:
    """x1, y1, x2, y2 in MATLAB's pixels -> box."""
    if corners.size != 4 or not np.isfinite(corners).all():
        raise DataError("a head box must be four finite numbers: x1, y1, x2, y2")
    x1, y1, x2, y2 = (float(v) for v in corners)
    return (x1 + MATLAB_SHIFT, y1 + MATLAB_SHIFT, x2 - x1, y2 - y1)


def _read_box(entry: dict[str, Any]) -> Box | None:
    if entry.get("center") is None or entry.get("scale") is None:
        return None
    center = read_numbers(entry["center"], "center")
    scale = read_numbers([entry["scale"]], "scale")
    if center.size != 2:
        raise DataError("'center' must be two numbers")
    return square_box(center, float(scale[0]))


def _read_person(entry: dict[str, Any], box: Box | None) -> Instance | None:
    if not entry.get("joints"):
        return None
    try:
        points = np.array(entry["joints"], dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("'joints' is not a list of pairs of numbers") from None
    count = len(JOINTS)
    if points.shape != (count, 2):
        raise DataError(f"'joints' has the shape {points.shape}; MPII has {count} joints (x, y)")
    flags = read_numbers(entry.get("joints_vis", [1] * count), "joints_vis")
    if flags.size != count or not np.isin(flags, (0, 1)).all():
        raise DataError(f"'joints_vis' must be {count} numbers, each 0 or 1")
    if not flags.any():
        return None
    check_finite(points, flags > 0, SKELETON)
    person = Instance(points + MATLAB_SHIFT, flags_to_visibility(flags), box=box)
    head = next((entry[key] for key in _HEAD_KEYS if entry.get(key) is not None), None)
    if head is not None:
        person.head_box = corners_to_box(read_numbers(np.ravel(head).tolist(), "headbox"))
    return person if box is not None else with_box_from_points(person)


def _center_and_scale(box: Box | None) -> dict[str, Any]:
    if box is None:
        return {"center": [-1, -1], "scale": -1}
    x, y, width, height = box
    center = [round(x + width / 2 - MATLAB_SHIFT, 4), round(y + height / 2 - MATLAB_SHIFT, 4)]
    return {"center": center, "scale": round(max(width, height) / _PIXELS_PER_SCALE, 6)}


def _write_person(
    instance: Instance, order: list[int], name: str, box: Box | None
) -> dict[str, Any]:
    annotated = instance.annotated[order]
    points = np.where(annotated[:, None], instance.points[order] - MATLAB_SHIFT, -1.0)
    entry = {
        "image": name,
        "joints": points.round(4).tolist(),
        "joints_vis": (instance.visibility[order] > 0).astype(int).tolist(),
        **_center_and_scale(box),
    }
    if instance.head_box is not None:
        x, y, width, height = instance.head_box
        corners = (x, y, x + width, y + height)
        entry["headbox"] = [round(v - MATLAB_SHIFT, 4) for v in corners]
    return entry


FORMAT = Format(
    name="mpii",
    title="MPII Human Pose (JSON lists and the original .mat)",
    detect=detect,
    read=read,
    write=write,
    loses="the shape of boxes (they become squares), the difference between hidden and visible, "
    "image sizes, groups, all but the 16 joints",
    searches=True,
)
