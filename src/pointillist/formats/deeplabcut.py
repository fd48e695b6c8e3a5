"""DeepLabCut projects: ``config.yaml`` and ``labeled-data/<video>/CollectedData_<scorer>.csv|h5``.

Layout: Mathis et al., Nature Neuroscience 2018; Lauer et al., Nature Methods 2022 (several
animals); https://deeplabcut.github.io/DeepLabCut. A project without its ``config.yaml`` is read
too. The group of an image is its folder in ``labeled-data``, hence the recording. Images without
a row, rows without a number, and the project's videos are unlabelled.

sleap-io reads such projects too, but sorts the keypoints by name, takes only CSV, and passes over
images without a row; so the tables are read here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import Any

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.files import write_text
from pointillist.formats.base import Format, summary
from pointillist.formats.deeplabcut_config import (
    config_text,
    is_config,
    read_config,
    skeleton_of,
    video_names,
)
from pointillist.formats.lightning_pose import placed_by_group, write_table_file
from pointillist.formats.losses import losses
from pointillist.formats.moved import find_images, search
from pointillist.formats.placing import place_image
from pointillist.formats.tables import (
    Table,
    can_write_hdf,
    looks_like_table,
    read_table,
    table_of,
    write_csv,
    write_hdf,
)
from pointillist.images import IMAGE_SUFFIXES, image_size, natural_key
from pointillist.media import is_video
from pointillist.skeleton import side_problems

KEEPS = ("groups", "unlabelled", "confidence", "tracks", "edges", "flip pairs")
_SCORER = "pointillist"


def detect(path: Path) -> bool:
    """A project's folder, its ``config.yaml``, or a ``CollectedData_*`` of ``labeled-data``."""
    if path.is_dir():
        return bool(_tables_below(path)) or is_config(path / "config.yaml")
    if path.name == "config.yaml":
        return is_config(path)
    return (
        path.name.startswith("CollectedData_")
        and path.parent.parent.name == "labeled-data"
        and looks_like_table(path)
    )


def read(path: Path, below: Path | None = None) -> Dataset:
    """Reads a project, or the one folder of it that a table is in.

    Images that moved are looked for by name in the project and ``below``, videos in its ``videos``
    and ``below``.

    Raises:
        DataError: the config or a table is broken, a folder has tables of two scorers and the
            config names neither, tables disagree on the keypoints and there is no config, nothing
            is labelled, or none of the images is there.
    """
    only = path if path.is_file() and path.name != "config.yaml" else None
    root = path if path.is_dir() else only.parent.parent.parent if only else path.parent
    config = read_config(root / "config.yaml")
    tables = _read_tables(_tables_below(root) if only is None else [only], config, root)
    if not tables:
        raise DataError(
            "no frame of this project is labelled: there is no CollectedData_*.csv or .h5 in "
            "labeled-data",
            where=root,
        )
    skeleton, problems = skeleton_of(config, {p: t.keypoints for p, t in tables.items()}, root)
    images = []
    for file, table in tables.items():
        problems += [f"{file.relative_to(root).as_posix()}: {line}" for line in table.odd]
        folder = f"labeled-data/{file.parent.name}"
        here = {image.name for image in _images_in(file.parent)}
        for row, name in enumerate(table.rows):
            # The folder may have been renamed since: what counts is the file's name.
            base = name.rsplit("/", 1)[-1]
            where = f"{folder}/{base}" if base in here else name
            instances = table.instances(row, skeleton)
            images.append(Image(where, instances=instances, group=file.parent.name))
    problems += side_problems(skeleton)
    dataset = Dataset(skeleton, images, root, name=root.resolve().name, problems=problems)
    dataset = find_images(dataset, root, below)
    known = {image.path for image in dataset}
    for folder_path in [only.parent] if only else _folders(root):
        names = [f"labeled-data/{folder_path.name}/{f.name}" for f in _images_in(folder_path)]
        dataset.images += [
            Image(name, group=folder_path.name) for name in names if name not in known
        ]
    dataset.videos = [] if only else _videos(root, config, below, dataset.problems)
    # DeepLabCut learns what lacks as an empty map, but not in crops of several animals. Nobody
    # could set a point that a folder's table has no column for.
    dataset.missing_absent = all(
        table.individuals == [""] and set(table.keypoints) == set(skeleton.keypoints)
        for table in tables.values()
    )
    return dataset


def write(dataset: Dataset, path: Path) -> list[str]:
    """Writes a project: config, images, and a table (CSV and HDF5) for each group.

    Args:
        dataset: what to write. Predictions get a column ``likelihood``.
        path: the project's folder; or a ``.csv`` or ``.h5`` file, for the table alone, as
            DeepLabCut writes what it finds in a video.

    Raises:
        DataError: there is a project already, or an image cannot be read.
    """
    if path.suffix.lower() in (".csv", ".h5"):
        return write_table_file(dataset, path, _SCORER)
    if dataset.skeleton is None:
        raise DataError("there is no skeleton, and a DeepLabCut project needs one")
    if (path / "config.yaml").exists():
        raise DataError("there is a project already", where=path / "config.yaml")
    names = placed_by_group(dataset)
    for image, name in zip(dataset, names, strict=True):
        place_image(dataset, image, path / name)
    labelled = [(i, n) for i, n in zip(dataset, names, strict=True) if i.labeled]
    # One table first, so that every folder has the same individuals.
    whole = table_of([i for i, _ in labelled], [n for _, n in labelled], dataset.skeleton, _SCORER)
    folders = sorted({name.split("/")[1] for name in names})
    for folder in folders:
        part = _rows_of(whole, folder)
        target = path / "labeled-data" / folder / f"CollectedData_{_SCORER}"
        if part.rows:
            write_csv(part, target.with_suffix(".csv"), split_names=True)
        if part.rows and can_write_hdf():
            write_hdf(part, target.with_suffix(".h5"), split_names=True)
    sources = {video.stem: str(video.resolve()) for video in dataset.videos}
    videos = {}
    for folder in folders:
        first = next(name for name in names if name.split("/")[1] == folder)
        videos[sources.get(folder, f"videos/{folder}.mp4")] = image_size(path / first)
    individuals = [] if whole.individuals == [""] else whole.individuals
    individuals = [name for name in individuals if not whole.unique or name != "single"]
    text = config_text(
        dataset.skeleton, individuals, videos, unique=whole.unique, root=path, scorer=_SCORER
    )
    write_text(path / "config.yaml", text)
    notes = losses(dataset, KEEPS)
    if not can_write_hdf():
        notes.append(
            "the .h5 beside each CSV was not written, which DeepLabCut trains from: "
            "run deeplabcut.convertcsv2h5, or pip install 'pointillist[layouts]' and write again"
        )
    return notes


def _rows_of(table: Table, folder: str) -> Table:
    rows = [r for r, name in enumerate(table.rows) if name.split("/")[1] == folder]
    return replace(
        table,
        rows=[table.rows[r] for r in rows],
        points=table.points[rows],
        likelihood=None if table.likelihood is None else table.likelihood[rows],
    )


def _folders(root: Path) -> list[Path]:
    """The folders of ``labeled-data``, but not those of plots that ``check_labels`` makes."""
    below = root / "labeled-data"
    folders = [f for f in below.iterdir() if f.is_dir()] if below.is_dir() else []
    names = {folder.name for folder in folders}
    plots = {name for name in names if name.removesuffix("_labeled") in names - {name}}
    return sorted((f for f in folders if f.name not in plots), key=lambda f: natural_key(f.name))


def _tables_below(root: Path) -> list[Path]:
    files = [file for folder in _folders(root) for file in sorted(folder.glob("CollectedData_*"))]
    return [file for file in files if file.suffix in (".csv", ".h5")]


def _read_tables(files: list[Path], config: dict[str, Any], root: Path) -> dict[Path, Table]:
    """One table a folder: the config's scorer, or the only one; CSV before HDF5."""
    by_folder: dict[Path, dict[str, Path]] = {}
    for file in files:
        scorers = by_folder.setdefault(file.parent, {})
        if file.suffix == ".csv" or file.stem not in scorers:
            scorers[file.stem] = file
    tables = {}
    for folder, scorers in by_folder.items():
        wanted = f"CollectedData_{config.get('scorer')}"
        if len(scorers) > 1 and wanted not in scorers:
            names = ", ".join(stem.removeprefix("CollectedData_") for stem in scorers)
            raise DataError(
                f"this folder has labels of several scorers: {names}",
                where=folder,
                do="Name one as 'scorer' in config.yaml, or open the table of one.",
            )
        file = scorers.get(wanted, next(iter(scorers.values())))
        tables[file] = read_table(file)
        others = [stem.removeprefix("CollectedData_") for stem in scorers if stem != file.stem]
        if others:
            tables[file].odd.append(f"labels of other scorers were not read: {', '.join(others)}")
    return tables


def _images_in(folder: Path) -> list[Path]:
    files = [f for f in folder.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES]
    files = [f for f in files if not f.name.startswith(".")]
    return sorted(files, key=lambda file: natural_key(file.name))


def _videos(
    root: Path, config: dict[str, Any], below: Path | None, problems: list[str]
) -> list[Path]:
    """The config's videos where they are, or by name in ``videos`` and below another folder.

    Without a config those in ``videos``.
    """
    folder = root / "videos"
    here = [f for f in sorted(folder.iterdir()) if is_video(f)] if folder.is_dir() else []
    if not config:
        return [file for file in here if not file.stem.endswith("_labeled")]
    by_name = {file.name.lower(): file for file in here}
    found, missing = [], []
    for name in video_names(config):
        plain = PureWindowsPath(name).name if "\\" in name else Path(name).name
        if (root / name).is_file():
            found.append(root / name)
        elif plain.lower() in by_name:
            found.append(by_name[plain.lower()])
        else:
            missing.append(name)
    if below is not None and missing:
        moved = search(missing, [below])
        problems += moved.lines()
        found += [file for file, _ in moved.found.values()]
        missing = moved.lost
    if missing:
        also = "" if below is None else f", nor below {below}"
        names = [PureWindowsPath(name).name for name in missing]
        there = f"there nor in 'videos'{also}"
        one, many = f"video of the config is not {there}", f"videos of the config are not {there}"
        problems.append(summary(names, one, many))
    return found


FORMAT = Format(
    name="deeplabcut",
    title="DeepLabCut project",
    detect=detect,
    read=read,
    write=write,
    loses="boxes, hidden points (they become visible ones), sigmas, categories",
    own_images=True,
    not_read="crop of a video (its frames are whole), columns that are no coordinates",
    searches=True,
)
