"""Tables of results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pointillist.benchmark.tables import fill_in, markdown, table_rows
from pointillist.errors import DataError


def result(method: str, fraction: float, value: float | None, steps: int = 10) -> dict[str, Any]:
    return {
        "method": method,
        "fraction": fraction,
        "steps": steps,
        "metrics": {"pck@0.1": {"value": value}},
    }


def test_mean_and_standard_deviation_over_seeds() -> None:
    rows = table_rows(
        [result("a", 5, 0.40), result("a", 5, 0.44), result("a", 10, 0.5), result("b", 5, None)],
        "pck@0.1",
    )
    # The deviation of 40 and 44 with n - 1 is sqrt(8) = 2.8.
    assert rows == [
        ["method", "steps", "5 % labels", "10 % labels"],
        ["a", "10", "42.0 ± 2.8 (2 seeds)", "50.0 (1 seed)"],
        ["b", "10", "–", "–"],
    ]


def test_published_rows_come_last() -> None:
    rows = table_rows([result("a", 5, 0.4)], "pck@0.1", {"HRNet": {5: "40.19", 50: "62.61"}})
    assert rows[0] == ["method", "steps", "5 % labels", "50 % labels"]
    assert rows[1:] == [
        ["a", "10", "40.0 (1 seed)", "–"],
        ["HRNet (paper)", "", "40.19", "62.61"],
    ]


def test_a_table_takes_the_place_between_its_marks(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    begin, end = "<!-- benchmark: p -->", "<!-- end of benchmark: p -->"
    file.write_text(f"before\n{begin}\nold\n{end}\nafter\n", encoding="utf-8")
    text = fill_in(file, "p", markdown([["x", "y"], ["1", "2"]]))
    assert text == f"before\n{begin}\n| x | y |\n| --- | --- |\n| 1 | 2 |\n{end}\nafter\n"
    with pytest.raises(DataError, match="no place for the table of q"):
        fill_in(file, "q", "")
