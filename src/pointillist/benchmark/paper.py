"""What the tables and figures of "Semi-supervised keypoint localization" (ICLR 2021) consist of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pointillist.benchmark.ablations import SENSITIVITY, WHOLE
from pointillist.benchmark.cells import Cell, cells
from pointillist.benchmark.protocol import Protocol
from pointillist.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Part:
    """A table or figure: its cells.

    Args:
        title: what it shows.
        rows: the row's name there -> the protocol's row.
        fractions: percents of labelled images; none: the protocol's.
        unlabeled: percents of the others that are there without labels.
        seeds: the paper's number of runs.
        head: of the first column of a table.
        paper_rows: what the paper calls a row, where that says something of its network.
    """

    title: str
    rows: Mapping[str, str]
    fractions: Sequence[float] | None = None
    unlabeled: Sequence[float] = (100,)
    seeds: int = 1
    head: str = "Method"
    paper_rows: Mapping[str, str] | None = None

    def published_name(self, name: str) -> str:
        """What the protocol's ``published`` calls a row."""
        return (self.paper_rows or {}).get(name, name)


TABLES: dict[int, Part] = {
    1: Part(
        "Table 1: methods",
        {
            "Supervised": "supervised",
            "Pseudo-labels": "pseudo_labels",
            "ELT": "equivariant_landmarks",
            "Gen": "generative",
            "Semantic consistency": WHOLE,
        },
        seeds=3,
        paper_rows={
            "Supervised": "HRNet",
            "Pseudo-labels": "PL",
            "Semantic consistency": "Ours",
        },
    ),
    2: Part(
        "Table 2: losses",
        {
            "TE + TI + SC": WHOLE,
            "TE + TI": "te_ti",
            "SC": "sc",
            "TI + SC": "ti_sc",
            "TE + SC": "te_sc",
            "TI": "ti",
            "Supervised baseline": "supervised",
        },
        head="Unsupervised losses",
    ),
    3: Part(
        "Table 3: amount of unlabelled data",
        {"Ours": WHOLE, "SB": "supervised"},
        fractions=(5,),
        unlabeled=(10, 20, 50, 100),
        head="Unlabelled images",
    ),
    4: Part(
        "Table 4: ground-truth heatmaps in the unsupervised losses",
        {"With g/t heatmaps": WHOLE, "Without g/t heatmaps": "no_true_heatmaps"},
    ),
}

FIGURES: dict[int, Part] = {
    3: Part(
        "Figure 3: sensitivity to the weights of the losses",
        {row: row for rows in SENSITIVITY.values() for row in rows.values()},
        fractions=(5,),
    ),
    4: Part(
        "Figure 4: t-SNE of representations",
        {"Supervised": "supervised", "Semantic consistency": WHOLE},
        fractions=(5,),
    ),
}


def get_part(parts: Mapping[int, Part], number: int, what: str) -> Part:
    """A table or figure by its number; others are refused with the known ones."""
    if number not in parts:
        known = did_you_mean(str(number), map(str, parts))
        raise ConfigError(f"the benchmark has no {what} {number}", do=known)
    return parts[number]


def part_cells(
    protocol: Protocol,
    part: Part | None,
    *,
    rows: Sequence[str] | None = None,
    fractions: Sequence[float] | None = None,
    unlabeled: Sequence[float] | None = None,
    seeds: int | None = None,
) -> list[Cell]:
    """The grid of a table or figure, or of the protocol's own methods.

    Args:
        protocol: whose.
        part: the table or figure; none: what the protocol lists, three times.
        rows, fractions, unlabeled, seeds: these in place of the part's.
    """
    if part is None:
        part = Part(protocol.title, {row: row for row in protocol.methods}, seeds=3)
    return cells(
        protocol,
        rows or list(dict.fromkeys(part.rows.values())),
        fractions or part.fractions or protocol.fractions,
        seeds or part.seeds,
        unlabeled or part.unlabeled,
    )
