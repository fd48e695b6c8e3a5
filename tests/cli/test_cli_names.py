from __future__ import annotations

from pathlib import Path

import pointillist.benchmark
from pointillist.cli import names
from pointillist.formats import format_names, get_format
from pointillist.methods import METHODS


def test_help_names_what_there_is() -> None:
    assert names.METHODS.split(", ") == list(METHODS)
    folder = Path(pointillist.benchmark.__file__).with_name("protocols")
    assert names.PROTOCOLS.split(", ") == sorted(file.stem for file in folder.glob("*.yaml"))
    written = [name for name in format_names() if get_format(name).write is not None]
    assert names.LAYOUTS.split(", ") == written
