from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from pointillist.formats import format_names, get_format

DOCS = Path(__file__).parents[1] / "docs"


def page_maker() -> ModuleType:
    path = DOCS / "make_formats_table.py"
    spec = importlib.util.spec_from_file_location("make_formats_table", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_page_is_what_the_code_gives() -> None:
    assert (DOCS / "formats.md").read_text(encoding="utf-8") == page_maker().page(), (
        "run: python docs/make_formats_table.py"
    )


def test_every_layout_that_can_be_written_keeps_points(tmp_path: Path) -> None:
    maker = page_maker()
    for name in format_names():
        layout = get_format(name)
        if layout.write is not None:
            (tmp_path / name).mkdir()
            kept = maker.answers(layout, tmp_path / name)
            assert kept["points"], name
