"""The verb benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pointillist.cli.printing import print_table


def benchmark(
    protocol: Annotated[str, typer.Argument(help="Name of a protocol, or a YAML file.")],
    methods: Annotated[str | None, typer.Option(help="Rows, e.g. supervised; all.")] = None,
    fractions: Annotated[
        str | None, typer.Option(help="Percent of labels, e.g. 5,10; the protocol's.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 3,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps of each.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Wall time of each.")] = None,
    results: Annotated[Path, typer.Option(help="Folder for the results.")] = Path(
        "benchmarks/results"
    ),
    runs: Annotated[Path, typer.Option(help="Folder for the trainings.")] = Path("runs/benchmark"),
    render: Annotated[
        list[Path] | None,
        typer.Option("--render", help="Markdown file to put the table into; may be repeated."),
    ] = None,
    table_only: Annotated[
        bool, typer.Option("--table", help="Train nothing, show what there is.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> None:
    """A protocol's table on the data at hand; finished cells are never run twice."""
    from pointillist.benchmark.grid import cells, load_results, run_grid
    from pointillist.benchmark.protocol import open_protocol
    from pointillist.benchmark.tables import fill_in, markdown, table_rows
    from pointillist.files import write_text

    chosen = open_protocol(protocol)
    if not table_only:
        training: dict[str, Any] = {}
        if steps is not None:
            training["max_steps"] = steps
        if minutes is not None:
            training["max_minutes"] = minutes
        names = methods.split(",") if methods else list(chosen.methods)
        shares = [float(f) for f in fractions.split(",")] if fractions else chosen.fractions
        grid = cells(names, shares, seeds)
        run_grid(
            chosen, grid, results=results, runs=runs, training=training, quiet=quiet, say=typer.echo
        )
    rows = table_rows(load_results(results, chosen.name), chosen.metric, chosen.published)
    print_table(f"{chosen.title}: {chosen.metric}, test split", rows)
    for file in render or ():
        write_text(file, fill_in(file, chosen.name, markdown(rows)))
        typer.echo(f"rendered {file}")
