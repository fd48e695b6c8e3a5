"""Verbs on data sets: info, convert, split."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pointillist.cli.names import LAYOUTS
from pointillist.cli.printing import notes, print_json, print_table

Data = Annotated[Path, typer.Argument(help="Data set: a file or folder in any known layout.")]
FormatName = Annotated[
    str | None, typer.Option("--format", help="Read it as this layout; else it is found out.")
]
Images = Annotated[
    Path | None,
    typer.Option("--images", help="Files that have moved are looked for by name below this."),
]

MissingAbsent = Annotated[
    bool | None,
    typer.Option(
        "--missing-absent/--no-missing-absent",
        help="Whether points that are missing in a labelled object cannot be seen there. Without "
        "either: in DeepLabCut projects of one animal and in SLEAP files, also once split or "
        "converted to COCO, and nowhere else.",
    ),
]


def info(
    data: Data,
    format: FormatName = None,
    images: Images = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """What is there: images, labels, per-point counts, problems."""
    from pointillist.formats import open_dataset
    from pointillist.inspection import inspect_dataset

    report = inspect_dataset(open_dataset(data, format, images=images))
    if json:
        print_json(report.to_json())
    else:
        for title, rows in report.tables():
            # A keypoint's partner in a mirror image is a name; the rest are figures.
            prose = [i for i, column in enumerate(rows[0]) if column == "partner"]
            print_table(title, rows, prose)


def convert(
    data: Data,
    out: Annotated[Path, typer.Argument(help="File or folder to write.")],
    to: Annotated[str, typer.Option("--to", help=f"Layout to write: {LAYOUTS}.")] = "coco",
    format: FormatName = None,
    images: Images = None,
    copy_images: Annotated[
        bool, typer.Option("--copy-images", help="Copy the image files too.")
    ] = False,
) -> None:
    """Any layout to any other."""
    from pointillist.formats import open_dataset
    from pointillist.formats.convert import convert_dataset

    dataset = open_dataset(data, format, images=images)
    lost = convert_dataset(dataset, out, to, copy_images=copy_images)
    notes(dataset.problems)
    notes(lost)
    typer.echo(f"wrote {len(dataset)} images to {out}")


def split(
    data: Data,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write.")],
    range: Annotated[
        list[str] | None,
        typer.Option("--range", help="By position, e.g. train=0:7500; may be repeated."),
    ] = None,
    groups: Annotated[
        list[str] | None,
        typer.Option("--groups", help="By group, e.g. train=1-30 or val=clip_01,clip_02."),
    ] = None,
    labeled: Annotated[
        str | None,
        typer.Option("--labeled", help="How many training images keep their labels: 5% or 375."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses which.")] = 0,
    format: FormatName = None,
    images: Images = None,
) -> None:
    """Train (labelled and unlabelled), validation and test parts, as COCO files."""
    from pointillist.formats import open_dataset
    from pointillist.split import parse_groups, parse_ranges, split_dataset, write_split

    dataset = open_dataset(data, format, images=images)
    parts = split_dataset(
        dataset,
        ranges=parse_ranges(range) if range else None,
        groups=parse_groups(groups) if groups else None,
        labeled=labeled,
        seed=seed,
    )
    notes(dataset.problems)
    notes(parts.notes)
    write_split(parts, out)
    for name in ("labeled", "unlabeled", "val", "test"):
        typer.echo(f"{name:>10}: {len(getattr(parts, name))} images")
    typer.echo(f"wrote {out}")
