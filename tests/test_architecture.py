"""The rooms of the house: who may import whom, and that the documentation knows them all."""

from __future__ import annotations

import ast
import graphlib
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "pointillist"
#: The package's own face and its door: they import from everywhere.
FACE = {"__init__", "__main__"}


def room_of(file: Path) -> str:
    """``formats`` for a file in a package, ``dataset`` for a module."""
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def rooms() -> set[str]:
    """Every module and package right below the package."""
    return {room_of(file) for file in PACKAGE.rglob("*.py")} - FACE


def imports() -> dict[str, set[str]]:
    """Room -> rooms that it imports, anywhere, functions included."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "pointillist":
                found[room_of(file)] |= {alias.name for alias in node.names} & rooms()
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pointillist"):
                found[room_of(file)].add(node.module.split(".")[1])  # type: ignore[union-attr]
    return {room: others - {room} for room, others in found.items() if room not in FACE}


def test_no_two_rooms_import_each_other_in_a_circle() -> None:
    order = list(graphlib.TopologicalSorter(imports()).static_order())
    assert order.index("errors") < order.index("dataset") < order.index("training")


def test_data_knows_nothing_of_networks() -> None:
    """Whoever converts data sets needs no torch: neither here nor in what is imported here."""
    graph = imports()
    for room in ("dataset", "formats", "images", "video", "split", "inspection", "metrics"):
        seen, waiting = set(), [room]
        while waiting:
            here = waiting.pop()
            seen.add(here)
            waiting += graph.get(here, set()) - seen
        assert not seen & {"geometry", "batch", "models", "methods", "training", "inference"}, room


def test_the_documentation_has_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("## Rooms")[2].partition("## Decisions")[0]
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = {name.rstrip("/") for cell in first for name in re.findall(r"`([\w/]+)`", cell)}
    assert named == rooms()


def test_files_stay_short() -> None:
    for file in (
        p for folder in ("src", "tests", "benchmarks") for p in (ROOT / folder).rglob("*")
    ):
        if file.suffix in {".py", ".js", ".css", ".html"}:
            lines = len(file.read_text(encoding="utf-8").splitlines())
            assert lines <= 400, f"{file.relative_to(ROOT)} has {lines} lines"


def test_test_modules_have_names_of_their_own() -> None:
    """Two of one name cannot be collected in one go."""
    names = [file.name for file in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)
