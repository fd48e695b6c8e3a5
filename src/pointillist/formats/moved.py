"""Files that are not where an annotation file says: looked for by name below folders."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pointillist.dataset import Dataset
from pointillist.errors import DataError
from pointillist.formats.base import summary
from pointillist.formats.locate import clean_name

#: What DeepLabCut calls folders of copies with the labels drawn in, which must not be learnt from.
_DRAWN = "_labeled"


@dataclass
class Search:
    """What became of recorded paths.

    Args:
        found: recorded path -> the file, and the folder below which it was found.
        torn: recorded paths that several files fit equally well, with two of them in words.
        lost: recorded paths that no file fits.
    """

    found: dict[str, tuple[Path, Path]] = field(default_factory=dict)
    torn: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """What was found below each folder, and what is not clear."""
        moves = defaultdict(list)
        for path, (file, root) in self.found.items():
            moves[root].append(f"{path} -> {_seen_from(root, file)}")
        lines = [
            summary(
                those,
                f"file has moved and was found by name below {root}",
                f"files have moved and were found by name below {root}",
            )
            for root, those in moves.items()
        ]
        if self.torn:
            lines.append(
                summary(
                    self.torn,
                    "file has moved and cannot be told apart from others",
                    "files have moved and cannot be told apart",
                )
            )
        return lines


def search(paths: Iterable[str], roots: Sequence[Path], taken: Iterable[Path] = ()) -> Search:
    """Looks for files by name.

    Among several files of one name the one whose folders agree best with the recorded path is
    taken, and of equals that below the last of the roots. Where two agree equally well, neither
    is; nor is a file that two paths agree with equally well. So ``a/img1.png`` and ``b/img1.png``
    never become the same picture.

    Args:
        paths: as they were recorded.
        roots: folders to search, with all below them.
        taken: files that other paths stand for.
    """
    names = {path: clean_name(path) for path in paths}
    files = _files_below(roots, {_base(name) for name in names.values()}, taken)
    result = Search()
    agreed: dict[str, tuple[Path, int]] = {}
    for path, name in names.items():
        best, shared = _best(name, files[_base(name)])
        if len(best) == 1:
            agreed[path] = (best[0], shared)
        elif best:
            result.torn.append(f"{path} ({len(best)} files fit, such as {best[0]} and {best[1]})")
        else:
            result.lost.append(path)
    closest: dict[Path, int] = defaultdict(int)
    for file, shared in agreed.values():
        closest[file] = max(closest[file], shared)
    claims = Counter(file for file, shared in agreed.values() if shared == closest[file])
    below = {file: root for pairs in files.values() for file, root in pairs}
    for path, (file, shared) in agreed.items():
        if shared < closest[file]:
            result.lost.append(path)
        elif claims[file] > 1:
            result.torn.append(f"{path} ({claims[file]} images fit {file})")
        else:
            result.found[path] = (file, roots[below[file]])
    return result


def find_images(dataset: Dataset, *roots: str | Path | None) -> Dataset:
    """The data set with its missing files (images, and videos of frames) looked for by name.

    Args:
        dataset: a data set, some of whose files may not be where it says.
        roots: folders to :func:`search`; none are passed over.

    Returns:
        the data set; its problems say what was found where, and what was not.

    Raises:
        DataError: not one of the files is there, nor anywhere below the roots.
    """
    folders = [Path(root) for root in roots if root is not None]
    if not folders:  # a hundred thousand files are not looked at for nothing
        return dataset
    paths = dict.fromkeys(image.path for image in dataset)
    here = {path: dataset.root / clean_name(path) for path in paths}
    there = {path: file for path, file in here.items() if file.is_file()}
    missing = [path for path in paths if path not in there]
    if not missing:
        return dataset
    result = search(missing, folders, there.values())
    if not result.found and not there:
        why = summary(result.torn, "cannot be told apart") if result.torn else result.lost[0]
        raise DataError(
            f"none of the {len(missing)} images or videos is where the annotations say, nor "
            f"anywhere below {' or '.join(map(str, folders))}: {why}",
            where=dataset.root,
            do="Put them back, or name the folder that holds them with --images.",
        )
    problems = [*dataset.problems, *result.lines()]
    if result.lost:
        below = " and ".join(map(str, folders))
        problems.append(
            summary(
                result.lost,
                f"file is missing, also below {below}",
                f"files are missing, also below {below}",
            )
        )
    places = {path: _seen_from(dataset.root, file) for path, (file, _) in result.found.items()}
    images = [replace(image, path=places.get(image.path, image.path)) for image in dataset]
    return replace(dataset, images=images, problems=problems)


def find_some_images(
    dataset: Dataset, folder: Path, below: Path | None, lost: list[str]
) -> Dataset:
    """:func:`find_images` for a layout that can be read without its images.

    Args:
        dataset: as the annotations have it.
        folder: where they lie; searched if no image is in the usual places.
        below: another folder to search.
        lost: a line that says so.

    Raises:
        DataError: none is below that other folder.
    """
    try:
        return find_images(dataset, folder if lost else None, below)
    except DataError:
        if below is not None:
            raise
    return replace(dataset, problems=[*lost, *dataset.problems])


def _base(name: str) -> str:
    return name.rsplit("/", 1)[-1].lower()


def _files_below(
    roots: Sequence[Path], names: set[str], taken: Iterable[Path]
) -> defaultdict[str, list[tuple[Path, int]]]:
    """Files by name, each with the position of the last root that it lies below."""
    last: dict[str, tuple[Path, int]] = {}
    for position, root in enumerate(roots):
        for folder, _, here in os.walk(root):
            for name in here:
                if name.lower() in names:
                    file = Path(folder, name)
                    last[os.path.realpath(file)] = (file, position)
    if last:
        for file in taken:
            last.pop(os.path.realpath(file), None)
    files = defaultdict(list)
    for file, position in last.values():
        files[file.name.lower()].append((file, position))
    return files


def _best(path: str, files: Sequence[tuple[Path, int]]) -> tuple[list[Path], int]:
    """The files that share most of a path's last folders, and how many, the name included."""
    wanted = path.lower().split("/")
    agreeing = {}
    for file, position in files:
        parts = file.as_posix().lower().split("/")
        folder = parts[-2:-1]
        if folder != wanted[-2:-1] and folder and folder[0].endswith(_DRAWN):
            continue
        pairs = zip(reversed(wanted), reversed(parts), strict=False)
        shared = next((n for n, (a, b) in enumerate(pairs) if a != b), len(wanted))
        agreeing[file] = (shared, position)
    most = max(agreeing.values(), default=(0, 0))
    return sorted(file for file, rank in agreeing.items() if rank == most), most[0]


def _seen_from(root: Path, file: Path) -> str:
    try:
        return file.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return file.resolve().as_posix()
