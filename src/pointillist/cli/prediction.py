"""Verbs on a trained run: evaluate, predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pointillist.cli.data import FormatName, Images, MissingAbsent
from pointillist.cli.printing import notes, print_json, print_table
from pointillist.cli.video import predict_videos

RunFolder = Annotated[Path, typer.Argument(help="Folder of a training, or an exported file.")]
Flip = Annotated[bool, typer.Option("--flip/--no-flip", help="Average over the mirror image.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, ...")]
Localize = Annotated[
    bool | None,
    typer.Option(
        "--localize/--no-localize",
        help="Find the objects first. Without either: where the data has no boxes and the run "
        "was trained with --localize.",
    ),
]
Boxes = Annotated[
    Path | None,
    typer.Option("--boxes", help="A detector's boxes: COCO results JSON with bbox and score."),
]
BoxScore = Annotated[
    float | None, typer.Option("--box-score", help="Drop boxes that are less certain.")
]


def evaluate(
    run: RunFolder,
    data: Annotated[Path, typer.Argument(help="Annotated data set.")],
    format: FormatName = None,
    images: Images = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    plots: Annotated[
        Path | None, typer.Option("--plots", help="Folder for plots and an HTML report.")
    ] = None,
    alpha: Annotated[
        list[float] | None, typer.Option("--alpha", help="PCK threshold; may be repeated.")
    ] = None,
    normalizer: Annotated[
        str, typer.Option(help="What PCK measures by: bbox, torso, image, or pixels (a number).")
    ] = "bbox",
    missing_absent: MissingAbsent = None,
    flip: Flip = True,
    device: Device = "auto",
    localize: Localize = None,
    boxes: Boxes = None,
    box_score: BoxScore = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Every metric with its definition, per point; plots."""
    from pointillist import inference
    from pointillist.exported import open_model
    from pointillist.familiar import familiar
    from pointillist.report.evaluation import write_report
    from pointillist.report.tables import keypoint_table, metric_table
    from pointillist.run import Run

    length = normalizer if normalizer.isalpha() else _number(normalizer)
    model = open_model(run)
    scores, truth, predicted = inference.evaluate(
        model,
        inference.as_dataset(data, format, images=images),
        missing_absent=missing_absent,
        alphas=tuple(alpha or (0.05, 0.1, 0.2)),
        normalizer=length,
        flip=flip,
        device=device,
        localize=localize,
        boxes=boxes,
        box_score=box_score,
        quiet=quiet or json,
        say=lambda line: notes([line]),
    )
    if plots is not None:
        about = f"{run} on {data}: {len(truth)} images"
        notes(write_report(plots, scores, truth, predicted, intro=about))
    notes(predicted.problems)
    if isinstance(model, Run):
        notes(familiar(model, truth))
    if json:
        print_json(scores)
        return
    for table in (metric_table(scores), keypoint_table(scores)):
        print_table(table.title, [table.columns, *table.rows], table.prose)
    if plots is not None:
        typer.echo(f"wrote {plots / 'index.html'}")


def predict(
    run: RunFolder,
    images: Annotated[list[Path], typer.Argument(help="Images, folders, data sets or videos.")],
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", help="File to write: .json, .csv, .slp, .h5; of several videos a folder."
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Layout to write, of those that convert writes, e.g. deeplabcut with a .csv, yolo "
            "with a folder; else the ending says it.",
        ),
    ] = None,
    format: FormatName = None,
    moved: Images = None,
    overlay: Annotated[
        Path | None,
        typer.Option(
            "--overlay", help="Folder for images with the points drawn; of a video the video file."
        ),
    ] = None,
    flip: Flip = True,
    device: Device = "auto",
    localize: Localize = None,
    boxes: Boxes = None,
    box_score: BoxScore = None,
    smooth: Annotated[
        bool, typer.Option("--smooth", help="Videos: smoothed points beside the raw ones.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Predict points; coordinates are in the files' pixels.

    Exit code 1 if anything could not be read.
    """
    from pointillist.formats.predictions import check_output, write_predictions
    from pointillist.media import is_video

    videos = [path for path in images if is_video(path)]
    if videos:
        if len(videos) < len(images):
            raise typer.BadParameter("give videos and images to separate calls")
        if boxes is not None:
            raise typer.BadParameter("--boxes are of images; of videos use --localize")
        predict_videos(
            run,
            videos,
            out,
            to=to,
            overlay=overlay,
            flip=flip,
            device=device,
            localize=localize,
            box_score=box_score,
            smooth=smooth,
            quiet=quiet,
        )
        return
    if smooth:
        raise typer.BadParameter("--smooth is for videos")
    check_output(out, to)
    from pointillist import inference
    from pointillist.report.overlays import write_overlays

    predicted = inference.predict(
        run,
        inference.as_dataset(images, format, images=moved),
        flip=flip,
        device=device,
        localize=localize,
        boxes=boxes,
        box_score=box_score,
        quiet=quiet,
        say=lambda line: notes([line]),
    )
    lost = write_predictions(predicted, out, to)
    if overlay is not None:
        notes(write_overlays(predicted, overlay))
    notes(lost)
    notes(predicted.problems, most=1000)
    unread = sum(image.problem is not None for image in predicted)
    empty = sum(image.problem is None and not image.instances for image in predicted)
    typer.echo(
        f"{len(predicted) - unread - empty} images predicted, {unread} not read"
        + (f", nothing found in {empty}" if empty else "")
        + f"; wrote {out}"
    )
    if unread:
        raise typer.Exit(1)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is neither a normaliser nor a number") from None
