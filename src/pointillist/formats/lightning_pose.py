"""Lightning Pose: one CSV with three header rows, the images below ``labeled-data``.

Layout: https://lightning-pose.readthedocs.io, `CollectedData.csv`. Images in ``labeled-data``
without a row, and the videos in ``videos``, are unlabelled. The group of an image is its folder
below ``labeled-data``.
"""

from __future__ import annotations

import os
from pathlib import Path

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.formats.base import Format
from pointillist.formats.locate import names_from
from pointillist.formats.losses import losses
from pointillist.formats.moved import find_images
from pointillist.formats.placing import folder_name, place_image, placed_names
from pointillist.formats.tables import (
    Table,
    looks_like_table,
    read_table,
    table_of,
    write_csv,
    write_hdf,
)
from pointillist.images import list_images, natural_key
from pointillist.media import is_video
from pointillist.skeleton import Skeleton, find_flip_pairs, side_problems

KEEPS = ("groups", "unlabelled", "confidence", "tracks")
_SCORER = "pointillist"


def detect(path: Path) -> bool:
    """A CSV with the header, or a folder with such a ``CollectedData*.csv`` right in it."""
    if path.is_dir():
        return bool(_label_files(path))
    return path.suffix.lower() in (".csv", ".h5") and looks_like_table(path)


def read(path: Path, below: Path | None = None) -> Dataset:
    """Reads a table and what lies beside it; files that moved are looked for ``below`` too.

    In a folder that is ``CollectedData.csv``, or the only table there is.

    Raises:
        DataError: the table is broken, there are several, or none of its images is there.
    """
    file, others = (path, []) if path.is_file() else _choose(path)
    table = read_table(file)
    if not table.rows:
        raise DataError("there is no row below the header", where=file)
    skeleton = Skeleton(tuple(table.keypoints), flip_pairs=find_flip_pairs(table.keypoints))
    problems = [*table.odd, *side_problems(skeleton)]
    if others:
        names = ", ".join(other.name for other in others)
        problems.append(f"read was {file.name}; also there, to be opened by name: {names}")
    root = file.parent
    if all(name.isdigit() for name in table.rows):
        return _of_video(file, table, skeleton, problems, below)
    images = [
        Image(name, instances=table.instances(row, skeleton), group=_group(name))
        for row, name in enumerate(table.rows)
    ]
    known = {image.path for image in images}
    dataset = Dataset(skeleton, images, root, name=root.resolve().name, problems=problems)
    dataset = find_images(dataset, root, below)
    known |= {image.path for image in dataset}
    dataset.images += _unlabelled(root, known)
    dataset.videos = _videos(root / "videos")
    return dataset


def write(dataset: Dataset, path: Path) -> list[str]:
    """Writes ``CollectedData.csv`` and copies the images; to a file, writes the table alone.

    Args:
        dataset: what to write. Predictions get a column ``likelihood``.
        path: a folder; or a ``.csv`` or ``.h5`` file, which names the images where they are, or
            the frames by number if all are of one video.
    """
    if path.suffix.lower() in (".csv", ".h5"):
        return write_table_file(dataset, path, _SCORER)
    skeleton = _skeleton_of(dataset)
    if (path / "CollectedData.csv").exists():
        raise DataError("there are labels already", where=path / "CollectedData.csv")
    names = placed_by_group(dataset)
    for image, name in zip(dataset, names, strict=True):
        place_image(dataset, image, path / name)
    labelled = [(i, n) for i, n in zip(dataset, names, strict=True) if i.labeled]
    table = table_of([i for i, _ in labelled], [n for _, n in labelled], skeleton, _SCORER)
    write_csv(table, path / "CollectedData.csv")
    return losses(dataset, KEEPS)


def write_table_file(dataset: Dataset, path: Path, scorer: str) -> list[str]:
    """Writes only the table, as DeepLabCut writes its predictions; see :func:`write`.

    Raises:
        DataError: the images are frames of several videos.
    """
    skeleton = _skeleton_of(dataset)
    files = {image.path for image in dataset if image.frame is not None}
    if len(files) > 1 or (files and any(image.frame is None for image in dataset)):
        raise DataError(
            f"a table is of one video or of images, and these are of {len(files)} videos",
            where=path,
            do="Write a table for each video.",
        )
    rows = [str(image.frame) for image in dataset] if files else names_from(dataset, path.parent)
    table = table_of(dataset.images, rows, skeleton, scorer)
    (write_hdf if path.suffix.lower() == ".h5" else write_csv)(table, path)
    return losses(dataset, ("unlabelled", "confidence", "tracks", "frames"))


def placed_by_group(dataset: Dataset, folder: str = "labeled-data") -> list[str]:
    """``labeled-data/<group>/<file>`` for each image, none twice."""
    groups: dict[str, list[int]] = {}
    for i, image in enumerate(dataset):
        groups.setdefault(folder_name(image.group, "images"), []).append(i)
    names = [""] * len(dataset)
    for group, members in groups.items():
        for i, name in zip(members, placed_names([dataset[i] for i in members]), strict=True):
            names[i] = f"{folder}/{group}/{name}"
    return names


def _skeleton_of(dataset: Dataset) -> Skeleton:
    if dataset.skeleton is None:
        raise DataError("there is no skeleton, so there is nothing to put into a table")
    return dataset.skeleton


def _label_files(folder: Path) -> list[Path]:
    return [f for f in sorted(folder.glob("CollectedData*.csv")) if looks_like_table(f)]


def _choose(folder: Path) -> tuple[Path, list[Path]]:
    files = _label_files(folder)
    usual = folder / "CollectedData.csv"
    if usual in files:
        return usual, [file for file in files if file != usual]
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise DataError(
            f"there is not exactly one table of labels in this folder but {names}",
            where=folder,
            do="Name the file to open.",
        )
    return files[0], []


def _group(name: str) -> str | None:
    """The folder of an image below ``labeled-data``; none right in it."""
    folders = name.split("/")[:-1]
    if "labeled-data" in folders:
        folders = folders[folders.index("labeled-data") + 1 :]
    return "/".join(folders) or None


def _unlabelled(root: Path, known: set[str]) -> list[Image]:
    folder = root / "labeled-data"
    names = [f"labeled-data/{name}" for name in list_images(folder)] if folder.is_dir() else []
    return [Image(name, group=_group(name)) for name in names if name not in known]


def _videos(folder: Path) -> list[Path]:
    found = [file for file in folder.glob("*") if is_video(file)] if folder.is_dir() else []
    return sorted(found, key=lambda file: natural_key(file.name))


def _of_video(
    file: Path, table: Table, skeleton: Skeleton, problems: list[str], below: Path | None
) -> Dataset:
    """A table of a video's frames: the video has the longest name that the table's begins with."""
    folders = (file.parent, file.parent / "videos", file.parent.parent / "videos")
    videos = [video for folder in folders for video in _videos(folder)]
    if below is not None:
        videos += [Path(at, name) for at, _, names in os.walk(below) for name in names]
    fitting = [video for video in videos if file.stem.startswith(video.stem)]
    if not fitting:
        raise DataError(
            "this table is of the frames of a video, and no video whose name the table's begins "
            f"with lies in {file.parent} or in 'videos' there or above",
            where=file,
            do="Put the video beside the table.",
        )
    video = max(fitting, key=lambda video: len(video.stem))
    images = [
        Image(
            video.resolve().as_posix(),
            instances=table.instances(row, skeleton),
            group=video.stem,
            frame=int(number),
        )
        for row, number in enumerate(table.rows)
    ]
    return Dataset(skeleton, images, file.parent, name=file.stem, problems=problems)


FORMAT = Format(
    name="lightning-pose",
    title="Lightning Pose CSV",
    detect=detect,
    read=read,
    write=write,
    loses="boxes, hidden points (they become visible ones), edges, sigmas, categories",
    own_images=True,
    not_read="columns that are no coordinates; in a folder, all tables but CollectedData.csv",
    searches=True,
)
