"""The verb benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pointillist.cli.names import PROTOCOLS
from pointillist.cli.printing import print_table
from pointillist.errors import ConfigError


def benchmark(
    protocol: Annotated[
        str, typer.Argument(help=f"Name of a protocol ({PROTOCOLS}), or a YAML file.")
    ],
    methods: Annotated[
        str | None, typer.Option(help="Rows, e.g. supervised,sc; the protocol's.")
    ] = None,
    fractions: Annotated[
        str | None, typer.Option(help="Percent of labels, e.g. 5,10; the protocol's.")
    ] = None,
    unlabeled: Annotated[
        str | None,
        typer.Option(help="Percent of the other images used without labels, 0: none; 100."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="How many seeds; 3, as the paper's table or figure.")
    ] = None,
    table: Annotated[
        int | None, typer.Option(help="Run and show this table of the paper: 1 to 4.")
    ] = None,
    figure: Annotated[
        int | None, typer.Option(help="Run and draw this figure of the paper: 3 or 4.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps of each.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Wall time of each.")] = None,
    jobs: Annotated[
        int, typer.Option(min=1, help="Trainings at a time, the cores shared out between them.")
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option(help="Spread over a Ray cluster: auto, local or ray://HOST:PORT."),
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder for the results.")] = Path(
        "benchmarks/results"
    ),
    runs: Annotated[Path, typer.Option(help="Folder for the trainings.")] = Path("runs/benchmark"),
    keep_runs: Annotated[
        bool, typer.Option("--keep-runs", help="Keep the trainings of finished cells.")
    ] = False,
    render: Annotated[
        list[Path] | None,
        typer.Option("--render", help="Markdown file to put the table into; may be repeated."),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Train nothing, show what there is.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> None:
    """A protocol's table on the data at hand; finished cells are never run twice."""
    from pointillist.benchmark.grid import CellsFailed, load_results, run_grid
    from pointillist.benchmark.paper import FIGURES, TABLES, get_part, part_cells
    from pointillist.benchmark.protocol import open_protocol
    from pointillist.benchmark.tables import by_look, fill_in, markdown, place_name, table_rows
    from pointillist.files import write_text

    chosen = open_protocol(protocol)
    if table is not None and figure is not None:
        raise ConfigError("--table and --figure are one part of the paper each: give one of them")
    part = None
    if table is not None:
        part = get_part(TABLES, table, "table")
    elif figure is not None:
        part = get_part(FIGURES, figure, "figure")
    shares = _numbers("--fractions", fractions)
    failure = None
    if not show:
        training: dict[str, Any] = {}
        if steps is not None:
            training["max_steps"] = steps
        if minutes is not None:
            training["max_minutes"] = minutes
        grid = part_cells(
            chosen,
            part,
            rows=_list(methods),
            fractions=shares,
            unlabeled=_numbers("--unlabeled", unlabeled),
            seeds=seeds,
        )
        try:
            run_grid(
                chosen,
                grid,
                results=results,
                runs=runs,
                training=training,
                jobs=jobs,
                ray=ray,
                keep_runs=keep_runs or figure == 4,  # which is drawn from networks
                quiet=quiet,
                say=typer.echo,
            )
        except CellsFailed as error:
            failure = error
    found = load_results(results, chosen.name)
    if figure is None:
        rows = table_rows(chosen, found, table)
        title = chosen.title if part is None else f"{chosen.title}. {part.title}"
        for look, narrower in by_look(rows).items():
            print_table(f"{title}: {chosen.metric}, test split{look}", narrower)
        for file in render or ():
            place = place_name(chosen.name, table)
            write_text(file, fill_in(file, place, markdown(rows)))
            typer.echo(f"rendered {file}")
    elif failure is None:
        from pointillist.benchmark.figures import write_figure

        picture = write_figure(
            figure,
            chosen,
            found,
            fraction=(shares or FIGURES[figure].fractions or chosen.fractions)[0],
            folder=results / chosen.name / "figures",
            runs=runs,
        )
        typer.echo(f"drawn {picture}")
    if failure is not None:
        raise failure


def _list(text: str | None) -> list[str] | None:
    return None if text is None else [piece.strip() for piece in text.split(",")]


def _numbers(option: str, text: str | None) -> list[float] | None:
    try:
        return None if text is None else [float(piece) for piece in text.split(",")]
    except ValueError:
        raise ConfigError(f"{option} takes percentages such as 5,10, not '{text}'") from None
