"""Tables of results: mean and standard deviation over seeds, rendered from the JSON files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.benchmark.ablations import ABLATIONS, CHANGED
from pointillist.benchmark.paper import TABLES, Part, get_part
from pointillist.benchmark.protocol import Protocol
from pointillist.errors import DataError

#: A file marks where a protocol's table belongs with a pair of these.
_BEGIN, _END = "<!-- benchmark: {} -->", "<!-- end of benchmark: {} -->"

#: How the head of a column of scores from one look ends.
_ONE_LOOK = ", one look"

#: What is in a cell of which nothing is known.
_NOTHING = "–"

Results = Sequence[Mapping[str, Any]]


def place_name(protocol: str, table: int | None) -> str:
    """What the marks in a Markdown file call a protocol's table."""
    return protocol if table is None else f"{protocol} table {table}"


def table_rows(protocol: Protocol, results: Results, table: int | None = None) -> list[list[str]]:
    """Rows of text, the head first.

    A cell is mean +- standard deviation over seeds in percent, and how many seeds. The paper's
    figures, where the protocol has them, stand below those measured.

    Args:
        protocol: of the results.
        results: all of them.
        table: in the layout of this table of the paper; none: every row of the protocol and
            every ablation that has results, those on labels alone below, also from one look
            where that was another score, the figures of Table 1 last.
    """
    values = _Values(protocol, results)
    if table == 3:
        return _amounts(protocol, values)
    if table is not None:
        return _like_paper(protocol, values, get_part(TABLES, table, "table"), table)
    published = protocol.published.get(1, {})
    # Rows with scaled weights are for a figure.
    hidden = set(CHANGED) - set(ABLATIONS)
    known = [*protocol.methods, *protocol.variants, *ABLATIONS]
    shown = (100.0, 0.0)  # what a part of the unlabelled images is worth, Table 3 tells
    measured = values.rows(*shown)
    order = [row for row in known if row in measured]
    order += [row for row in measured if row not in known and row not in hidden]
    fractions = values.fractions(order, published.values(), *shown)
    rows = [["method", "steps", *(f"{fraction:g} % labels" for fraction in fractions)]]
    lines = {
        row if amount else f"{row}, labels alone": (row, amount)
        for row in order
        for amount in shown
        if amount in values.amounts(row)
    }
    rows += [[name, *values.line(row, fractions, of)] for name, (row, of) in lines.items()]
    rows += [_published(name, line, fractions) for name, line in published.items()]
    looks = _Values(protocol, [r for r in results if r.get("one_look")], "one_look")
    once = looks.fractions(order, (), *shown)
    if protocol.flip_test and once:
        rows[0] += [f"{fraction:g} %{_ONE_LOOK}" for fraction in once]
        for line in rows[1:]:
            row, of = lines.get(line[0], (line[0], 100.0))
            line += [looks.text((row, fraction, of)) for fraction in once]
    return rows


def _like_paper(protocol: Protocol, values: _Values, part: Part, number: int) -> list[list[str]]:
    published = protocol.published.get(number, {})
    fractions = values.fractions(part.rows.values(), published.values(), 100.0)
    rows = [[part.head, "steps", *(f"{fraction:g} % labels" for fraction in fractions)]]
    measured = values.rows(100.0)
    for name, row in part.rows.items():
        known = published.get(part.published_name(name))
        if known is not None or row in measured:
            rows.append([name, *values.line(row, fractions)])
        if known is not None:
            rows.append(_published(part.published_name(name), known, fractions))
    return rows


def _amounts(protocol: Protocol, values: _Values) -> list[list[str]]:
    """Table 3: the amounts of unlabelled data and the supervised baseline (SB) as columns."""
    part = TABLES[3]
    whole, baseline = part.rows.values()
    fractions = values.with_amounts(whole) or list(part.fractions or ())
    amounts = sorted({*part.unlabeled, *values.amounts(whole)})
    rows = [[part.head, "steps", *(f"{a:g} %" for a in amounts), "SB"]]
    for fraction in fractions:
        places = [(whole, fraction, a) for a in amounts] + [(baseline, fraction, 100.0)]
        name = f"{protocol.name}, {fraction:g} % labels"
        rows.append([name, values.steps(places), *(values.text(place) for place in places)])
    published = protocol.published.get(3)
    if published:
        (fraction,) = part.fractions or ()
        line = [published["Ours"].get(amount, _NOTHING) for amount in amounts]
        name = f"{protocol.name}, {fraction:g} % labels (paper)"
        rows.append([name, "", *line, published["SB"][100]])
    return rows


def _published(name: str, line: Mapping[float, str], fractions: Iterable[float]) -> list[str]:
    return [f"{name} (paper)", "", *(line.get(fraction, _NOTHING) for fraction in fractions)]


#: A row, its percent of labelled images, and that of the others which are there without labels.
_Place = tuple[str, float, float]


class _Values:
    """The protocol's metric in all results, in percent, and how long the trainings were."""

    def __init__(self, protocol: Protocol, results: Results, scores: str = "metrics") -> None:
        self._values: dict[_Place, list[float]] = defaultdict(list)
        self._steps: dict[_Place, set[int]] = defaultdict(set)
        for result in results:
            place = (result["method"], result["fraction"], result.get("unlabeled", 100))
            value = result[scores][protocol.metric]["value"]
            if value is not None:
                self._values[place].append(100 * value)
            self._steps[place].add(result["steps"])

    def rows(self, *amounts: float) -> list[str]:
        """Rows with results on these shares of the unlabelled images."""
        return list(dict.fromkeys(row for row, _, amount in self._steps if amount in amounts))

    def fractions(
        self, rows: Iterable[str], published: Iterable[Mapping[float, str]], *amounts: float
    ) -> list[float]:
        """Shares of labels that any of these rows has a figure for, with such a share of the
        unlabelled images."""
        wanted = set(rows)
        found = {f for row, f, amount in self._values if row in wanted and amount in amounts}
        return sorted(found | {fraction for line in published for fraction in line})

    def amounts(self, row: str) -> set[float]:
        """Shares of unlabelled images that a row was trained on."""
        return {amount for r, _, amount in self._steps if r == row}

    def with_amounts(self, row: str) -> list[float]:
        """Shares of labels at which a row was trained on a part of the unlabelled images."""
        return sorted({f for r, f, amount in self._values if r == row and amount < 100})

    def steps(self, places: Iterable[_Place]) -> str:
        """How long the trainings were, each length once."""
        return ", ".join(f"{n:,}" for n in sorted({n for p in places for n in self._at(p)}))

    def _at(self, place: _Place) -> set[int]:
        return self._steps.get(place, set())

    def line(self, row: str, fractions: Iterable[float], amount: float = 100.0) -> list[str]:
        """Steps and figures of a row on so many percent of the unlabelled images."""
        places = [(row, fraction, amount) for fraction in fractions]
        return [self.steps(places), *(self.text(place) for place in places)]

    def text(self, place: _Place) -> str:
        """Mean, standard deviation and number of seeds."""
        return mean_and_spread(self._values.get(place, [])) or _NOTHING


def mean_and_spread(values: Sequence[float]) -> str:
    """Mean, standard deviation and number of seeds; of nothing, nothing."""
    if not values:
        return ""
    mean = f"{np.mean(values):.1f}"
    if len(values) == 1:
        return f"{mean} (1 seed)"
    return f"{mean} ± {np.std(values, ddof=1):.1f} ({len(values)} seeds)"


def by_look(rows: list[list[str]]) -> dict[str, list[list[str]]]:
    """A wide table as two that a terminal has room for: what to add to the title, and rows.

    The second one has the scores from one look, the last columns, where there are any.
    """
    usual = sum(not name.endswith(_ONE_LOOK) for name in rows[0])
    if usual == len(rows[0]):
        return {"": rows}
    head = [name.replace(_ONE_LOOK, " labels") for name in rows[0]]
    once = [row[:2] + row[usual:] for row in (head, *rows[1:])]
    return {"": [row[:usual] for row in rows], _ONE_LOOK: once}


def verdict(value: float, target: float, *, least: bool = True) -> str:
    """Whether a target was met, in words that cannot be overlooked."""
    met = value >= target if least else value <= target
    return f"{'at least' if least else 'at most'} {target:g}: {'met' if met else '**missed**'}"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines)


def fill_in(file: Path, place: str, table: str) -> str:
    """The text of a Markdown file with a table between its two marks.

    Args:
        file: the Markdown file.
        place: what its marks call the table, see :func:`place_name`.
        table: in Markdown.

    Raises:
        DataError: the file is not there or has no such marks.
    """
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    begin, end = _BEGIN.format(place), _END.format(place)
    if begin not in text or end not in text:
        raise DataError(
            f"this file has no place for the table of {place}",
            where=file,
            do=f"Mark one with the lines {begin} and {end}",
        )
    before, rest = text.split(begin, 1)
    after = rest.split(end, 1)[1]
    return f"{before}{begin}\n{table}\n{end}{after}"
