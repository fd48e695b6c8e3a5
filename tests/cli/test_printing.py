"""Tables on the terminal."""

from __future__ import annotations

import pytest

from pointillist.cli.printing import print_table

ROWS = [["name", "figure", "remark"], ["first", "1.5", "one"], ["b", "22.25", "and another"]]


def cells(shown: str, row: str) -> list[str]:
    """The cells of the row that begins with a name, with their padding but for one space."""
    (line,) = (line for line in shown.splitlines() if line.startswith(f"│ {row}"))
    return [cell[1:-1] for cell in line.strip("│").split("│")]


def test_figures_end_and_words_begin_at_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("A table", ROWS, prose=(2,))
    shown = capsys.readouterr().out
    assert cells(shown, "first") == ["first", "   1.5", "one        "]
    assert cells(shown, "b") == ["b    ", " 22.25", "and another"]


def test_without_words_all_but_the_first_are_figures(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("A table", ROWS)
    assert cells(capsys.readouterr().out, "first") == ["first", "   1.5", "        one"]


WIDE = [["row", *(f"{share} % labels" for share in (5, 10, 20, 50, 100))]]
WIDE += [["supervised_longer", *["90.3 ± 0.3 (3 seeds)"] * 5]]


def test_a_file_has_no_edge_to_fold_at(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("A table", WIDE)
    assert cells(capsys.readouterr().out, "super") == WIDE[1]


def test_a_narrow_terminal_folds_figures_but_no_short_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a terminal does
    monkeypatch.setenv("COLUMNS", "70")
    print_table("A table", WIDE)
    shown = capsys.readouterr().out
    assert "│ supervised_longer │" in shown
    assert WIDE[1][1] not in shown
    body = shown[shown.index("┩") :].splitlines()  # the head has codes for bold letters
    assert all(len(line) <= 70 for line in body)


def test_words_are_folded_in_a_file_too(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("A table", [["name", "remark"], ["first", 30 * "and so on, "]], prose=(1,))
    lines = capsys.readouterr().out.splitlines()
    assert 60 < max(map(len, lines)) < 80
