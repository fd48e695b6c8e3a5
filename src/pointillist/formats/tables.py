"""The table of DeepLabCut and Lightning Pose: a row an image, three or four header rows above it.

::

    scorer      ...  AW    AW    AW
    individuals ...  m1    m1    m1            only with several animals
    bodyparts   ...  nose  nose  nose
    coords      ...  x     y     likelihood    likelihood only on predictions

The row's name is in one column (a path, or the number of a frame) or in three (``labeled-data``,
folder, file). Both tools count from the centre of the top-left pixel, so 0.5 is added on reading
and taken off on writing.
"""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pointillist.dataset import NOT_ANNOTATED, VISIBLE, Image, Instance
from pointillist.errors import DataError
from pointillist.files import whole_file, write_text
from pointillist.formats.base import check_finite, with_box_from_points
from pointillist.formats.extras import import_extra
from pointillist.formats.hdf_tables import looks_like_hdf_table, read_hdf_table
from pointillist.formats.locate import clean_name
from pointillist.skeleton import Skeleton

#: These layouts call the centre of the top-left pixel (0, 0); here it is (0.5, 0.5).
PIXEL_CENTRE = 0.5

_HEADER = ("scorer", "individuals", "bodyparts", "coords")
_COORDS = ("x", "y", "likelihood")
#: Coordinates are written with this many decimals.
_DECIMALS = 6


@dataclass
class Table:
    """N rows of I individuals with K keypoints.

    Args:
        scorer: who or what made it.
        individuals: I names; one empty name if the table has no row of individuals.
        keypoints: K names.
        rows: N names of images with ``/`` between folders, or numbers of frames.
        points: (N, I, K, 2) in this project's convention; NaN where there is none.
        likelihood: (N, I, K), only of predictions.
        odd: what was noticed, one line each.
        unique: keypoints that only the individual ``single`` has, which are of no animal: a
            corner of the box, say. They are written for it alone, and it has no others.
    """

    scorer: str
    individuals: list[str]
    keypoints: list[str]
    rows: list[str]
    points: np.ndarray
    likelihood: np.ndarray | None = None
    odd: list[str] = field(default_factory=list)
    unique: list[str] = field(default_factory=list)

    def instances(self, row: int, skeleton: Skeleton) -> list[Instance]:
        """The objects of one row that have a point, with the skeleton's points in its order."""
        order = [self.keypoints.index(k) if k in self.keypoints else -1 for k in skeleton.keypoints]
        known = np.array(order) >= 0
        found = []
        for i, name in enumerate(self.individuals):
            points = np.where(known[:, None], self.points[row, i][order], np.nan)
            annotated = np.isfinite(points).all(axis=1)
            if not annotated.any():
                continue
            instance = Instance(
                points, np.where(annotated, VISIBLE, NOT_ANNOTATED), track=name or None
            )
            if self.likelihood is not None:
                sure = np.where(annotated, self.likelihood[row, i][order], 0.0)
                instance.confidence = np.clip(np.nan_to_num(sure), 0, 1)
                instance.score = float(instance.confidence[annotated].mean())
            found.append(instance)
        return [with_box_from_points(i) for i in found] if self.individuals != [""] else found


def looks_like_table(path: Path) -> bool:
    """Whether a CSV or HDF5 file starts as such a table does; never raises."""
    if path.suffix.lower() in (".h5", ".hdf5"):
        return looks_like_hdf_table(path)
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            first = [line.split(",")[0].strip().lower() for line in file.readlines(1 << 16)[:8]]
    except OSError:
        return False
    return "bodyparts" in first and "coords" in first


def read_table(path: Path) -> Table:
    """Reads a table from CSV or HDF5.

    Raises:
        DataError: the header or a row has another shape, a cell is no number, an x has no y, two
            rows are of one image, or two scorers set the same point.
    """
    if path.suffix.lower() in (".h5", ".hdf5"):
        columns, rows, values = read_hdf_table(path)
        names = [clean_name("/".join(part for part in row if part)) for row in rows]
        lines: list[int | str] = list(names)
    else:
        columns, names, values, lines = _read_csv(path)
    if any(len(column) not in (3, 4) for column in columns):
        raise DataError(
            "its columns have not the levels scorer, (individuals,) bodyparts, coords", where=path
        )
    table = _arrange(columns, names, values, path)
    _check(table, lines, path)
    return table


def _read_csv(
    path: Path,
) -> tuple[list[tuple[str, ...]], list[str], np.ndarray, list[int | str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"this is not a UTF-8 text file: {error.reason}", where=path) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    header: list[list[str]] = []
    names: list[str] = []
    lines: list[int | str] = []
    cells: list[list[float]] = []
    first = width = 0
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if not header or header[-1][0].strip().lower() != "coords":
            _check_header_row(row, header, path, reader.line_num)
            header.append(row)
            if row[0].strip().lower() == "coords":
                width = len(row)
                first = next((i for i, c in enumerate(row) if c.strip().lower() in _COORDS), 0)
                if first == 0:
                    raise DataError("no column is called x or y", where=path, row=reader.line_num)
            continue
        if len(row) != width:
            raise DataError(
                f"this row has {len(row)} cells where the header has {width}",
                where=path,
                row=reader.line_num,
            )
        names.append(clean_name("/".join(c.strip() for c in row[:first] if c.strip())))
        lines.append(reader.line_num)
        kinds = [level[first:] for level in header]
        cells.append(_numbers(row[first:], kinds, path, reader.line_num))
    if not header or header[-1][0].strip().lower() != "coords":
        raise DataError("the header rows scorer, bodyparts and coords are missing", where=path)
    kept = [level for level in header if level[0].strip().lower() in _HEADER]
    columns = list(zip(*([c.strip() for c in level[first:]] for level in kept), strict=True))
    return columns, names, np.array(cells).reshape(len(cells), len(columns)), lines


def _check_header_row(row: list[str], above: list[list[str]], path: Path, line: int) -> None:
    name = row[0].strip().lower()
    seen = [level[0].strip().lower() for level in above]
    if name not in _HEADER or name in seen or (name == "coords" and "bodyparts" not in seen):
        raise DataError(
            f"the header has a row '{row[0].strip()[:40]}'; it should have scorer, (individuals,) "
            "bodyparts, coords, in this order",
            where=path,
            row=line,
        )
    if above and len(row) != len(above[0]):
        raise DataError(
            f"the header's row '{name}' has {len(row)} cells, the one above it {len(above[0])}",
            where=path,
            row=line,
        )


def _numbers(cells: list[str], header: list[list[str]], path: Path, line: int) -> list[float]:
    numbers = []
    for i, cell in enumerate(cells):
        coord = header[-1][i].strip().lower()
        try:
            numbers.append(float(cell) if cell.strip() and coord in _COORDS else np.nan)
        except ValueError:
            column = " ".join(level[i] for level in header[1:])
            raise DataError(
                f"'{cell[:40]}' in the column '{column}' is not a number", where=path, row=line
            ) from None
    return numbers


def _arrange(
    columns: list[tuple[str, ...]], names: list[str], values: np.ndarray, path: Path
) -> Table:
    scorers, individuals, keypoints, ignored = ({}, {}, {}, {})  # type: ignore[var-annotated]
    place: dict[tuple[str, str, str], int] = {}
    for i, column in enumerate(columns):
        scorer, individual, part = column[0], column[1] if len(column) == 4 else "", column[-2]
        coord = column[-1].lower()
        if coord not in _COORDS:
            ignored[" ".join(part for part in column[1:] if part)] = None
            continue
        if (individual, part, coord) in place:
            twice = f"'{part}'" + (f" of '{individual}'" if individual else "")
            who = columns[place[individual, part, coord]][0]
            raise DataError(
                f"{twice} has two columns '{coord}', of the scorers '{who}' and '{scorer}'",
                where=path,
                do="Keep the columns of one scorer.",
            )
        place[individual, part, coord] = i
        scorers[scorer] = individuals[individual] = keypoints[part] = None
    shape = (len(names), len(individuals), len(keypoints))
    points, likelihood = np.full((*shape, 2), np.nan), np.full(shape, np.nan)
    for a, individual in enumerate(individuals):
        for k, part in enumerate(keypoints):
            columns_of = [place.get((individual, part, coord)) for coord in _COORDS]
            if (columns_of[0] is None) != (columns_of[1] is None):
                raise DataError(f"'{part}' has a column x or y but not both", where=path)
            for target, place_of in zip(
                (points[:, a, k, 0], points[:, a, k, 1], likelihood[:, a, k]),
                columns_of,
                strict=True,
            ):
                if place_of is not None:
                    target[:] = values[:, place_of]
    predicted = any(coord == "likelihood" for _, _, coord in place)
    odd = [f"columns that are no coordinates were left out: {', '.join(ignored)}"]
    return Table(
        ", ".join(scorers),
        list(individuals),
        list(keypoints),
        names,
        points + PIXEL_CENTRE,
        likelihood if predicted else None,
        odd if ignored else [],
    )


def _check(table: Table, lines: Sequence[int | str], path: Path) -> None:
    half = np.isnan(table.points).any(axis=-1) & ~np.isnan(table.points).all(axis=-1)
    infinite = np.isinf(table.points).any(axis=-1)
    for row, individual, k in np.argwhere(half | infinite)[:1]:
        who = f" of '{table.individuals[individual]}'" if table.individuals[individual] else ""
        fault = "has only one coordinate" if half[row, individual, k] else "is infinitely far away"
        raise DataError(f"'{table.keypoints[k]}'{who} {fault}", where=path, row=lines[row])
    seen: dict[str, int] = {}
    for i, name in enumerate(table.rows):
        if name in seen:
            raise DataError(
                f"'{name}' has a row already (row {lines[seen[name]]})",
                where=path,
                row=lines[i],
                do="Keep one of them.",
            )
        seen[name] = i


def table_of(
    images: Sequence[Image], rows: Sequence[str], skeleton: Skeleton, scorer: str
) -> Table:
    """The table of a data set's images, one row each.

    Objects are told apart by their track. Where an image has several and they have none, they are
    called ``animal1``, ``animal2``, ... by their order; with one object an image and no tracks at
    all there is no row of individuals.
    """
    several = any(
        len(image.instances) > 1 or any(i.track is not None for i in image.instances)
        for image in images
    )
    individuals: dict[str, int] = {} if several else {"": 0}
    placed: list[list[tuple[int, Instance]]] = []
    for image in images:
        taken = {instance.track for instance in image.instances}
        free = (name for n in range(1, 1000) if (name := f"animal{n}") not in taken)
        placed.append([])
        for instance in image.instances:
            name = (instance.track or next(free)) if several else ""
            placed[-1].append((individuals.setdefault(name, len(individuals)), instance))
    shape = (len(images), max(1, len(individuals)), len(skeleton))
    points, likelihood = np.full((*shape, 2), np.nan), np.full(shape, np.nan)
    for row, objects in enumerate(placed):
        for individual, instance in objects:
            check_finite(instance.points, instance.annotated, skeleton)
            points[row, individual] = instance.points
            if instance.confidence is not None:
                likelihood[row, individual] = instance.confidence
    predicted = bool(np.isfinite(likelihood).any())
    return Table(
        scorer,
        list(individuals) or [""],
        list(skeleton.keypoints),
        list(rows),
        points,
        likelihood if predicted else None,
        unique=_unique(list(individuals), skeleton, points),
    )


def _unique(individuals: list[str], skeleton: Skeleton, points: np.ndarray) -> list[str]:
    if "single" not in individuals or len(individuals) == 1:
        return []
    there = np.isfinite(points).all(axis=-1).any(axis=0)
    single = individuals.index("single")
    mine, others = there[single], np.delete(there, single, axis=0).any(axis=0)
    if (mine & others).any():
        return []  # an animal that happens to be called so
    return [skeleton.keypoints[k] for k in np.flatnonzero(mine)]


def write_csv(table: Table, path: Path, *, split_names: bool = False) -> None:
    """Writes a table as CSV, whole or not at all.

    Args:
        table: what to write.
        path: where to.
        split_names: rows are named by folders and file in three columns, as DeepLabCut does since
            its version 2.2, not by a path in one.
    """
    columns, values = _flatten(table)
    rows = [name.split("/") if split_names else [name] for name in table.rows]
    blank = [""] * (max((len(row) for row in rows), default=1) - 1)
    levels = [*zip(*columns, strict=True)]
    titles = ("scorer", "bodyparts", "coords") if len(levels) == 3 else _HEADER
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for title, level in zip(titles, levels, strict=True):
        writer.writerow([title, *blank, *level])
    for row, numbers in zip(rows, values.round(_DECIMALS).tolist(), strict=True):
        writer.writerow([*row, *("" if v != v else v for v in numbers)])
    write_text(path, text.getvalue())


def can_write_hdf() -> bool:
    """Whether pandas and PyTables are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("pandas", "tables"))


def write_hdf(table: Table, path: Path, *, split_names: bool = False) -> None:
    """Writes a table as DeepLabCut's HDF5 (pandas, key ``df_with_missing``), whole or not at all.

    Raises:
        PointillistError: pandas or PyTables is not installed.
    """
    pandas = import_extra("pandas", "HDF5 tables")
    import_extra("tables", "HDF5 tables")
    columns, values = _flatten(table)
    titles = ("scorer", "bodyparts", "coords") if len(columns[0]) == 3 else _HEADER
    frames = all(name.isdigit() for name in table.rows)
    index = (
        [int(name) for name in table.rows]
        if frames
        else pandas.MultiIndex.from_tuples([tuple(name.split("/")) for name in table.rows])
        if split_names
        else table.rows
    )
    frame = pandas.DataFrame(
        values, index=index, columns=pandas.MultiIndex.from_tuples(columns, names=titles)
    )
    with whole_file(path) as temporary:
        frame.to_hdf(
            temporary, key="df_with_missing", mode="w", format="table" if frames else "fixed"
        )


def _flatten(table: Table) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """Column names and the (N, C) values, in the layout's convention."""
    coords = _COORDS if table.likelihood is not None else _COORDS[:2]
    kept = [
        (i, k, c)
        for i, name in enumerate(table.individuals)
        for k, part in enumerate(table.keypoints)
        for c in range(len(coords))
        if not table.unique or (part in table.unique) == (name == "single")
    ]
    columns = [
        (
            table.scorer,
            *([table.individuals[i]] if table.individuals != [""] else []),
            table.keypoints[k],
            coords[c],
        )
        for i, k, c in kept
    ]
    values = table.points - PIXEL_CENTRE
    if table.likelihood is not None:
        values = np.concatenate([values, table.likelihood[..., None]], axis=-1)
    chosen = np.array(kept, dtype=int).reshape(-1, 3).T
    return columns, values[:, chosen[0], chosen[1], chosen[2]]
