"""Images with the predicted points drawn, one file for each."""

from __future__ import annotations

from pathlib import Path

import cv2

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.files import whole_file
from pointillist.images import JPEG_QUALITY
from pointillist.report.draw import draw_points
from pointillist.samples import read_pixels


def write_overlays(predicted: Dataset, folder: Path) -> list[str]:
    """Draws every predicted image; returns one line for each that could not be read.

    Files keep the place that they have below the data set's root; two that would collide are
    numbered. They are JPEG or PNG, as the image is.
    """
    if predicted.skeleton is None:
        return []
    problems = []
    taken: set[str] = set()
    for image in predicted.images:
        if not image.instances:
            continue
        try:
            pixels = read_pixels(predicted, image)
        except DataError as error:
            problems.append(str(error))
            continue
        drawn = draw_points(pixels, image.instances, predicted.skeleton)
        target = _free(folder / _place(predicted, image), taken)
        bgr = cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR)
        # Encoded first: OpenCV cannot write to every path that Windows allows.
        _, data = cv2.imencode(target.suffix, bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        with whole_file(target) as file:
            file.write_bytes(data.tobytes())
    return problems


def _place(dataset: Dataset, image: Image) -> Path:
    path = Path(image.path)
    if path.is_absolute():
        root = Path(dataset.root).resolve()
        path = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    if ".." in path.parts:
        path = Path(path.name)
    if image.frame is not None:
        return path.with_name(f"{path.stem}-{image.frame:06d}.jpg")
    return path if path.suffix.lower() in {".jpg", ".jpeg", ".png"} else path.with_suffix(".png")


def _free(path: Path, taken: set[str]) -> Path:
    """The path, or with a number if another image has it, on systems that ignore case too."""
    number, free = 2, path
    while str(free).lower() in taken:
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    taken.add(str(free).lower())
    return free
