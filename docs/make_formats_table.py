"""Writes docs/formats.md from the code: run it after a format has changed.

What a layout keeps is not stated but tried: a small data set that has everything is written and
read again. A test compares the page with what this gives.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from pointillist.dataset import HIDDEN, VISIBLE, Dataset, Image, Instance
from pointillist.errors import PointillistError
from pointillist.formats import format_names, get_format, lsp, mpii
from pointillist.formats.base import Format
from pointillist.skeleton import Skeleton
from pointillist.video_writing import VideoWriter

PAGE = Path(__file__).parent / "formats.md"
SIZE = (64, 48)

INTRO = """# Data formats

This page is written by `docs/make_formats_table.py` from the code.

`pointillist info DATA`, `convert`, `split`, `train`, `evaluate` and `predict` find out which layout
a file or folder has; `--format NAME` says it. In Python: `pointillist.open_dataset(path)`.

Coordinates are in the file's pixels, continuous, with the centre of the top-left pixel at
(0.5, 0.5). Layouts that count otherwise are converted at the door, both ways:

| layout | its top-left pixel's centre | on reading | on writing |
|---|---|---|---|
| DeepLabCut, Lightning Pose, SLEAP, NWB | (0, 0) | + 0.5 | - 0.5 |
| COCO, CUB, CVAT | (0.5, 0.5) | as it is | as it is |
| YOLO (shares), Label Studio (percent) | (0.5, 0.5) over the size | times size | over size |
| LSP, MPII (MATLAB counts from 1) | (1, 1) | - 0.5 | + 0.5 |

**Left and right.** Where a layout does not say which keypoints a mirror image exchanges, pairs are
found by name (`left_ear`/`right_ear`, `L_Ear`/`R_Ear`, `paw_l`/`paw_r`). Names such as `paw1LH` and
`paw4RH` are not guessed at; `info` shows what was found and which names look as if they had a side.

**Unlabelled data.** Images without a row, rows without a number, suggested frames and a project's
videos are unlabelled data, without being asked for.

**Files that moved** are looked for by name below the folder that `--images` names, and where the
table says so below the data's own folder without being asked; it is said what was found, and two
files that fit equally well are not guessed between
([Images that moved](data.md#images-that-moved)). In Python: `open_dataset(path, images=FOLDER)`.
"""


def _skeleton(names: tuple[str, ...]) -> Skeleton:
    """A pair that no name tells, a line and sigmas of its own."""
    count = len(names)
    sigmas = tuple(0.03 + 0.001 * k for k in range(count))
    return Skeleton(names, ((0, count - 1),), ((1, 2),), sigmas, name="mouse")


def _instance(count: int, shift: float, **more: object) -> Instance:
    angles = np.arange(count) / count * 6.28
    points = np.column_stack([20 + shift + 9 * np.cos(angles), 24 + 9 * np.sin(angles)])
    return Instance(points, np.full(count, VISIBLE), **more)  # type: ignore[arg-type]


def _data(folder: Path, names: tuple[str, ...]) -> dict[str, Dataset]:
    """Small data sets: plain labels, labels with everything, predictions, frames of a video."""
    count = len(names)
    for n in range(3):
        (folder / "in").mkdir(exist_ok=True)
        rows = np.full((SIZE[1], SIZE[0], 3), 40 * n, np.uint8)
        assert cv2.imwrite(str(folder / "in" / f"im{n}.jpg"), rows)
    with VideoWriter(folder / "in" / "clip.mp4", 10, SIZE) as writer:
        for n in range(4):
            writer.write(np.full((SIZE[1], SIZE[0], 3), 40 * n, np.uint8))
    skeleton, root = _skeleton(names), folder / "in"

    def image(n: int, *instances: Instance, **more: object) -> Image:
        return Image(f"im{n}.jpg", *SIZE, instances=list(instances), id=n + 1, **more)  # type: ignore[arg-type]

    full = _instance(count, 0, box=(2.0, 3.0, 40.0, 41.0), track="b", category="rat")
    full.visibility[2] = HIDDEN
    other = _instance(count, 20, box=(22.0, 3.0, 40.0, 42.0), track="a", category="vole")
    sure = np.linspace(0.25, 0.75, count)
    predicted = _instance(count, 0, confidence=sure, score=0.5)
    plain = [image(0, _instance(count, 0), group="g1"), image(1, group="g1")]
    return {
        "plain": Dataset(skeleton, plain, root),
        "full": Dataset(skeleton, [image(0, full, other)], root),
        "one": Dataset(skeleton, [image(0, replace(full, track=None, category=None))], root),
        "predicted": Dataset(skeleton, [image(0, predicted)], root),
        "frames": Dataset(
            skeleton,
            [Image("clip.mp4", *SIZE, instances=[_instance(count, 0)], frame=2)],
            root,
        ),
    }


def _first(dataset: Dataset) -> Instance:
    return dataset.labeled[0].instances[0]


def _close(a: object, b: object) -> bool:
    return a is not None and np.allclose(np.array(a, float), np.array(b, float), atol=0.01)


#: What is asked of which data set, read again; an error is a no.
QUESTIONS: dict[str, tuple[str, Callable[[Dataset, Dataset], bool]]] = {
    "points": ("plain", lambda a, b: _close(_first(b).points, _first(a).points)),
    "unlabelled images": ("plain", lambda a, b: len(b.unlabeled) == 1),
    "several objects": ("full", lambda a, b: len(b.labeled[0].instances) == 2),
    "hidden points": ("one", lambda a, b: list(_first(a).visibility) == list(_first(b).visibility)),
    "boxes": ("one", lambda a, b: _close(_first(b).box, _first(a).box)),
    "tracks": ("full", lambda a, b: [i.track for i in b.labeled[0].instances] == ["b", "a"]),
    "categories": ("full", lambda a, b: _first(b).category == "rat"),
    "confidence": ("predicted", lambda a, b: _close(_first(b).confidence, _first(a).confidence)),
    "video frames": ("frames", lambda a, b: b.labeled[0].frame == 2),
    "edges": ("plain", lambda a, b: b.skeleton.edges == a.skeleton.edges),  # type: ignore[union-attr]
    "unnamed pairs": ("plain", lambda a, b: b.skeleton.flip_pairs == ((1, 2),)),  # type: ignore[union-attr]
    "sigmas": ("plain", lambda a, b: b.skeleton.sigmas == a.skeleton.sigmas),  # type: ignore[union-attr]
    "groups": ("plain", lambda a, b: b[0].group == "g1"),
}


def answers(layout: Format, folder: Path) -> dict[str, bool]:
    """Which questions a round trip through a layout answers with yes."""
    given = _data(folder, _names(layout))
    again: dict[str, Dataset] = {}
    for kind, dataset in given.items():
        target = folder / kind / _target(layout)
        try:
            assert layout.write is not None
            layout.write(dataset, target)
            again[kind] = layout.read(target)
        except PointillistError:
            continue  # the layout cannot hold such data
    return {
        question: kind in again and ask(given[kind], again[kind])
        for question, (kind, ask) in QUESTIONS.items()
    }


def _names(layout: Format) -> tuple[str, ...]:
    """The layout's own keypoints where it has fixed ones."""
    fixed = {"lsp": lsp.JOINTS, "mpii": mpii.JOINTS}
    return tuple(fixed.get(layout.name, ("nose", "paw_front", "paw_rear", "tail")))


def _target(layout: Format) -> str:
    endings = {"coco": ".json", "mpii": ".json", "label-studio": ".json", "sleap": ".slp"}
    endings |= {"nwb": ".nwb", "cvat": ".xml"}
    return f"data{endings.get(layout.name, '')}"


def page() -> str:
    """The whole page."""
    layouts = [get_format(name) for name in format_names()]
    head = ("name", "layout", "read", "write", "images", "moved files", "needs")
    lines = [INTRO, "## Layouts\n", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for layout in layouts:
        images = "copied" if layout.own_images else "named" if layout.write else ""
        write = "yes" if layout.write else "no"
        needs = f"`pip install '{layout.needs}'`" if layout.needs else ""
        moved = "looked for" if layout.searches else ""
        start = f"| `{layout.name}` | {layout.title} | yes | {write} | {images}"
        lines.append(f"{start} | {moved} | {needs} |")
    lines += [
        "\n## What a round trip keeps\n",
        "Tried with a small data set when this page was made.",
    ]
    lines += ["A pair is unnamed if the names do not tell it.\n"]
    lines += ["| | " + " | ".join(QUESTIONS) + " |", "|---" * (len(QUESTIONS) + 1) + "|"]
    with tempfile.TemporaryDirectory() as folder:
        for layout in layouts:
            if layout.write is None:
                continue
            place = Path(folder) / layout.name
            place.mkdir()
            kept = answers(layout, place)
            marks = ["yes" if kept[question] else "-" for question in QUESTIONS]
            lines.append(f"| `{layout.name}` | " + " | ".join(marks) + " |")
    lines += ["\n## What is lost\n"]
    for layout in layouts:
        lines.append(f"**{layout.title}** (`{layout.name}`)\n")
        lines.append(f"- not read: {layout.not_read or 'nothing that pointillist has a place for'}")
        lost = layout.loses or "nothing"
        lines.append(f"- lost in writing: {lost if layout.write else 'it can only be read'}\n")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
