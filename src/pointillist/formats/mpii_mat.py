"""The original annotation file of MPII Human Pose: ``mpii_human_pose_v1_u12_1.mat``.

One struct ``RELEASE``: ``annolist(n).image.name``, ``annolist(n).vididx`` and, for each person m,
``annolist(n).annorect(m)`` with the head box ``x1 y1 x2 y2``, ``scale``, ``objpos`` and
``annopoints.point`` (``id`` from 0, ``x``, ``y``, ``is_visible``). Test images and some people
have no ``annopoints``: they are unlabelled. ``is_visible`` 0 is a hidden joint; it is empty for
the two ends of the head, which count as visible.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pointillist.dataset import HIDDEN, NOT_ANNOTATED, VISIBLE, Box, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.formats.base import check_finite, located, with_box_from_points
from pointillist.formats.locate import clean_name, find_image_root
from pointillist.formats.mat import MATLAB_SHIFT, read_mat
from pointillist.formats.moved import find_some_images
from pointillist.formats.mpii import SKELETON, corners_to_box, square_box


def read_release(path: Path, below: Path | None = None) -> Dataset:
    """Reads the ``.mat`` file.

    Raises:
        DataError: the file is broken, of another layout, or an annotated joint is no number.
    """
    release = read_mat(path, "RELEASE", struct_as_record=False, squeeze_me=True)
    annolist = _structs(_field(release, "annolist"))
    if not annolist:
        raise DataError("'RELEASE.annolist' is missing or empty", where=path)
    images = []
    for number, entry in enumerate(annolist, start=1):
        with located(path, f"annolist {number}"):
            name = _field(_field(entry, "image"), "name")
            if not isinstance(name, str) or not name:
                raise DataError("the entry has no image name")
            image = Image(clean_name(name), id=number)
        video = _number(_field(entry, "vididx"))
        image.group = None if video is None else f"{video:g}"
        for m, person in enumerate(_structs(_field(entry, "annorect")), start=1):
            with located(path, f"annolist {number}, annorect {m}"):
                box = _read_box(person)
                instance = _read_person(person, box)
            if instance is not None:
                image.instances.append(instance)
            elif box is not None:
                image.boxes.append(box)
        images.append(image)
    root, lost = find_image_root(path.parent, [image.path for image in images])
    dataset = Dataset(SKELETON, images, root=root, name=path.stem)
    return find_some_images(dataset, path.parent, below, lost)


def _read_box(person: Any) -> Box | None:
    place = _field(person, "objpos")
    x, y, scale = (
        _number(value)
        for value in (_field(place, "x"), _field(place, "y"), _field(person, "scale"))
    )
    if x is None or y is None or scale is None:
        return None
    return square_box(np.array([x, y]), scale)


def _read_person(person: Any, box: Box | None) -> Instance | None:
    joints = _structs(_field(_field(person, "annopoints"), "point"))
    if not joints:
        return None
    count = len(SKELETON)
    points = np.full((count, 2), np.nan)
    visibility = np.full(count, NOT_ANNOTATED)
    for joint in joints:
        number, x, y = (_number(_field(joint, key)) for key in ("id", "x", "y"))
        if number is None or number not in range(count):
            raise DataError(f"a joint has the id {number}; MPII has 0 to {count - 1}")
        k = int(number)
        if visibility[k] != NOT_ANNOTATED:
            raise DataError(f"joint {k} ('{SKELETON.keypoints[k]}') is there twice")
        points[k] = [np.nan if v is None else v for v in (x, y)]
        visibility[k] = HIDDEN if _number(_field(joint, "is_visible")) == 0 else VISIBLE
    check_finite(points, visibility > 0, SKELETON)
    instance = Instance(points + MATLAB_SHIFT, visibility, box=box)
    corners = [_number(_field(person, key)) for key in ("x1", "y1", "x2", "y2")]
    if None not in corners:
        instance.head_box = corners_to_box(np.array(corners, dtype=np.float64))
    return instance if box is not None else with_box_from_points(instance)


def _field(struct: Any, name: str) -> Any:
    """A field of a MATLAB struct; none where there is no struct or no such field."""
    return getattr(struct, name, None) if hasattr(struct, "_fieldnames") else None


def _structs(value: Any) -> list[Any]:
    """A MATLAB struct array as a list: scipy gives one struct, an array, or an empty array."""
    if hasattr(value, "_fieldnames"):
        return [value]
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [item for item in value.ravel() if hasattr(item, "_fieldnames")]
    return []


def _number(value: Any) -> float | None:
    """A MATLAB scalar, which may be text (``'1'``); none where it is empty."""
    if value is None or np.size(value) == 0 or (isinstance(value, str) and not value):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DataError(f"{value!r} is no number") from None
