"""Which cells the tables and figures of the paper have."""

from __future__ import annotations

import pytest

from pointillist.benchmark.paper import FIGURES, TABLES, get_part, part_cells
from pointillist.benchmark.protocol import open_protocol
from pointillist.errors import ConfigError

PAPERS = ("lsp", "cub", "mpii", "atrw")


def names(protocol: str, table: int | None = None, figure: int | None = None) -> list[str]:
    part = TABLES[table] if table else FIGURES[figure] if figure else None
    return [cell.name for cell in part_cells(open_protocol(protocol), part)]


@pytest.mark.parametrize("name", PAPERS)
def test_the_papers_protocols_have_every_part(name: str) -> None:
    assert len(names(name, table=1)) == len(names(name)) == 5 * 5 * 3 - 3
    assert len(names(name, table=2)) == 7 * 5
    assert names(name, table=3) == [
        *(f"semantic_consistency-5-unlabeled{p}-seed0" for p in (10, 20, 50)),
        "semantic_consistency-5-seed0",
        "supervised-5-seed0",
    ]
    assert len(names(name, table=4)) == 2 * 5
    assert len(names(name, figure=3)) == 7
    assert names(name, figure=4) == ["supervised-5-seed0", "semantic_consistency-5-seed0"]


def test_parts_share_their_cells() -> None:
    """What Table 2 needs and Table 1 has is not trained again."""
    assert "semantic_consistency-5-seed0" in set(names("lsp", table=1)) & set(names("lsp", table=2))
    assert "semantic_consistency-5-seed0" in set(names("lsp", figure=3))


def test_a_part_can_be_narrowed() -> None:
    found = part_cells(
        open_protocol("lsp"), TABLES[2], rows=["sc"], fractions=[5], unlabeled=[20], seeds=2
    )
    assert [cell.name for cell in found] == [f"sc-5-unlabeled20-seed{seed}" for seed in (0, 1)]


def test_published_rows_are_rows_of_the_table() -> None:
    for name in PAPERS:
        for number, rows in open_protocol(name).published.items():
            part = TABLES[number]
            known = [part.published_name(row) for row in part.rows]
            assert list(rows) == known, (name, number)


def test_there_is_no_table_5() -> None:
    with pytest.raises(ConfigError, match="no table 5"):
        get_part(TABLES, 5, "table")
