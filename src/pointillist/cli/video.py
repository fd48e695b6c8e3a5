"""The verb predict, where it is given videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from pointillist.cli.printing import notes


def predict_videos(
    run: Path,
    videos: Sequence[Path],
    out: Path,
    *,
    to: str | None,
    overlay: Path | None,
    flip: bool,
    device: str,
    localize: bool | None,
    box_score: float | None,
    smooth: bool,
    quiet: bool,
) -> None:
    """Predicts videos one after the other; exit code 1 if anything in them could not be read."""
    from pointillist.boxes.choosing import box_detector
    from pointillist.errors import DataError
    from pointillist.exported import open_model
    from pointillist.inference import Predictor
    from pointillist.video_prediction import plan_outputs, predict_video

    plan = plan_outputs(videos, out, overlay, to)
    model = open_model(run)
    predictor = Predictor.open(model, flip=flip, device=device)
    detector = box_detector(
        model,
        localize=localize,
        score=box_score,
        device=device,
        say=lambda line: notes([line]),
    )
    unread = []
    for video, points, drawn in plan:
        try:
            report = predict_video(
                predictor,
                video,
                points,
                format=to,
                overlay=drawn,
                detector=detector,
                smooth=smooth,
                quiet=quiet,
                about={"run": str(run)},
            )
        except DataError as error:
            if len(plan) == 1:
                raise
            unread.append(str(error))
            continue
        typer.echo(
            f"{report.frames_read} of {report.frames} frames of {video} predicted "
            f"({report.rate:.0f} frames/s); wrote {points}"
            + ("" if drawn is None else f" and {drawn}")
        )
        if report.problem:
            unread.append(f"{video}: {report.problem}; {report.frames_read} frames were read")
    notes(unread, most=1000)
    if unread:
        raise typer.Exit(1)
