"""Leeds Sports Pose and its extended training set: ``joints.mat`` beside ``images/``.

The two differ. LSP extended (14, 3, N): the third value says that a joint is annotated; where it
is 0 the coordinates are junk. The original LSP (3, 14, 2000): every joint is annotated, and the
third value says that it is occluded. Both count pixels from 1, as MATLAB does. There are no
boxes: an instance's box is the extent of its annotated joints.

Johnson and Everingham, Clustered pose and nonlinear appearance models, BMVC 2010; Learning
effective human pose estimation from inaccurate annotation, CVPR 2011.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pointillist.dataset import HIDDEN, VISIBLE, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.files import whole_file
from pointillist.formats.base import (
    Format,
    check_finite,
    flags_to_visibility,
    located,
    no_frames,
    only_names,
    summary,
    with_box_from_points,
)
from pointillist.formats.mat import MATLAB_SHIFT, read_mat
from pointillist.images import copy_image, list_images
from pointillist.skeleton import Skeleton, find_flip_pairs

JOINTS = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
    "neck", "head_top",
)  # fmt: skip

SKELETON = Skeleton(
    JOINTS,
    edges=(
        (0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (6, 7), (7, 8), (9, 10), (10, 11),
        (8, 12), (9, 12), (12, 13), (2, 8), (3, 9),
    ),
    flip_pairs=find_flip_pairs(JOINTS),
    name="person",
    head=(12, 13),
    torso=(8, 3),
)  # fmt: skip


def detect(path: Path) -> bool:
    """A ``joints.mat``, or a folder with one."""
    return path.name == "joints.mat" or (path / "joints.mat").is_file()


def read(path: Path) -> Dataset:
    """Reads ``joints.mat`` and finds its images, row k being the image of number k.

    Raises:
        DataError: the file is broken, of another shape, has a flag other than 0 and 1, or an
            annotated joint that is NaN or infinite.
    """
    file = path / "joints.mat" if path.is_dir() else path
    joints, occlusion = _read_joints(file)
    root = file.parent
    names, problems, extra = _match_images(root, len(joints), digits=4 if occlusion else 5)
    images = []
    for row, (triples, name) in enumerate(zip(joints, names, strict=True), start=1):
        points, flags = triples[:, :2] + MATLAB_SHIFT, triples[:, 2]
        with located(file, row):
            if not np.isin(flags, (0, 1)).all():
                raise DataError(
                    f"a joint's flag is {flags[~np.isin(flags, (0, 1))][0]:g}, not 0 or 1"
                )
            annotated = np.ones(len(flags), dtype=bool) if occlusion else flags > 0
            check_finite(points, annotated, SKELETON)
        visibility = (
            np.where(flags > 0, HIDDEN, VISIBLE) if occlusion else flags_to_visibility(flags)
        )
        people = [with_box_from_points(Instance(points, visibility))] if annotated.any() else []
        images.append(Image(name, instances=people, id=row))
    images += [Image(name, id=len(images) + i) for i, name in enumerate(extra, start=1)]
    return Dataset(SKELETON, images, root=root, name=root.resolve().name, problems=problems)


def write(dataset: Dataset, path: Path) -> list[str]:
    """Writes the layout of LSP extended: ``images/imNNNNN.jpg`` (copied) and ``joints.mat``.

    Each instance becomes a row with an image of its own, because the layout holds one person per
    image. ``joints.mat`` comes last: a broken-off conversion does not look like a data set.

    Raises:
        DataError: the skeleton is not LSP's, the data set has frames of videos, or an image cannot
            be read.
    """
    from scipy.io import savemat

    order = only_names(dataset.skeleton, JOINTS, "LSP")
    no_frames(dataset, "LSP")
    rows: list[np.ndarray] = []
    notes: list[str] = []
    encoded = several = hidden = boxes = 0
    for image in dataset:
        several += len(image.instances) > 1
        people: list[Instance | None] = [*image.instances] or [None]
        for instance in people:
            row = np.zeros((len(JOINTS), 3))
            if instance is not None:
                annotated = instance.annotated[order]
                row[annotated, :2] = instance.points[order][annotated] - MATLAB_SHIFT
                row[:, 2] = annotated
                hidden += int((instance.visibility == HIDDEN).sum())
                boxes += instance.box is not None and not instance.box_from_points
            rows.append(row)
            target = path / "images" / f"im{len(rows):05d}.jpg"
            encoded += copy_image(dataset.file(image), target)
    with whole_file(path / "joints.mat") as temporary:
        savemat(temporary, {"joints": np.stack(rows, axis=-1)}, do_compression=True)
    if several:
        notes.append(f"{several} images with several people are there once for each person")
    if hidden:
        notes.append(
            f"{hidden} hidden joints count as any other: LSP extended cannot tell them apart"
        )
    if boxes:
        notes.append(f"{boxes} boxes were left out: LSP has none")
    if encoded:
        notes.append(f"{encoded} images were encoded again as JPEG")
    return notes


def _read_joints(file: Path) -> tuple[np.ndarray, bool]:
    """(N, 14, 3) x, y, flag; and whether the flag says 'occluded' rather than 'annotated'."""
    joints = read_mat(file, "joints")
    if not isinstance(joints, np.ndarray) or joints.dtype.kind not in "fiub":
        raise DataError("'joints' is not an array of numbers", where=file)
    if joints.ndim == 2:
        joints = joints[:, :, None]  # MATLAB drops the last axis of a single image
    count = len(JOINTS)
    if joints.ndim != 3 or joints.shape[:2] not in ((count, 3), (3, count)):
        raise DataError(
            f"'joints' has the shape {joints.shape}; LSP has (3, {count}, N), LSP extended "
            f"({count}, 3, N)",
            where=file,
        )
    if joints.shape[2] == 0:
        raise DataError("'joints' is empty: there is no image in this set", where=file)
    occlusion = joints.shape[0] == 3
    axes = (2, 1, 0) if occlusion else (2, 0, 1)
    return joints.astype(np.float64).transpose(axes), occlusion


def _match_images(root: Path, count: int, digits: int) -> tuple[list[str], list[str], list[str]]:
    """Image name of each row; what does not match; images without a row (taken as unlabelled)."""
    folder = "images/" if (root / "images").is_dir() else ""
    by_number: dict[int, str] = {}
    extra = []
    for name in list_images(root / folder):
        match = re.search(r"(\d+)\.[^.]+$", name)
        number = int(match[1]) if match else 0
        if 1 <= number <= count and number not in by_number:
            by_number[number] = folder + name
        else:
            extra.append(folder + name)
    missing = [row for row in range(1, count + 1) if row not in by_number]
    names = [by_number.get(row, f"{folder}im{row:0{digits}d}.jpg") for row in range(1, count + 1)]
    problems = []
    if missing:
        problems.append(
            summary(
                missing,
                "row of joints.mat has no image, row",
                "rows of joints.mat have no image, rows",
            )
        )
    if extra:
        problems.append(
            summary(
                extra,
                "image has no row in joints.mat and counts as unlabelled",
                "images have no row in joints.mat and count as unlabelled",
            )
        )
    return names, problems, extra


FORMAT = Format(
    name="lsp",
    title="Leeds Sports Pose (original and extended)",
    detect=detect,
    read=read,
    write=write,
    loses="boxes, the difference between hidden and visible, file names, all but the 14 joints",
    own_images=True,
)
