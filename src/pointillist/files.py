"""Writing files whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pointillist.errors import DataError


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Gives a temporary path beside ``path``; on success it takes the place of ``path``.

    The temporary file is flushed to disk (fsync) before the rename, so that a reader, or a
    machine that loses power, sees the old file or the new one and never a half. After an
    exception nothing is left behind. The temporary name keeps the suffix, for writers that
    choose their format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".{path.stem}-", suffix="".join(path.suffixes[-1:]), dir=path.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        # mkstemp makes files private; a result should have the usual permissions.
        if os.name == "posix":
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Writes UTF-8 text with ``\\n`` line ends, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, value: Any, *, indent: int | None = None) -> None:
    """Writes JSON, whole or not at all. NaN and infinity are refused: they are not JSON."""
    write_text(path, json.dumps(value, indent=indent, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Reads JSON; a broken file gets one line that says where it breaks."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataError("there is no such file", where=path) from None
    except IsADirectoryError:
        raise DataError(
            "this is a folder, not a JSON file", where=path, do="Name the file in it."
        ) from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"this is not valid JSON: {error.msg} (column {error.colno})",
            where=path,
            row=error.lineno,
            do="Is the file complete?",
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(f"this is not a UTF-8 text file: {error.reason}", where=path) from None
