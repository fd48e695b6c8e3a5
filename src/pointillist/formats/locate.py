"""Where the images of an annotation file lie, and how an annotation file names them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from pointillist.dataset import Dataset

_SPLITS = ("train2017", "val2017", "test2017", "train", "val", "test")
_SUBFOLDERS = ("", "images", "data", *_SPLITS, *(f"images/{split}" for split in _SPLITS))


def clean_name(name: str) -> str:
    """A file name as written on any system, with ``/`` between folders."""
    return name.replace("\\", "/")


def free_name(name: str, taken: set[str]) -> str:
    """The name, with a number at its end where it is taken; it then is too.

    Case does not tell two names apart: there are file systems that do not.
    """
    path, free, count = PurePosixPath(name), name, 1
    while free.lower() in taken:
        count += 1
        free = path.with_name(f"{path.stem}_{count}{path.suffix}").as_posix()
    taken.add(free.lower())
    return free


def find_image_root(folder: Path, names: Sequence[str]) -> tuple[Path, list[str]]:
    """The folder that the file names of an annotation file start from.

    Looked at are the annotation file's own folder, the one above, and the usual subfolders of
    both. A sample of the names decides: checking 100,000 files would cost more than reading them.

    Args:
        folder: where the annotation file lies.
        names: its file names, with ``/`` between folders.

    Returns:
        the folder, and a line that says where was looked if no image was found.
    """
    relative = [name for name in names if not is_absolute(name)]
    if not relative:
        return folder, []
    sample = relative[:: max(1, len(relative) // 16)]
    candidates = [base / sub for base in (folder, folder.parent) for sub in _SUBFOLDERS]
    folders = [candidate for candidate in candidates if candidate.is_dir()]
    found = [sum((candidate / name).is_file() for name in sample) for candidate in folders]
    if not any(found):
        looked = ", ".join(str(candidate) for candidate in folders)
        return folder, [f"no image was found (such as {sample[0]}); looked in {looked}"]
    return folders[found.index(max(found))], []


def is_absolute(name: str) -> bool:
    """Whether a file name is absolute here or on Windows."""
    return Path(name).is_absolute() or PureWindowsPath(name).is_absolute()


def names_from(dataset: Dataset, folder: Path) -> list[str]:
    """The name of each image file as seen from the folder of an annotation file.

    Relative wherever the two share more than the root of the file system, so that a project can
    be moved as a whole; absolute otherwise.
    """
    folder = folder.resolve()
    # Only the roots are resolved: `..` must not climb out of a symbolic link, while links among
    # the images are the user's own.
    root = dataset.root.resolve()
    return [_name_from(root, image.path, folder) for image in dataset.images]


def _name_from(root: Path, name: str, folder: Path) -> str:
    # Plain strings: pathlib takes ten times as long, and there may be a hundred thousand names.
    path = name if is_absolute(name) else f"{root.as_posix()}/{clean_name(name)}"
    path = path.replace(os.sep, "/")
    start = folder.as_posix().rstrip("/") + "/"
    if path.startswith(start):
        return path[len(start) :]
    anchor = len(Path(path).anchor)
    if path[:anchor] != folder.anchor.replace(os.sep, "/"):
        return path
    if path[anchor:].split("/", 1)[0] != folder.as_posix()[anchor:].split("/", 1)[0]:
        return path
    return os.path.relpath(path, folder).replace(os.sep, "/")
