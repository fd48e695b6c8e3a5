"""A plain folder of images, and image files by name: no annotation, no skeleton."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.formats.base import Format
from pointillist.images import IMAGE_SUFFIXES, list_images
from pointillist.media import is_video


def detect(path: Path) -> bool:
    """Any folder; whether it has images is for :func:`read` to say."""
    return path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES


def read(path: Path) -> Dataset:
    """All images of a folder and its subfolders, in natural order, or one image file."""
    if path.is_file():
        return read_files([path])
    names = list_images(path)
    if not names:
        videos = any(is_video(file) for file in path.iterdir())
        raise DataError(
            "there is no image in this folder, and no annotation file that pointillist knows",
            where=path,
            do="Name its videos one by one: predict and train --unlabeled take them."
            if videos
            else f"Image files end in {', '.join(sorted(IMAGE_SUFFIXES))}.",
        )
    images = [Image(name, id=i) for i, name in enumerate(names, start=1)]
    return Dataset(None, images, root=path, name=path.resolve().name)


def read_files(paths: Iterable[str | Path]) -> Dataset:
    """Image files by name, in the given order. They are not opened, only looked for.

    Raises:
        DataError: no path is given, or one does not exist.
    """
    files = [Path(path).absolute() for path in paths]
    if not files:
        raise DataError("no image is given")
    for file in files:
        if not file.is_file():
            raise DataError("there is no such image file", where=file)
    images = [Image(file.as_posix(), id=i) for i, file in enumerate(files, start=1)]
    return Dataset(None, images, root=files[0].parent, name=files[0].parent.name)


FORMAT = Format(
    name="folder",
    title="Plain folder of images",
    detect=detect,
    read=read,
)
