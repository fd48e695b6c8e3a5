"""What tells images apart, whatever folder their paths start from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pointillist.dataset import Image
from pointillist.errors import DataError
from pointillist.formats import open_dataset

#: Absolute path of an image's file, and the frame if that is a video.
Key = tuple[str, int | None]


def keys_of(root: Path, images: Iterable[Image]) -> list[Key]:
    """A key for each image, the same for the same image of another data set.

    Args:
        root: folder that relative paths start from.
        images: in order.
    """
    start = root.resolve()
    return [(os.path.normpath(start / image.path), image.frame) for image in images]


def keys_in(file: Path) -> set[Key] | None:
    """Keys of the images in a part of a run's split; none if it is gone, or they have moved."""
    try:
        part = open_dataset(file, "coco")
    except DataError:
        return None
    return set(keys_of(part.root, part))
