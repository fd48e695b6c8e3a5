"""Where things are kept that took long to make and can be made again."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

#: Environment variable that names the folder.
VARIABLE = "POINTILLIST_CACHE"


def cache_folder() -> Path:
    """The folder for caches: ``POINTILLIST_CACHE``, or where this system's programs keep theirs.

    It may be deleted at any time.
    """
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local"), "pointillist")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "pointillist"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "pointillist")


def file_key(path: Path, *options: object) -> str:
    """A name that changes when the file or one of the options does.

    The file is known by its path, size and time of change, not by its content: it may be large.
    """
    state = path.stat()
    parts = (str(path.resolve()), state.st_size, state.st_mtime_ns, *options)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
