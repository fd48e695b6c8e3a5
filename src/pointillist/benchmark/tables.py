"""Tables of results: mean and standard deviation over seeds, rendered from the JSON files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.errors import DataError

#: A file marks where a protocol's table belongs with a pair of these.
_BEGIN, _END = "<!-- benchmark: {} -->", "<!-- end of benchmark: {} -->"


def table_rows(
    results: Sequence[dict[str, Any]],
    metric: str,
    published: Mapping[str, Mapping[float, str]] | None = None,
) -> list[list[str]]:
    """Rows of text, the head first: one row a method, one column a share of labels.

    A cell is mean +- standard deviation over seeds in percent, and how many seeds. The paper's
    rows, where there are any, come last.
    """
    published = published or {}
    values: dict[tuple[str, float], list[float]] = defaultdict(list)
    steps: dict[str, set[int]] = defaultdict(set)
    for result in results:
        value = result["metrics"][metric]["value"]
        if value is not None:
            values[result["method"], result["fraction"]].append(100 * value)
        steps[result["method"]].add(result["steps"])
    shown = {fraction for _, fraction in values}
    fractions = sorted(shown | {fraction for row in published.values() for fraction in row})
    head = ["method", "steps", *(f"{fraction:g} % labels" for fraction in fractions)]
    rows = [head]
    for method in dict.fromkeys(result["method"] for result in results):
        counts = ", ".join(f"{n:,}" for n in sorted(steps[method]))
        cells = [_cell(values.get((method, fraction), [])) for fraction in fractions]
        rows.append([method, counts, *cells])
    for name, row in published.items():
        rows.append([f"{name} (paper)", "", *(row.get(f, "–") for f in fractions)])
    return rows


def _cell(values: list[float]) -> str:
    if not values:
        return "–"
    mean = f"{np.mean(values):.1f}"
    if len(values) == 1:
        return f"{mean} (1 seed)"
    return f"{mean} ± {np.std(values, ddof=1):.1f} ({len(values)} seeds)"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines)


def fill_in(file: Path, protocol: str, table: str) -> str:
    """The text of a Markdown file with a protocol's table between its two marks.

    Raises:
        DataError: the file has no such marks.
    """
    text = file.read_text(encoding="utf-8")
    begin, end = _BEGIN.format(protocol), _END.format(protocol)
    if begin not in text or end not in text:
        raise DataError(f"this file has no place for the table of {protocol}", where=file)
    before, rest = text.split(begin, 1)
    after = rest.split(end, 1)[1]
    return f"{before}{begin}\n{table}\n{end}{after}"
