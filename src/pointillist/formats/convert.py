"""From one layout to another, with the images where the new one wants them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from pointillist.dataset import Dataset
from pointillist.errors import DataError
from pointillist.formats import get_format, save_dataset
from pointillist.formats.base import Format
from pointillist.formats.locate import clean_name, free_name, is_absolute
from pointillist.images import copy_image, with_sizes


def convert_dataset(
    dataset: Dataset, out: str | Path, format: str = "coco", *, copy_images: bool = False
) -> list[str]:
    """Writes a data set in another layout. What is there already is never written over.

    Layouts that dictate where images lie (LSP, CUB, DeepLabCut, ...) get copies of them. The
    others name the images where they are, or with ``copy_images`` in ``images/`` beside the
    annotations. Image sizes are looked up where the data set does not know them.

    Args:
        dataset: as opened.
        out: file or folder to write, as the layout has it.
        format: name of the layout.
        copy_images: copy the images too.

    Returns:
        what could not be kept and what went wrong on the way, one line each.

    Raises:
        DataError: the layout cannot be written or cannot hold the data, an image to copy cannot
            be read, or there is something at ``out`` already.
    """
    out = Path(out)
    chosen = check_target(out, format)
    notes: list[str] = []
    if copy_images and not chosen.own_images:
        dataset = _with_copies(dataset, out.parent if out.suffix else out)
    if format == "coco":
        dataset, notes = with_sizes(dataset)
    return [*notes, *save_dataset(dataset, out, format)]


def check_target(out: Path, format: str) -> Format:
    """The layout of a name, if it can be written at ``out``.

    Raises:
        DataError: it cannot be written, or there is something already.
    """
    chosen = get_format(format)
    if chosen.write is None:
        raise DataError(f"format '{format}' can only be read")
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise DataError(
            "there is something here already, which is not written over",
            where=out,
            do="Name a new file or an empty folder.",
        )
    return chosen


def _with_copies(dataset: Dataset, folder: Path) -> Dataset:
    """Copies the files to ``images/`` in a folder; folders below the data set's root are kept."""
    targets: dict[str, str] = {}
    taken: set[str] = set()
    for path in dict.fromkeys(image.path for image in dataset):
        name = free_name(_inner_name(path), taken)
        target = folder / "images" / name
        if target.exists():
            raise DataError("there is a file here already, which is not written over", where=target)
        copy_image(dataset.root / path, target)
        targets[path] = f"images/{name}"
    images = [replace(image, path=targets[image.path]) for image in dataset]
    return replace(dataset, images=images, root=folder)


def _inner_name(path: str) -> str:
    """A path that stays inside its folder: the file's name alone if it would lead out."""
    parts = PurePosixPath(clean_name(path)).parts
    if is_absolute(path) or ".." in parts:
        return parts[-1]
    inside = parts[1:] if parts[0] == "images" and len(parts) > 1 else parts
    return "/".join(inside)
