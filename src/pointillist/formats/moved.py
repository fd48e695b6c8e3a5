"""Images that are not where an annotation file says: looked for by name below a folder."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from pointillist.dataset import Dataset
from pointillist.errors import DataError
from pointillist.formats.base import summary
from pointillist.formats.locate import clean_name


class ImagesMissingError(DataError):
    """Not one image of a data set is there. ``dataset`` is what the annotation file says."""

    def __init__(self, dataset: Dataset, what: str, do: str) -> None:
        super().__init__(what, where=dataset.root, do=do)
        self.dataset = dataset


def find_images(dataset: Dataset, root: str | Path) -> Dataset:
    """The data set with its missing files (images, and videos of frames) looked for by name.

    Among several files of one name the one whose folders agree best with the recorded path is
    taken. Where two agree equally well, none is, and that is reported.

    Args:
        dataset: a data set, some of whose files may not be where it says.
        root: folder to search, with all below it.

    Returns:
        the data set; its problems say what was found where, and what was not.

    Raises:
        ImagesMissingError: not one of the files is there, nor anywhere below ``root``.
    """
    root = Path(root)
    paths = dict.fromkeys(image.path for image in dataset)
    missing = [path for path in paths if not (dataset.root / clean_name(path)).is_file()]
    if not missing:
        return dataset
    files = _files_below(root, {Path(clean_name(path)).name.lower() for path in missing})
    found: dict[str, str] = {}
    torn: list[str] = []
    lost: list[str] = []
    for path in missing:
        best = _best(clean_name(path), files)
        if len(best) == 1:
            found[path] = _seen_from(dataset.root, best[0])
        elif best:
            torn.append(f"{path} ({len(best)} files fit, such as {best[0]} and {best[1]})")
        else:
            lost.append(path)
    if len(found) == 0 and len(missing) == len(paths):
        raise ImagesMissingError(
            dataset,
            f"none of the {len(missing)} images or videos is where the annotations say, nor "
            f"anywhere below {root}: "
            f"{summary(torn, 'are there several times') if torn else lost[0]}",
            "Put them back, or give the folder that holds them.",
        )
    problems = list(dataset.problems)
    if found:
        moves = [f"{path} -> {place}" for path, place in found.items()]
        problems.append(summary(moves, f"files have moved and were found by name below {root}"))
    if torn:
        problems.append(summary(torn, f"files have moved and cannot be told apart below {root}"))
    if lost:
        problems.append(summary(lost, f"files are missing, also below {root}"))
    images = [replace(image, path=found.get(image.path, image.path)) for image in dataset]
    return replace(dataset, images=images, problems=problems)


def _files_below(root: Path, names: set[str]) -> dict[str, list[Path]]:
    files = defaultdict(list)
    for folder, _, here in os.walk(root):
        for name in here:
            if name.lower() in names:
                files[name.lower()].append(Path(folder, name))
    return files


def _best(path: str, files: dict[str, list[Path]]) -> list[Path]:
    """Those files of the path's name that share most of its last folders."""
    wanted = path.lower().split("/")
    shared = {}
    for file in files.get(wanted[-1], []):
        parts = file.as_posix().lower().split("/")
        pairs = zip(reversed(wanted), reversed(parts), strict=False)
        shared[file] = next((n for n, (a, b) in enumerate(pairs) if a != b), len(wanted))
    most = max(shared.values(), default=0)
    return sorted(file for file, count in shared.items() if count == most)


def _seen_from(root: Path, file: Path) -> str:
    try:
        return file.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return file.resolve().as_posix()
