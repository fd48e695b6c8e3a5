"""Libraries that only some layouts need: one line says how to get them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pointillist.errors import PointillistError


def import_extra(module: str, what: str) -> Any:
    """A library of the extra ``layouts``.

    Args:
        module: its name.
        what: what it is needed for.

    Raises:
        PointillistError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise PointillistError(
            f"{what} need {error.name or module}, which is not installed",
            do="Run: pip install 'pointillist[layouts]'",
        ) from None
