"""Errors that are meant for people.

A :class:`PointillistError` carries one clear line: what is wrong, where, and what to do. The
command line prints that line and exits with ``exit_code``; nobody sees a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class PointillistError(Exception):
    """Base class of every error that a user can cause and cure.

    Args:
        what: what is wrong, in one sentence.
        where: the file it was found in.
        row: the row, entry or key within that file.
        do: what the user can do about it.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: str | Path | None = None,
        row: int | str | None = None,
        do: str | None = None,
    ) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.row = row
        self.do = do
        place = "" if self.where is None else self.where
        if row is not None:
            place += f", row {row}" if isinstance(row, int) else f", {row}"
        text = f"{place}: {what}" if place else what
        super().__init__(f"{text.rstrip('.')}. {do}" if do else text)


class DataError(PointillistError):
    """A data set, annotation file or image is not what it should be."""


class ConfigError(PointillistError):
    """An option or its value is not known or does not fit."""

    exit_code = 2


def did_you_mean(name: str, known: Iterable[str], *, within: str = "") -> str:
    """'did you mean ...?' for a misspelt name, or the list of all known ones."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean '{within}{close[0]}'?" if close else f"known: {', '.join(known)}."
