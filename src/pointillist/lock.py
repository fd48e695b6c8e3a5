"""One process per folder: a lock that the operating system lets go of when its process ends."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from pointillist.errors import DataError

#: Windows locks a range of bytes, which nobody else may read then: one far behind the text.
_FAR = 1 << 30


class FolderLock:
    """Holds a folder for this process until :meth:`release`, or until the process ends.

    Args:
        path: the lock file; it stays behind, empty of meaning, once nobody holds it.
        busy: what to say where another process holds it.
        do: what can be done then.

    Raises:
        DataError: another process holds it; says which, and at which address it serves.
    """

    def __init__(self, path: Path, *, busy: str, do: str) -> None:
        self._path = path
        self._file = path.open("a+b")
        try:
            _lock(self._file.fileno())
        except OSError:
            self._file.close()
            raise DataError(
                f"{busy}{_holder(path)}",
                where=path.parent,
                do=do,
            ) from None
        self.say("")

    def say(self, address: str) -> None:
        """Writes down who holds the lock, for the message that the next one gets."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(json.dumps({"process": os.getpid(), "address": address}).encode())
        self._file.flush()

    def release(self) -> None:
        """Lets the next one in."""
        self._file.seek(0)
        self._file.truncate()
        self._file.close()


def holding_process(path: Path) -> int | None:
    """The process that holds a lock file now; none if nobody does, or it does not say."""
    try:
        with path.open("r+b") as file:
            try:
                _lock(file.fileno())
            except OSError:
                return int(json.loads(path.read_bytes())["process"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_bytes())
        address = f" at {holder['address']}" if holder["address"] else ""
        return f"{address} (process {holder['process']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
