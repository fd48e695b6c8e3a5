"""Verbs on what to label: suggest (which images), budget (how many)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pointillist.cli.prediction import Device
from pointillist.cli.printing import notes, print_json, print_table

RunFolder = Annotated[Path, typer.Argument(help="Folder of a training.")]


def suggest(
    run: RunFolder,
    images: Annotated[list[Path], typer.Argument(help="Images, folders, videos or data sets.")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many to pick.")] = 20,
    strategy: Annotated[
        str, typer.Option(help="random, uncertain, diverse, or both: uncertain and diverse.")
    ] = "both",
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="JSON file; suggestions.json in a project shows it."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    frames: Annotated[
        int, typer.Option(min=1, help="Of each video, so many varied frames are candidates.")
    ] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Of what is left to chance.")] = 0,
    device: Device = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """What to label next, and why."""
    from pointillist.suggest import suggest as rank

    found = rank(
        run,
        images,
        count=count,
        strategy=strategy,
        frames=frames,
        seed=seed,
        device=device,
        quiet=quiet or json,
        say=lambda line: typer.echo(line, err=True),
    )
    if out is not None:
        found.save(out)
    notes(found.problems)
    value = found.as_json(Path.cwd())
    if json:
        print_json(value)
        return
    rows = [["", "image", "why"]]
    for pick in value["picks"]:
        frame = "" if pick["frame"] is None else f", frame {pick['frame']}"
        rows.append([str(pick["rank"]), pick["image"] + frame, pick["why"]])
    title = f"{len(found.picks)} of {found.candidates} unlabelled images to label next ({strategy})"
    print_table(title, rows, prose=(1, 2))
    for reason, number in found.left_out.items():
        typer.echo(f"left out: {number} images that {reason}")
    if len(found.picks) < min(count, found.candidates):
        typer.echo("the other images nearly repeat these")
    if out is not None:
        typer.echo(f"wrote {out}")


def budget(
    run: RunFolder,
    more: Annotated[
        list[int] | None,
        typer.Option("--more", min=1, help="So many more labelled images; may be repeated."),
    ] = None,
    max_minutes: Annotated[
        float, typer.Option(min=0.1, help="Wall time of all trainings together.")
    ] = 30.0,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Optimiser steps of each; the run's, up to 1500.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each size.")] = 2,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    device: Device = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Results only.")] = False,
) -> None:
    """What more labels would bring: a learning curve from short trainings on fewer."""
    from pointillist.budget import budget as measure
    from pointillist.learning_curve import describe

    curve = measure(
        run,
        steps=steps,
        max_minutes=max_minutes,
        seeds=seeds,
        device=device,
        quiet=quiet or json,
        say=(lambda line: None) if quiet or json else typer.echo,
    )
    value = curve.as_json(more or None)
    if json:
        print_json(value)
        return
    for line in describe(value):
        typer.echo(line)
