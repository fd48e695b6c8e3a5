"""Verbs on a trained run: evaluate, predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from pointillist.cli.printing import notes, print_json, print_table

RunFolder = Annotated[Path, typer.Argument(help="Folder of a training.")]
Flip = Annotated[bool, typer.Option("--flip/--no-flip", help="Average over the mirror image.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, ...")]


def evaluate(
    run: RunFolder,
    data: Annotated[Path, typer.Argument(help="Annotated data set.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    plots: Annotated[
        Optional[Path], typer.Option("--plots", help="Folder for plots and an HTML report.")
    ] = None,
    alpha: Annotated[
        Optional[list[float]], typer.Option("--alpha", help="PCK threshold; may be repeated.")
    ] = None,
    normalizer: Annotated[
        str, typer.Option(help="What PCK measures by: bbox, torso, image, or pixels (a number).")
    ] = "bbox",
    flip: Flip = True,
    device: Device = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Every metric with its definition, per point; plots."""
    from pointillist import inference
    from pointillist.report.evaluation import write_report
    from pointillist.report.tables import keypoint_table, metric_table

    length = normalizer if normalizer.isalpha() else _number(normalizer)
    scores, truth, predicted = inference.evaluate(
        run,
        data,
        alphas=tuple(alpha or (0.05, 0.1, 0.2)),
        normalizer=length,
        flip=flip,
        device=device,
        quiet=quiet or json,
    )
    if plots is not None:
        notes(write_report(plots, scores, truth, predicted))
    notes(predicted.problems)
    if json:
        print_json(scores)
        return
    for table in (metric_table(scores), keypoint_table(scores)):
        print_table(table.title, [table.columns, *table.rows])
    if plots is not None:
        typer.echo(f"wrote {plots / 'index.html'}")


def predict(
    run: RunFolder,
    images: Annotated[list[Path], typer.Argument(help="Images, folders or data sets.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write: .json or .csv.")],
    overlay: Annotated[
        Optional[Path], typer.Option("--overlay", help="Folder for images with the points drawn.")
    ] = None,
    flip: Flip = True,
    device: Device = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Predict points; coordinates are in the files' pixels."""
    from pointillist import inference
    from pointillist.formats.predictions import write_predictions
    from pointillist.report.overlays import write_overlays

    predicted = inference.predict(run, images, flip=flip, device=device, quiet=quiet)
    lost = write_predictions(predicted, out)
    if overlay is not None:
        notes(write_overlays(predicted, overlay))
    notes(lost)
    notes(predicted.problems, most=1000)
    unread = sum(not image.instances for image in predicted.images)
    typer.echo(f"{len(predicted) - unread} images predicted, {unread} not; wrote {out}")
    if unread == len(predicted):
        raise typer.Exit(1)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is neither a normaliser nor a number") from None
