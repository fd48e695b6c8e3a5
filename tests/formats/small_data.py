"""Small data sets with image files, for the layouts of other tools."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from hypothesis import strategies as st

from pointillist.dataset import HIDDEN, NOT_ANNOTATED, VISIBLE, Dataset, Image, Instance
from pointillist.skeleton import Skeleton

SKELETON = Skeleton(
    ("nose", "left_ear", "right_ear"), edges=((0, 1), (0, 2)), flip_pairs=((1, 2),), name="mouse"
)
SIZE = (64, 48)


def write_image(path: Path, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    assert cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))
    return path


def instance(points: list[tuple[float, float] | None], **more: object) -> Instance:
    xy = [(np.nan, np.nan) if p is None else p for p in points]
    seen = [NOT_ANNOTATED if p is None else VISIBLE for p in points]
    return Instance(np.array(xy), np.array(seen), **more)  # type: ignore[arg-type]


def data_set(folder: Path, images: list[Image]) -> Dataset:
    """A data set in a folder, with a picture written for each image."""
    for image in images:
        write_image(folder / image.path)
        image.width, image.height = SIZE
    return Dataset(SKELETON, images, folder, name="small")


def points_of(dataset: Dataset) -> dict[str, list[np.ndarray]]:
    """Points of each image by its file's name."""
    return {Path(i.path).name: [o.points for o in i.instances] for i in dataset}


coordinates = st.floats(-20, 5000, allow_nan=False, width=32)
point = st.none() | st.tuples(coordinates, coordinates)


@st.composite
def instances(draw: st.DrawFn, hidden: bool = False) -> Instance:
    """An instance of the small skeleton with at least one point."""
    points = draw(st.lists(point, min_size=3, max_size=3).filter(lambda p: p != [None] * 3))
    made = instance(points)
    if hidden:
        flags = draw(st.lists(st.booleans(), min_size=3, max_size=3))
        made.visibility[np.array(flags) & made.annotated] = HIDDEN
    return made
