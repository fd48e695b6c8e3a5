"""The verb export."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Format(str, Enum):
    """What can be written."""

    onnx = "onnx"
    openvino = "openvino"


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training.")],
    format: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.onnx,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="File to write; else export/model... in the run."),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="8 bits, calibrated on the unlabelled images.")
    ] = False,
    bf16: Annotated[
        bool, typer.Option("--bf16", help="OpenVINO: bfloat16, where the processor has it.")
    ] = False,
    dynamic_batch: Annotated[
        bool, typer.Option("--dynamic-batch", help="Any number of crops at a time, not only one.")
    ] = False,
    flip: Annotated[
        bool, typer.Option("--flip/--no-flip", help="Average over the mirror image, inside.")
    ] = True,
    data: Annotated[
        Path | None,
        typer.Option(help="Images to check and calibrate with, in place of the run's own."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Write a network as a file for onnxruntime or OpenVINO: images in, points out."""
    if int8 and bf16:
        raise typer.BadParameter("choose one of --int8 and --bf16")
    from pointillist import exporting
    from pointillist.cli.printing import notes

    model = exporting.export(
        run,
        format.value,
        out,
        precision="int8" if int8 else "bfloat16" if bf16 else "float32",
        dynamic_batch=dynamic_batch,
        flip=flip,
        data=data,
        quiet=quiet,
        say=lambda line: None if quiet else notes([line]),
    )
    about = model.description
    equality = about.equality
    undecided = equality["undecided_points"]
    typer.echo(
        f"float32 differs from PyTorch by {equality['largest_difference_px']:.1e} pixels at most, "
        f"on {equality['crops']} crops"
        + (f" ({undecided} points left out that rounding alone moves further)" if undecided else "")
    )
    if about.pck is not None:
        typer.echo(_scores(about.pck, about.precision))
    typer.echo(f"wrote {model.path} and {model.path.name}.json")


def _scores(pck: dict, precision: str) -> str:
    """PCK before and after, in a line."""
    if "reason" in pck:
        return f"PCK could not be measured: {pck['reason']}"
    pairs = [
        f"{name} {_number(pck['float32'][name])} -> {_number(pck[precision][name])}"
        for name in pck["float32"]
    ]
    return f"float32 -> {precision} on {pck['images']} {pck['of']}: {', '.join(pairs)}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
