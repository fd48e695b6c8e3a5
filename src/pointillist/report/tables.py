"""Scores as rows of text, for the terminal, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Metric = Mapping[str, Any]

#: The scores that are shown per keypoint.
KEYPOINT_SCORES = ("pck@0.1", "nme", "pixel_error_median")

#: What a table shows where there is no figure.
NONE = "–"


@dataclass(frozen=True)
class Table:
    """A table of text.

    Args:
        title: what it shows.
        columns: the headings; the first column holds names, the others figures.
        rows: each as long as ``columns``.
        prose: positions of columns that hold words, not figures.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    prose: tuple[int, ...] = ()


def figure(value: float | None, unit: str) -> str:
    """One figure in its unit: fractions as percent, pixels and lengths as they are."""
    if value is None:
        return NONE
    if unit == "fraction":
        return f"{100 * value:.1f} %"
    return f"{value:.2f} px" if unit == "px" else f"{value:.4f}"


def interval(metric: Metric) -> str:
    """The 95 % interval of a score in its unit."""
    if metric["ci95"] is None:
        return NONE
    low, high = (figure(end, metric["unit"]) for end in metric["ci95"])
    return f"{low.removesuffix(' %').removesuffix(' px')} to {high}"


def note(metric: Metric) -> str:
    """What distances are divided by where that is not the usual, why there is no figure or no
    interval, and what was left out."""
    parts = []
    length = metric.get("normalizer")
    if length not in (None, "bbox", "head"):  # a head's is in the score's name
        parts.append(f"by {length}" if isinstance(length, str) else f"by {length:g} px")
    if metric["value"] is None:
        parts.append(metric["reason"])
    elif metric["ci95"] is None:
        parts.append(metric["ci95_reason"])
    parts += [f"{count} {reason}" for reason, count in metric.get("left_out", {}).items()]
    return "; ".join(parts)


def metric_table(metrics: Mapping[str, Metric], title: str = "Scores") -> Table:
    """One row for each score: its value, interval, count, and what is to be said about it."""
    rows = [
        [
            name,
            figure(metric["value"], metric["unit"]),
            interval(metric),
            f"{metric['n']:,}",
            note(metric),
        ]
        for name, metric in metrics.items()
    ]
    return Table(title, ["score", "value", "95 % interval", "n", "note"], rows, prose=(4,))


def keypoint_table(
    metrics: Mapping[str, Metric],
    names: Sequence[str] = KEYPOINT_SCORES,
    title: str = "Per keypoint",
) -> Table:
    """One row for each keypoint: the named scores, and the points that the first one rests on.

    Names that are not among the scores, or have no figures per keypoint, are passed over.
    """
    names = [name for name in names if metrics.get(name, {}).get("per_keypoint")]
    if not names:
        return Table(title, ["keypoint", "n"], [])
    rows = []
    for keypoint, first in metrics[names[0]]["per_keypoint"].items():
        values = [
            figure(metrics[name]["per_keypoint"][keypoint]["value"], metrics[name]["unit"])
            for name in names
        ]
        rows.append([keypoint, *values, f"{first['n']:,}"])
    return Table(title, ["keypoint", *names, "n"], rows)


def comparison_table(
    results: Mapping[str, Mapping[str, Metric]], names: Sequence[str], title: str = "Comparison"
) -> Table:
    """One row for each of several results: the named scores with their intervals.

    Args:
        results: label (a method, say) -> scores.
        names: the scores to show.
        title: of the table.
    """
    rows = []
    for label, metrics in results.items():
        cells = []
        for name in names:
            metric = metrics[name]
            ends = "" if metric["ci95"] is None else f" ({interval(metric)})"
            cells.append(figure(metric["value"], metric["unit"]) + ends)
        rows.append([label, *cells])
    return Table(title, ["", *names], rows)


def markdown(table: Table) -> str:
    """A table in Markdown, columns aligned; ends with a line break."""

    def escape(text: str) -> str:
        return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")

    lines = [[escape(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(table.columns))]

    left = {0, *table.prose}

    def join(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        ":" + "-" * (width - 1) if column in left else "-" * (width - 1) + ":"
        for column, width in enumerate(widths)
    ]
    return "\n".join([join(lines[0]), join(rule), *(join(line) for line in lines[1:])]) + "\n"
