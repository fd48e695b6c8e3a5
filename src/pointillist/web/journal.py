"""The journal: every change on disk before anybody is told that it is saved.

One JSON object per line. An *entry* holds the whole new state of one image, so that applying it
is the same once or twice. A *fold* line holds the SHA-256 of an annotation file that contains
everything above it; it is written before that file takes the place of the old one. After a crash
at any moment, the entries below the fold line of the annotation file that is there are the ones
to apply.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pointillist.errors import DataError
from pointillist.files import whole_file


@dataclass(frozen=True)
class Entry:
    """The new state of one image.

    Args:
        image: path of the image, as the data set has it.
        frame: index of the frame, for a video.
        revision: the state's revision.
        instances: the state, as :mod:`pointillist.web.records` writes it.
        author: which tab of which browser.
        time: when, in ISO 8601.
    """

    image: str
    frame: int | None
    revision: str
    instances: list[dict[str, Any]]
    author: str
    time: str


class Journal:
    """An open journal.

    Args:
        path: the file; it is made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.length = 0
        self._open()

    def _open(self) -> None:
        fresh = not self.path.exists()
        # O_BINARY: Windows would otherwise write \r\n.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self.path, flags, 0o666)
        if fresh and os.name == "posix":
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def append(self, entry: Entry) -> None:
        """Writes an entry; it is on disk when this returns.

        Raises:
            DataError: it could not be written (disk full, say); the journal is as it was.
        """
        self._write(asdict(entry))
        self.length += 1

    def mark_fold(self, digest: str) -> None:
        """Says that an annotation file of this SHA-256 holds everything up to here."""
        self._write({"folded": digest})

    def _write(self, value: dict[str, Any]) -> None:
        line = json.dumps(value, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        size = os.fstat(self._descriptor).st_size
        try:
            written = 0
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
            os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, size)
            raise DataError(
                f"the change could not be saved: {error.strerror}",
                where=self.path,
                do="Make room or mend the disk; the page keeps the change and tries again.",
            ) from None

    def clear(self) -> None:
        """Starts afresh, once everything is in the annotation file."""
        os.close(self._descriptor)
        with whole_file(self.path):
            pass
        self.length = 0
        self._open()

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)


def read_journal(path: Path, digest: str | None) -> tuple[list[Entry], list[str]]:
    """The entries that an annotation file does not hold yet.

    Args:
        path: the journal; it need not be there.
        digest: SHA-256 of the annotation file as it is now; none if there is no such file.

    Returns:
        the entries in order, and one line for each line that could not be read. A last line
        without its end was being written when the machine stopped: nobody was told that it was
        saved.
    """
    if not path.exists():
        return [], []
    *lines, rest = path.read_bytes().split(b"\n")
    problems = []
    entries: list[Entry] = []
    for number, line in enumerate(lines, 1):
        try:
            value = json.loads(line)
            if "folded" in value:
                if value["folded"] == digest:
                    entries.clear()
                continue
            entries.append(Entry(**value))
        except (ValueError, TypeError) as error:
            problems.append(f"{path.name}, row {number}: this change cannot be read: {error}")
    if rest:
        problems.append(
            f"{path.name}, row {len(lines) + 1}: the last change was cut short before it was saved"
        )
    return entries, problems
