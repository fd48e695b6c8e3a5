"""Reads the tables that pandas writes into HDF5, without unpickling what a stranger wrote.

pandas has two layouts. The 'fixed' one holds levels and labels of its axes as plain arrays. The
'table' one holds its column names as a pickle; only lists, tuples, strings and numbers are let
through.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.errors import DataError
from pointillist.formats.extras import import_extra


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def read_hdf_table(path: Path) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]], np.ndarray]:
    """The first table of numbers in an HDF5 file.

    Returns:
        column names of C columns, row names of N rows (each a tuple, one entry a level), and the
        (N, C) values.

    Raises:
        DataError: it is no HDF5 file, or holds no such table.
    """
    h5py = import_extra("h5py", "HDF5 tables")
    try:
        with h5py.File(path, "r") as file:
            for group in file.values():
                kind = _text(group.attrs.get("pandas_type", b""))
                if kind == "frame":
                    return _read_fixed(group)
                if kind == "frame_table":
                    return _read_table(group)
    except (OSError, KeyError, IndexError, ValueError, pickle.UnpicklingError) as error:
        raise DataError(
            f"this HDF5 table cannot be read ({error})",
            where=path,
            do="Save it as CSV, which DeepLabCut writes beside it.",
        ) from None
    raise DataError("there is no pandas table in this HDF5 file", where=path)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _axis(group: Any, name: str) -> list[tuple[str, ...]]:
    if name in group:
        return [(_text(v),) for v in group[name][()].tolist()]
    levels: list[list[str]] = []
    while (level := f"{name}_level{len(levels)}") in group:
        names = [_text(v) for v in group[level][()].tolist()]
        labels = group[f"{name}_label{len(levels)}"][()]
        levels.append(["" if label < 0 else names[label] for label in labels])
    return list(zip(*levels, strict=True))


def _read_fixed(group: Any) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]], np.ndarray]:
    columns, rows = _axis(group, "axis0"), _axis(group, "axis1")
    values = np.full((len(rows), len(columns)), np.nan)
    place = {column: i for i, column in enumerate(columns)}
    block = 0
    while f"block{block}_values" in group:
        items = _axis(group, f"block{block}_items")
        values[:, [place[item] for item in items]] = group[f"block{block}_values"][()]
        block += 1
    return columns, rows, values


def _read_table(group: Any) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]], np.ndarray]:
    table = group["table"][()]
    pickled = bytes(group.attrs["non_index_axes"])
    axes = _PlainUnpickler(io.BytesIO(pickled)).load()
    columns = [tuple(_text(level) for level in column) for column in axes[0][1]]
    rows: list[tuple[str, ...]] = [(_text(v),) for v in table["index"].tolist()]
    values = table["values_block_0"].astype(np.float64)
    if values.shape != (len(rows), len(columns)):
        raise ValueError("its columns are not all numbers of one kind")
    return columns, rows, values


def looks_like_hdf_table(path: Path) -> bool:
    """Whether pandas left its mark near the start of a file; never raises."""
    try:
        with path.open("rb") as file:
            start = file.read(1 << 16)
    except OSError:
        return False
    return start.startswith(b"\x89HDF") and b"pandas_type" in start
