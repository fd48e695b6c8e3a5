"""What a format is: one on-disk layout, with a way in and, where there is one, a way out.

Beside it, what several layouts share: errors that say where, and points and boxes from numbers.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.dataset import NOT_ANNOTATED, VISIBLE, Box, Dataset, Instance
from pointillist.errors import DataError
from pointillist.skeleton import Skeleton


@dataclass(frozen=True)
class Format:
    """One on-disk layout.

    Args:
        name: what the command line calls it.
        title: what people call it.
        detect: whether a path (file or folder) looks like this layout; cheap, never raises.
        read: path -> Dataset, with points in this project's convention; raises DataError. With
            ``searches`` it takes a second argument: a folder below which to look for files that
            moved, or none.
        write: (dataset, path) -> what could not be kept, one line each; none: read only.
        loses: what a round trip loses, in words, for docs/formats.md; empty: nothing.
        not_read: what reading leaves out or takes otherwise than the tool does, for the same page.
        needs: what must be installed besides the package, as pip takes it; empty: nothing.
        own_images: whether ``write`` copies the images too, because the layout dictates where
            they lie; otherwise the annotations say where they are.
        searches: whether files that moved are looked for by name, below the data's folder too.
    """

    name: str
    title: str
    detect: Callable[[Path], bool]
    read: Callable[..., Dataset]
    write: Callable[[Dataset, Path], list[str]] | None = None
    loses: str = ""
    own_images: bool = False
    not_read: str = ""
    needs: str = ""
    searches: bool = False


@contextlib.contextmanager
def located(where: str | Path, row: int | str | None = None) -> Iterator[None]:
    """Gives a DataError that says nothing of its place the file and row it arose in."""
    try:
        yield
    except DataError as error:
        if error.where is not None and error.row is not None:
            raise
        place = where if error.where is None else error.where
        raise DataError(error.what, where=place, row=error.row or row, do=error.do) from None


def summary(items: Sequence[object], one: str, many: str = "", limit: int = 3) -> str:
    """``3 images have no file: a, b, c``; of a long list the count and the first few.

    Args:
        items: what is counted.
        one: what is said of a single one (``image has no file``).
        many: of several; the same if it is not given.
        limit: how many are named.
    """
    what = many if many and len(items) != 1 else one
    shown = ", ".join(str(item) for item in items[:limit])
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return f"{len(items)} {what}: {shown}{more}"


def read_keypoints(values: Any, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """``[x, y, v] * K`` as COCO has it -> points (K, 2) and visibility (K,).

    Raises:
        DataError: not 3 K numbers, a v other than 0, 1, 2, or an annotated point that is NaN or
            infinite.
    """
    numbers = read_numbers(values, "keypoints")
    if numbers.size != 3 * len(skeleton):
        raise DataError(
            f"{numbers.size} numbers for keypoints; {len(skeleton)} keypoints need "
            f"{3 * len(skeleton)} (x, y, v each)"
        )
    triples = numbers.reshape(-1, 3)
    points, visibility = triples[:, :2], triples[:, 2]
    odd = (visibility != 0) & (visibility != 1) & (visibility != 2)
    if odd.any():
        k = int(odd.argmax())
        raise DataError(
            f"keypoint '{skeleton.keypoints[k]}' has visibility {visibility[k]:g}; "
            "known are 0 (not annotated), 1 (hidden) and 2 (visible)"
        )
    check_finite(points, visibility > 0, skeleton)
    return points, visibility


def check_finite(points: np.ndarray, annotated: np.ndarray, skeleton: Skeleton) -> None:
    """Raises DataError, with the keypoint's name, if an annotated point is NaN or infinite."""
    bad = annotated & ~np.isfinite(points).all(axis=1)
    if bad.any():
        k = int(bad.argmax())
        x, y = points[k]
        raise DataError(
            f"keypoint '{skeleton.keypoints[k]}' is annotated at ({x:g}, {y:g}), which is no place"
        )


def read_numbers(values: Any, what: str) -> np.ndarray:
    """A flat list of numbers -> (N,) float64; anything else is a DataError."""
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"'{what}' is not a list of numbers") from None
    if numbers.ndim != 1:
        raise DataError(f"'{what}' is not a flat list of numbers")
    return numbers


def read_box(values: Any, what: str = "bbox") -> Box:
    """``[x, y, width, height]`` -> Box; four finite numbers or a DataError."""
    # Plain floats: numpy takes five times as long for four numbers.
    try:
        x, y, width, height = map(float, () if isinstance(values, str) else values)
    except (TypeError, ValueError):
        x = y = width = height = math.nan
    if not math.isfinite(x + y + width + height):
        raise DataError(f"'{what}' must be four finite numbers: x, y, width, height")
    return (x, y, width, height)


def with_box_from_points(instance: Instance) -> Instance:
    """Gives an instance the extent of its points as its box, marked as such."""
    instance.box = instance.extent()
    instance.box_from_points = instance.box is not None
    return instance


def blank_instance(skeleton: Skeleton, box: Box | None = None) -> Instance:
    """An instance of which no point is annotated."""
    count = len(skeleton)
    return Instance(np.full((count, 2), np.nan), np.full(count, NOT_ANNOTATED), box=box)


def flags_to_visibility(flags: np.ndarray) -> np.ndarray:
    """0/1 flags that say 'annotated' -> visibility, which then is 'visible' for all we know."""
    return np.where(flags > 0, VISIBLE, NOT_ANNOTATED)


def only_names(skeleton: Skeleton | None, names: Sequence[str], title: str) -> list[int]:
    """Where a layout's fixed keypoints stand in a skeleton, in the layout's order.

    Raises:
        DataError: the skeleton does not have exactly these keypoints.
    """
    have = () if skeleton is None else skeleton.keypoints
    if skeleton is None or set(have) != set(names):
        missing = [name for name in names if name not in have] or "none"
        extra = [name for name in have if name not in names] or "none"
        raise DataError(
            f"{title} holds exactly {len(names)} keypoints; this data set lacks {missing} and has "
            f"besides {extra}",
            do="Write it as COCO, which holds any skeleton.",
        )
    return [skeleton.index(name) for name in names]


def no_frames(dataset: Dataset, title: str) -> None:
    """Raises DataError if images are frames of videos: a layout of image files cannot hold them."""
    if any(image.frame is not None for image in dataset):
        raise DataError(
            f"{title} holds image files; this data set has frames of videos",
            where=dataset.root,
            do="Write it as COCO, which can name frames.",
        )
