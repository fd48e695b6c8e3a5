"""The verb train."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from pointillist.cli.data import FormatName, Images, MissingAbsent
from pointillist.cli.names import METHODS
from pointillist.cli.printing import notes


def train(
    data: Annotated[
        Path | None,
        typer.Argument(help="Data set, or a folder that split wrote. Not needed to resume."),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="The run's folder.")] = Path("runs/run"),
    unlabeled: Annotated[
        list[Path] | None,
        typer.Option(
            "--unlabeled", help="More images without labels: folder, file, video or data set."
        ),
    ] = None,
    val: Annotated[
        Path | None,
        typer.Option(help="Validate on this; else on a share of the labelled images."),
    ] = None,
    format: FormatName = None,
    images: Images = None,
    method: Annotated[
        str | None,
        typer.Option(
            help=f"Training method: {METHODS}. Else the file's or the preset's, else auto."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="cpu, gpu or paper, below all other options; without it: gpu where there is one, "
            "else cpu."
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Backbone weights from a local file.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Options from a YAML file.")] = None,
    set: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any option, e.g. --set training.learning_rate=1e-4."),
    ] = None,
    flip_pairs: Annotated[
        list[str] | None,
        typer.Option(
            "--flip-pair",
            help="LEFT,RIGHT: two points that a mirror exchanges; may be repeated, and takes the "
            "place of all pairs that the data has.",
        ),
    ] = None,
    missing_absent: MissingAbsent = None,
    localize: Annotated[
        bool,
        typer.Option("--localize", help="Also learn to find the objects in whole images."),
    ] = False,
    max_steps: Annotated[int | None, typer.Option(help="Optimiser steps.")] = None,
    max_minutes: Annotated[float | None, typer.Option(help="Wall time, decoding included.")] = None,
    devices: Annotated[int | None, typer.Option(help="GPUs or processes a machine.")] = None,
    nodes: Annotated[int | None, typer.Option(help="Machines.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out, same split.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="An unreadable image is an error.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Train a keypoint detector."""
    from pointillist import training
    from pointillist.config import make_config

    other = (data, unlabeled, val, format, method, preset, weights, config, set, flip_pairs)
    numbers = {
        "max_steps": max_steps,
        "max_minutes": max_minutes,
        "devices": devices,
        "nodes": nodes,
        "seed": seed,
    }
    given = (*other, missing_absent, *numbers.values())
    if resume and (localize or any(value is not None for value in given)):
        raise typer.BadParameter(
            "--resume continues a run as it is: give only -o with it, and --images if they moved"
        )
    values: dict[str, Any] = {"model": {}, "training": {}}
    if method is not None:
        values["method"] = method
    if localize:
        values["localize"] = True
    if weights is not None:
        values["model"]["weights"] = str(weights)
    for key, value in numbers.items():
        if value is not None:
            values["training"][key] = value
    preset = preset or training.default_preset()
    options = make_config(preset=preset, file=config, sets=set or (), values=values)
    run = training.train(
        data,
        out,
        format=format,
        images=images,
        unlabeled=unlabeled or (),
        val=val,
        config=options,
        flip_pairs=[_pair(text) for text in flip_pairs or ()],
        missing_absent=missing_absent,
        resume=resume,
        strict=strict,
        quiet=quiet,
    )
    notes(run.problems)
    if run.config.localize:
        _say_found(run.path / "box_finder.json")
    ended = run.metrics
    best = ended["best_val_pck@0.1"]
    score = "no validation set" if best is None else f"validation PCK@0.1 {100 * best:.1f} %"
    steps, planned = ended["steps"], run.config.training.max_steps
    fewer = f" of at most {planned:,}" if steps < planned else ""
    typer.echo(f"{steps:,} steps{fewer} in {ended['minutes']:.1f} min; {score}; run: {run.path}")
    if not quiet:
        folder = shlex.quote(str(run.path))
        typer.echo(
            f"next: pointillist predict {folder} IMAGES -o points.csv --overlay overlays\n"
            f"      pointillist evaluate {folder} LABELLED --plots report"
        )


def _say_found(file: Path) -> None:
    from pointillist.files import read_json

    report = read_json(file)
    typer.echo(
        f"box finder: {report['found']} of {report['objects']} objects found and "
        f"{report['extra']} boxes of none, on {report['checked_on']}"
    )


def _pair(text: str) -> tuple[str, str]:
    left, comma, right = text.partition(",")
    if not comma:
        raise typer.BadParameter(f"'{text}' is not of the form LEFT,RIGHT")
    return left.strip(), right.strip()
