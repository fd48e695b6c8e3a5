"""``pointillist benchmark`` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from console import Console

from tiny_protocol import result, tiny_protocol


@pytest.fixture
def mine(
    creatures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str | Path, ...]:
    """The words that name a protocol of one's own and its folders."""
    monkeypatch.setenv("POINTILLIST_DATA", str(creatures.parents[1]))
    protocol = tiny_protocol().model_dump(mode="json", exclude_defaults=True)
    protocol["data"]["path"] = creatures.parent.name
    protocol["split"]["ranges"] = {"train": "0:16", "val": "16:20", "test": "20:24"}
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(protocol), encoding="utf-8")
    return (file, "--results", tmp_path / "results", "--runs", tmp_path / "runs", "-q")


def test_a_grid_its_table_and_its_place_in_a_page(
    console: Console, mine: tuple[str | Path, ...], tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    marks = ("<!-- benchmark: tiny -->", "<!-- end of benchmark: tiny -->")
    page.write_text("\n".join(marks), encoding="utf-8")
    words = ("--methods", "supervised,te_ti", "--unlabeled", "50,100", "--seeds", 1)
    done = console("benchmark", *mine, *words, "--render", page)
    assert done.code == 0, done.err
    names = ["supervised-25-seed0", "te_ti-25-seed0", "te_ti-25-unlabeled50-seed0"]
    assert sorted(f.stem for f in (tmp_path / "results" / "tiny").iterdir()) == names
    assert "[3/3]" in done.out
    head, _, *rows = page.read_text(encoding="utf-8").splitlines()[1:-1]
    assert head == "| method | steps | 25 % labels | 25 %, one look |"
    assert [row.split(" | ")[0] for row in rows] == ["| supervised", "| te_ti"]

    again = console("benchmark", *mine, *words)
    assert [line.split(": ")[1] for line in again.out.splitlines()[:3]] == ["done before"] * 3


def test_tables_and_figures_of_what_there_is(
    console: Console, mine: tuple[str | Path, ...], tmp_path: Path
) -> None:
    folder = tmp_path / "results" / "tiny"
    folder.mkdir(parents=True)
    for row in ("sc", "semantic_x2", "semantic_consistency"):
        (folder / f"{row}.json").write_text(json.dumps(result(row, 5, 0.5)), encoding="utf-8")
    table = console("benchmark", *mine, "--table", 2, "--show").out
    assert "Table 2" in table
    assert "TE + TI + SC" in table
    assert "semantic_x2" not in table
    drawn = console("benchmark", *mine, "--figure", 3, "--show")
    assert "figure3.png" in drawn.out.replace("\n", "")
    assert (folder / "figures" / "figure3.png").exists()
    assert "was not kept" in console("benchmark", *mine, "--figure", 4, "--show").error
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--table", 5), "no table 5"),
        (("--figure", 1), "no figure 1"),
        (("--table", 2, "--figure", 3), "give one of them"),
        (("--fractions", "5;10"), "percentages such as 5,10"),
        (("--unlabeled", "200"), "200 is no percentage"),
        (("--methods", "te-ti"), "did you mean 'te_ti'"),
        (("--ray", "127.0.0.1:1"), "no Ray cluster at '127.0.0.1:1'"),
    ],
)
def test_wrong_options_are_one_line(
    console: Console, mine: tuple[str | Path, ...], words: tuple[object, ...], message: str
) -> None:
    refused = console("benchmark", *mine, *words)
    assert message in refused.error
    assert refused.code == 2


def test_a_cell_that_failed_is_told_below_the_table(
    console: Console, mine: tuple[str | Path, ...], tmp_path: Path
) -> None:
    broken = tmp_path / "runs" / "tiny" / "supervised-25-seed0"
    broken.mkdir(parents=True)
    (broken / "problems.txt").touch()
    done = console("benchmark", *mine, "--methods", "supervised", "--seeds", 1)
    assert done.code == 1
    assert "1 of 1 cells failed" in done.error
    assert "this is not a run" in done.out
    assert "Tiny" in done.out
