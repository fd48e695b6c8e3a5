"""What a video file is, without opening one: endings, the library, and why one does not open."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pointillist.errors import PointillistError

#: File name endings that are taken for videos when a folder or a project is searched.
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"}
    | {".wmv", ".asf", ".flv", ".ogv", ".mjpeg", ".h264", ".h265", ".hevc"}
)


def is_video(path: str | Path) -> bool:
    """Whether a file name ends like a video's."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


def import_av() -> Any:
    """PyAV, or one line that says how to get it."""
    try:
        import av
    except ImportError:
        raise PointillistError(
            "videos need PyAV, which is not installed", do="Run: pip install av"
        ) from None
    return av


def why_not_opened(path: Path, error: Exception) -> str:
    """The reason in words; an MP4 or MOV without its index is the one that people meet."""
    reason = getattr(error, "strerror", None) or str(error)
    with path.open("rb") as file:
        head = file.read(8)
        if head[4:] != b"ftyp":
            return reason
        file.seek(0)
        while len(head := file.read(16)) >= 8:
            size, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if kind == b"moov":
                return reason
            if size == 1:
                size = int.from_bytes(head[8:], "big")
            if size < 8:
                break
            file.seek(size - len(head), os.SEEK_CUR)
    return "its index (the 'moov' box) is missing: the recording was cut off before it was closed"
