"""What tells images apart, whatever folder their paths start from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pointillist.dataset import Image

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
