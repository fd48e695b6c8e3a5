"""Reading and writing data sets. ``open_dataset`` finds out which layout a path has.

Adding a format: one file with a ``FORMAT``, and its line in ``_MODULES``.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from pointillist.dataset import Dataset
from pointillist.errors import DataError, did_you_mean
from pointillist.formats.base import Format
from pointillist.formats.moved import find_images

#: Module of every format, in the order in which detection asks them: the most particular first,
#: the plain folder of images last.
_MODULES = {
    "lsp": "lsp",
    "cub": "cub",
    "mpii": "mpii",
    "deeplabcut": "deeplabcut",
    "lightning-pose": "lightning_pose",
    "sleap": "sleap",
    "nwb": "nwb",
    "yolo": "yolo",
    "cvat": "cvat",
    "label-studio": "label_studio",
    "coco": "coco",
    "folder": "folder",
}


def format_names() -> list[str]:
    """The names of all formats."""
    return list(_MODULES)


def get_format(name: str) -> Format:
    """A format by name; an unknown name gets the nearest known one."""
    if name not in _MODULES:
        raise DataError(f"there is no format '{name}'", do=did_you_mean(name, _MODULES))
    module = import_module(f"pointillist.formats.{_MODULES[name]}")
    chosen: Format = module.FORMAT
    return chosen


def detect_format(path: str | Path) -> Format:
    """The first format that recognises a path."""
    path = Path(path)
    if not path.exists():
        raise DataError("there is no such file or folder", where=path)
    for name in _MODULES:
        candidate = get_format(name)
        if candidate.detect(path):
            return candidate
    raise DataError(
        "this is no layout that pointillist knows",
        where=path,
        do=f"Known are: {', '.join(_MODULES)}; name one with --format to insist.",
    )


def open_dataset(
    path: str | Path, format: str | None = None, *, images: str | Path | None = None
) -> Dataset:
    """Opens a data set, whatever its layout.

    Args:
        path: file or folder.
        format: name of the layout; none: found out.
        images: folder below which files that are not where the data says are looked for by name.

    Raises:
        DataError: nothing is there, the layout is unknown, or the content is broken.
    """
    path = Path(path)
    chosen = detect_format(path) if format is None else get_format(format)
    if not path.exists():
        raise DataError("there is no such file or folder", where=path)
    below = None if images is None else Path(images)
    if below is not None and not below.is_dir():
        raise DataError("there is no such folder to look for images in", where=below)
    if chosen.searches:
        return chosen.read(path, below)
    dataset = chosen.read(path)
    return dataset if below is None else find_images(dataset, below)


def save_dataset(dataset: Dataset, path: str | Path, format: str = "coco") -> list[str]:
    """Writes a data set in a layout; returns what that layout could not keep, one line each."""
    chosen = get_format(format)
    if chosen.write is None:
        raise DataError(f"format '{format}' can only be read")
    return chosen.write(dataset, Path(path))
