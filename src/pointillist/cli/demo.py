"""The verb demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pointillist.cli.printing import print_table


def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for everything.")] = Path("demo"),
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of data, labels and training.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> None:
    """Built-in data, 5 % labels: supervised and semi-supervised training, a table and pictures."""
    from pointillist.demo import COMPARISON, run_demo
    from pointillist.report.tables import comparison_table

    outcomes = run_demo(out, steps=steps, seed=seed, quiet=quiet, say=typer.echo)
    table = comparison_table({o.method: o.metrics for o in outcomes}, ["pck@0.1", "pck@0.2", "nme"])
    print_table(table.title, [table.columns, *table.rows], table.prose)
    once = ", ".join(f"{o.method} {100 * o.one_look:.1f}" for o in outcomes)
    typer.echo(
        "auto averages over magnified copies of an image and smooths, both over its mirror image; "
        f"from a single look PCK@0.1 is: {once} %"
    )
    typer.echo(f"both side by side: {out / COMPARISON}")
    for outcome in outcomes:
        typer.echo(f"pictures and plots: {out / 'report' / outcome.method / 'index.html'}")
