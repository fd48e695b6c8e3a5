"""How the command line shows things."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer

#: Names up to this length are not folded where a terminal is narrow: figures are, instead.
_NAME = 24

#: Words are folded at this width, for longer lines are hard to read.
_LINE = 60


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))


def print_table(title: str, rows: Sequence[Sequence[str]], prose: Sequence[int] = ()) -> None:
    """A table whose first row is its head.

    Args:
        title: above it.
        rows: of cells; the first column holds names, the others figures.
        prose: positions of columns that hold words, not figures.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table

    if not rows:
        return
    table = Table(title=title, title_justify="left", title_style="bold")
    left = {0, *prose}
    short = all(cell_len(row[0]) <= _NAME for row in rows)
    for i, name in enumerate(rows[0]):
        table.add_column(
            name,
            justify="left" if i in left else "right",
            overflow="fold",
            no_wrap=short and i == 0,
            max_width=_LINE if i in prose else None,
        )
    for row in rows[1:]:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:  # a file or another program has no edge to fold at
        longest = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
        widths = [min(n, _LINE) if i in prose else n for i, n in enumerate(longest)]
        console = Console(width=sum(widths) + 3 * len(widths) + 1)
    console.print(table)


def notes(lines: Sequence[str], most: int = 20) -> None:
    """Remarks on standard error, the first ``most`` of them."""
    for line in lines[:most]:
        typer.echo(f"note: {line}", err=True)
    if len(lines) > most:
        typer.echo(f"note: and {len(lines) - most} more like these", err=True)
