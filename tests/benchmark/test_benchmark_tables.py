"""Tables of results."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointillist.benchmark.protocol import Protocol, open_protocol
from pointillist.benchmark.tables import by_look, fill_in, markdown, place_name, table_rows
from pointillist.errors import ConfigError, DataError
from tiny_protocol import result, tiny_protocol

SC = "semantic_consistency"


@pytest.fixture
def tiny() -> Protocol:
    return tiny_protocol()


def test_mean_and_standard_deviation_over_seeds(tiny: Protocol) -> None:
    results = [result(SC, 5, 0.40), result(SC, 5, 0.44, steps=2000), result(SC, 10, 0.5)]
    rows = table_rows(tiny, [*results, result("supervised", 5, None)])
    # The deviation of 40 and 44 with n - 1 is sqrt(8) = 2.8. Rows are in the protocol's order.
    assert rows == [
        ["method", "steps", "5 % labels", "10 % labels"],
        ["supervised", "10", "–", "–"],
        [SC, "10, 2,000", "42.0 ± 2.8 (2 seeds)", "50.0 (1 seed)"],
    ]


def test_what_one_look_gives_stands_beside_it(tiny: Protocol) -> None:
    once = {"one_look": {"pck@0.1": {"value": 0.36, "ci95": None}}}
    rows = table_rows(tiny, [result(SC, 5, 0.40, **once), result("supervised", 10, 0.5)])
    assert rows == [
        ["method", "steps", "5 % labels", "10 % labels", "5 %, one look"],
        ["supervised", "10", "–", "50.0 (1 seed)", "–"],
        [SC, "10", "40.0 (1 seed)", "–", "36.0 (1 seed)"],
    ]
    tiny.flip_test = False  # then it is the figure of the table
    assert table_rows(tiny, [result(SC, 5, 0.40, **once)])[0] == ["method", "steps", "5 % labels"]


def test_every_row_that_was_measured_is_shown_but_scaled_weights(tiny: Protocol) -> None:
    names = ["unknown", "semantic_x2", "sc", "te_ti", SC, "supervised"]
    rows = table_rows(tiny, [result(name, 5, 0.5) for name in names])
    assert [row[0] for row in rows[1:]] == ["supervised", SC, "te_ti", "sc", "unknown"]


def test_parts_of_the_unlabelled_images_are_not_mixed_with_all(tiny: Protocol) -> None:
    rows = table_rows(tiny, [result(SC, 5, 0.4), result(SC, 5, 0.2, unlabeled=10)])
    assert rows[1] == [SC, "10", "40.0 (1 seed)"]
    old = {key: value for key, value in result(SC, 5, 0.4).items() if key != "unlabeled"}
    assert table_rows(tiny, [old])[1] == [SC, "10", "40.0 (1 seed)"]


def test_labels_alone_have_a_line_of_their_own(tiny: Protocol) -> None:
    once = {"one_look": {tiny.metric: {"value": 0.2}}}
    tiny.flip_test = True
    rows = table_rows(tiny, [result(SC, 5, 0.4), result(SC, 5, 0.3, unlabeled=0, **once)])
    assert rows[1:] == [
        [SC, "10", "40.0 (1 seed)", "–"],
        [f"{SC}, labels alone", "10", "30.0 (1 seed)", "20.0 (1 seed)"],
    ]
    # The paper's tables are of all images.
    assert len(table_rows(tiny, [result(SC, 5, 0.3, unlabeled=0)], 2)) == 1


def test_one_look_is_a_table_of_its_own_on_a_terminal() -> None:
    rows = [
        ["method", "steps", "5 % labels", "10 % labels", "5 %, one look"],
        [SC, "10", "40.0", "50.0", "30.0"],
    ]
    assert by_look(rows) == {
        "": [row[:4] for row in rows],
        ", one look": [["method", "steps", "5 % labels"], [SC, "10", "30.0"]],
    }
    assert by_look([row[:4] for row in rows]) == {"": [row[:4] for row in rows]}


def test_published_rows_come_last(tiny: Protocol) -> None:
    tiny.published = {1: {"HRNet": {5: "40.19", 50: "62.61"}}}
    rows = table_rows(tiny, [result("supervised", 5, 0.4)])
    assert rows[0] == ["method", "steps", "5 % labels", "50 % labels"]
    assert rows[1:] == [
        ["supervised", "10", "40.0 (1 seed)", "–"],
        ["HRNet (paper)", "", "40.19", "62.61"],
    ]


def test_table_1_has_the_papers_figures_below_each_row() -> None:
    rows = table_rows(open_protocol("lsp"), [result("supervised", 5, 0.4)], 1)
    assert rows[0] == ["Method", "steps", *(f"{f} % labels" for f in (5, 10, 20, 50, 100))]
    assert rows[1] == ["Supervised", "10", "40.0 (1 seed)", "–", "–", "–", "–"]
    assert rows[2][:3] == ["HRNet (paper)", "", "40.19 ± 1.46"]
    assert [row[0] for row in rows[3:]] == [
        *("Pseudo-labels", "PL (paper)", "ELT", "ELT (paper)", "Gen", "Gen (paper)"),
        *("Semantic consistency", "Ours (paper)"),
    ]


def test_tables_2_and_4_are_in_the_papers_order(tiny: Protocol) -> None:
    results = [result(name, 5, 0.5) for name in ("supervised", "sc", SC, "no_true_heatmaps")]
    assert [row[0] for row in table_rows(tiny, results, 2)] == [
        *("Unsupervised losses", "TE + TI + SC", "SC", "Supervised baseline")
    ]
    assert [row[0] for row in table_rows(tiny, results, 4)] == [
        *("Method", "With g/t heatmaps", "Without g/t heatmaps")
    ]
    lsp = table_rows(open_protocol("lsp"), results, 2)
    assert lsp[1:3] == [
        ["TE + TI + SC", "10", "50.0 (1 seed)", "–", "–", "–", "–"],
        ["TE + TI + SC (paper)", "", "66.32", "69.09", "71.62", "72.19", "74.44"],
    ]


def test_table_3_has_the_amounts_as_columns() -> None:
    results = [
        *(result(SC, 5, 0.01 * p, unlabeled=p) for p in (10, 100)),
        result(SC, 10, 0.7, unlabeled=10),
        result("supervised", 5, 0.08, steps=20),
    ]
    rows = table_rows(open_protocol("cub"), results, 3)
    head = [*(f"{p} %" for p in (10, 20, 50, 100)), "SB"]
    assert rows == [
        ["Unlabelled images", "steps", *head],
        ["cub, 5 % labels", "10, 20", "10.0 (1 seed)", "–", "–", "100.0 (1 seed)", "8.0 (1 seed)"],
        ["cub, 10 % labels", "10", "70.0 (1 seed)", "–", "–", "–", "–"],
        ["cub, 5 % labels (paper)", "", "87.01", "88.33", "89.44", "91.34", "85.33"],
    ]
    assert table_rows(open_protocol("mpii"), [], 3)[1:] == [["mpii, 5 % labels", "", *"–––––"]]


def test_there_is_no_table_5(tiny: Protocol) -> None:
    with pytest.raises(ConfigError, match="the benchmark has no table 5"):
        table_rows(tiny, [], 5)


def test_a_table_takes_the_place_between_its_marks(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    begin, end = "<!-- benchmark: p table 2 -->", "<!-- end of benchmark: p table 2 -->"
    file.write_text(f"before\n{begin}\nold\n{end}\nafter\n", encoding="utf-8")
    text = fill_in(file, place_name("p", 2), markdown([["x", "y"], ["1", "2"]]))
    assert text == f"before\n{begin}\n| x | y |\n| --- | --- |\n| 1 | 2 |\n{end}\nafter\n"
    for page in (file, tmp_path / "missing.md"):
        with pytest.raises(DataError, match="no place for the table of p"):
            fill_in(page, place_name("p", None), "")
