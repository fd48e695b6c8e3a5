"""The verb label."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def label(
    project: Annotated[Path, typer.Argument(help="The project's folder; a new one is made.")],
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of images or videos, or a data set, to take into the project."),
    ] = None,
    keypoints: Annotated[
        str | None,
        typer.Option(help="Names for a new project, e.g. nose,left_ear,right_ear; else it asks."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="A training whose predictions are to be reviewed.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    token: Annotated[
        str | None, typer.Option(help="What a browser must show; elsewhere one is made.")
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
) -> None:
    """A page in the browser: label, review and correct, train, again; partial work is fine."""
    from pointillist.web import serve

    names = [name.strip() for name in keypoints.split(",")] if keypoints else None
    serve(
        project,
        images=images,
        keypoints=names,
        run=run,
        host=host,
        port=port,
        token=token,
        open_browser=browser,
    )
