"""What a format is: one on-disk layout, with a way in and, where there is one, a way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pointillist.dataset import Dataset


@dataclass(frozen=True)
class Format:
    """One on-disk layout.

    Args:
        name: what the command line calls it.
        title: what people call it.
        detect: whether a path (file or folder) looks like this layout; cheap, never raises.
        read: path -> Dataset, with points in this project's convention; raises DataError.
        write: (dataset, path) -> what could not be kept, one line each; none: read only.
        loses: what a round trip loses, in words, for docs/formats.md; empty: nothing.
    """

    name: str
    title: str
    detect: Callable[[Path], bool]
    read: Callable[[Path], Dataset]
    write: Callable[[Dataset, Path], list[str]] | None = None
    loses: str = ""
