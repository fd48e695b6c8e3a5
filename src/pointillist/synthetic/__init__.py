"""The built-in data: articulated four-legged creatures, drawn from a seed, with exact points.

For demonstrations and tests: it needs no download, and what a figure rests on is known. A creature
is posed in three dimensions (``anatomy``), projected and painted part over part, which also says
what is hidden (``drawing``), and given a coat, light and surroundings (``scene``).
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import ConfigError, DataError
from pointillist.formats import save_dataset
from pointillist.synthetic.anatomy import SKELETON, Body, sample_body
from pointillist.synthetic.drawing import (
    BACKGROUND,
    SUPERSAMPLING,
    Camera,
    outline,
    piece_map,
    sample_camera,
    visibility,
)
from pointillist.synthetic.scene import paint_front, paint_picture

__all__ = ["SKELETON", "draw_creature", "make_dataset"]

_SMALLEST = 32  # pixels; below that a leg is thinner than a pixel
_JPEG_QUALITY = 92


def draw_creature(seed: int, size: tuple[int, int] = (128, 128)) -> tuple[np.ndarray, Instance]:
    """Draws one creature.

    Args:
        seed: not negative; the same seed and size give the same picture and points.
        size: width and height in pixels.

    Returns:
        (H, W, 3) uint8 RGB, and the instance: points, visibility (outside the picture: not
        annotated), the tight box and the area of the creature's silhouette in the picture.

    Raises:
        ConfigError: the picture is too small, or the seed negative.
    """
    if min(size) < _SMALLEST:
        raise ConfigError(
            f"a size of {size[0]}x{size[1]} is too small: {_SMALLEST} pixels at least"
        )
    if seed < 0:
        raise ConfigError(f"the seed is {seed}: it must not be negative")
    rng = np.random.default_rng(seed)
    body = sample_body(rng)
    camera = sample_camera(rng, body, size)
    flat = outline(body, camera)
    pieces = piece_map(flat, size)
    box, area = _silhouette(pieces)
    paint_front(rng, pieces, size)
    points = camera.project(body.points)[0]
    seen = visibility(points, pieces, flat, body)
    picture = paint_picture(rng, pieces, flat, body, _shadow(body, camera), size)
    return picture, Instance(points=points, visibility=seen, box=box, area=area)


def _silhouette(pieces: np.ndarray) -> tuple[tuple[float, float, float, float], float]:
    """Tight box and area of everything that is not background, in pixels."""
    x, y, width, height = cv2.boundingRect((pieces != BACKGROUND).astype(np.uint8))
    box = (
        x / SUPERSAMPLING, y / SUPERSAMPLING, width / SUPERSAMPLING, height / SUPERSAMPLING
    )  # fmt: skip
    return box, cv2.countNonZero(pieces) / SUPERSAMPLING**2


def _shadow(body: Body, camera: Camera) -> np.ndarray:
    """(V, 2) outline, in pixels, of a round shadow on the ground that the lowest point touches."""
    turn = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    ground = np.full(len(turn), body.points[:, 2].min())
    return camera.project(np.stack((0.75 * np.cos(turn), 0.35 * np.sin(turn), ground), axis=1))[0]


def make_dataset(
    folder: Path,
    count: int,
    seed: int = 0,
    size: tuple[int, int] = (128, 128),
    labeled: int | None = None,
) -> Dataset:
    """Writes a data set of creatures: ``images/000000.jpg`` and so on, and ``annotations.json``.

    Args:
        folder: a new or an empty folder.
        count: how many images.
        seed: image i depends on the seed and i alone.
        size: width and height of every image, in pixels.
        labeled: how many of the images, the first ones, are annotated; none: all of them.

    Returns:
        What was written, as :func:`pointillist.formats.open_dataset` would read it.

    Raises:
        ConfigError: ``count`` or ``labeled`` does not fit.
        DataError: the folder holds something already.
    """
    labeled = count if labeled is None else labeled
    if count < 1 or not 0 <= labeled <= count:
        raise ConfigError(f"{labeled} labelled of {count} images cannot be made")
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError("this is not an empty folder", where=folder, do="Name a new one.")
    (folder / "images").mkdir(parents=True)
    images = []
    for i in range(count):
        own_seed = int(np.random.SeedSequence((seed, i)).generate_state(1, np.uint64)[0])
        picture, instance = draw_creature(own_seed, size)
        path = f"images/{i:06d}.jpg"
        quality = (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY)
        _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
        # Not one by one through files.whole_file, which waits for the disk each time: the
        # annotations are written last, and without them this is no data set.
        (folder / path).write_bytes(encoded.tobytes())
        image = Image(path, width=size[0], height=size[1], instances=[instance])
        images.append(image if i < labeled else image.without_labels())
    dataset = Dataset(SKELETON, images, root=folder, name="creatures")
    save_dataset(dataset, folder / "annotations.json")
    return dataset
