"""Putting a data set's images where a layout wants them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pointillist.dataset import Dataset, Image
from pointillist.files import whole_file
from pointillist.images import copy_image


def place_image(dataset: Dataset, image: Image, target: Path) -> None:
    """Copies an image to ``target``; a video's frame is written there as PNG.

    Raises:
        DataError: the image or frame cannot be read.
    """
    if image.frame is None:
        copy_image(dataset.file(image), target)
        return
    import cv2

    from pointillist.video_frames import read_frame

    pixels = cv2.cvtColor(read_frame(dataset.file(image), image.frame), cv2.COLOR_RGB2BGR)
    with whole_file(target) as temporary:
        temporary.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def placed_names(images: Sequence[Image]) -> list[str]:
    """A file name for each image: its own, or ``img000123.png`` for a frame.

    No two are equal, not even but for their ending: label files are often named by the rest.
    Where they would be, the later one gets the folder's name in front, or a number.
    """
    taken: set[str] = set()
    names = []
    for image in images:
        path = Path(image.path)
        name = path.name if image.frame is None else f"img{image.frame:06d}.png"
        owner = path.parent.name if image.frame is None else path.stem
        tries = [name, f"{owner}-{name}", *(f"{owner}-{n}-{name}" for n in range(2, 1000))]
        # Lower case: there are file systems that do not tell A.png from a.png.
        names.append(next(t for t in tries if Path(t).stem.lower() not in taken))
        taken.add(Path(names[-1]).stem.lower())
    return names


def folder_name(group: str | None, default: str) -> str:
    """A group's name as one folder that every file system takes."""
    return re.sub(r'[<>:"/\\|?*\s]+', "_", group or default).strip("._") or default
