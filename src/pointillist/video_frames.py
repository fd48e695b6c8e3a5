"""Single frames of videos, the last few of which stay open."""

from __future__ import annotations

import os
import sys
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.errors import DataError
from pointillist.video import VideoReader

#: How many videos stay open.
OPEN_READERS = 8

_open: OrderedDict[tuple[Any, ...], VideoReader] = OrderedDict()
_open_lock = threading.Lock()


def read_frame(path: str | Path, index: int) -> np.ndarray:
    """One frame of a video, uint8 RGB (H, W, 3); the last few videos stay open.

    Raises:
        DataError: the video or the frame cannot be read, or there is no such frame.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such video", where=path)
    state = path.stat()
    key = (str(path), state.st_mtime_ns, state.st_size)
    with _open_lock:
        reader = _open.pop(key, None) or VideoReader(path)
        _open[key] = reader
        while len(_open) > OPEN_READERS:
            # Not closed here: another thread may be reading from it. It closes with its last use.
            _open.popitem(last=False)
    try:
        return reader[index]
    except IndexError as error:
        raise DataError(str(error)) from None


def _start_anew() -> None:
    """In a forked child: its own files, as it would share its parent's position in those that it
    inherits; and its own lock, as another of the parent's threads may have held that one."""
    global _open_lock
    _open.clear()
    _open_lock = threading.Lock()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_start_anew)
