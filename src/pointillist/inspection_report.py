"""What an inspection found, as data, as JSON and as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Args:
        kind: what sort of thing, e.g. ``missing``.
        file: the file, as the data set names it; none if it concerns the whole set.
        reason: what is wrong, in words.
    """

    kind: str
    file: str | None
    reason: str

    def __str__(self) -> str:
        return self.reason if self.file is None else f"{self.file}: {self.reason}"


@dataclass(frozen=True)
class KeypointCount:
    """How often a keypoint is annotated.

    Args:
        name: of the keypoint.
        annotated: instances in which it is, hidden or visible.
        hidden: those of them in which it is hidden.
        share: annotated divided by the number of labelled instances; none if there are none.
    """

    name: str
    annotated: int
    hidden: int
    share: float | None


@dataclass(frozen=True)
class Report:
    """What :func:`inspect_dataset` found.

    Args:
        name: of the data set.
        root: the folder its relative paths start from.
        images: how many there are.
        labeled, unlabeled: images with and without an annotated point.
        instances: how many there are, crowds and such without a point included.
        labeled_instances: those with an annotated point that are no crowds: what is trained on.
        crowds: instances that stand for several objects.
        boxes: instances with a box of their own (not from their points), and boxes of objects
            without annotation.
        keypoints: one entry for each, in the skeleton's order; none without a skeleton.
        flip_pairs: left and right names.
        edges: pairs of names.
        groups: images by group, for those that have one.
        categories: instances by category, for those that have one.
        sizes: images by (width, height) of the file, the most frequent first.
        videos: how many video files belong to the data.
        files_checked: whether every file was decoded.
        problems: everything that is wrong.
    """

    name: str
    root: Path
    images: int
    labeled: int
    unlabeled: int
    instances: int
    labeled_instances: int
    crowds: int
    boxes: int
    keypoints: list[KeypointCount]
    flip_pairs: list[tuple[str, str]]
    edges: list[tuple[str, str]]
    groups: dict[str, int]
    categories: dict[str, int]
    sizes: dict[tuple[int, int], int]
    videos: int
    files_checked: bool
    problems: list[Problem] = field(default_factory=list)

    @property
    def problem_counts(self) -> dict[str, int]:
        """How many problems there are of each kind."""
        return dict(Counter(problem.kind for problem in self.problems))

    def problem_lines(self, limit: int = 5) -> list[str]:
        """One line for each problem; of a kind with many, the first few and how many more."""
        lines = []
        for kind, count in self.problem_counts.items():
            of_kind = [problem for problem in self.problems if problem.kind == kind]
            lines += [f"{kind}: {problem}" for problem in of_kind[:limit]]
            if count > limit:
                lines.append(f"{kind}: and {count - limit} more")
        return lines

    def tables(self) -> list[tuple[str, list[list[str]]]]:
        """(title, rows) to print; the first row of each is its head."""
        facts = {
            "images": self.images,
            "labelled images": self.labeled,
            "unlabelled images": self.unlabeled,
            "instances": self.instances,
            "labelled instances": self.labeled_instances,
            "crowds": self.crowds,
            "boxes": self.boxes,
            "videos": self.videos,
            "groups": len(self.groups),
            "categories": len(self.categories),
        }
        always = ("images", "labelled images", "unlabelled images", "instances")
        counts = [[key, str(n)] for key, n in facts.items() if n or key in always]
        partner = dict(self.flip_pairs) | {right: left for left, right in self.flip_pairs}
        points = [
            [
                point.name,
                str(point.annotated),
                "" if point.share is None else f"{point.share:.1%}",
                str(point.hidden),
                partner.get(point.name, ""),
            ]
            for point in self.keypoints
        ]
        sizes = [[f"{w} x {h}", str(n)] for (w, h), n in list(self.sizes.items())[:5]]
        if len(self.sizes) > 5:
            others = sum(list(self.sizes.values())[5:])
            sizes.append([f"{len(self.sizes) - 5} other sizes", str(others)])
        problems = [[kind, str(count)] for kind, count in self.problem_counts.items()]
        lines = [[line] for line in self.problem_lines()]
        tables = [
            (f"{self.name} ({self.root})", [["", "number"], *counts]),
            ("keypoints", [["name", "annotated", "share", "hidden", "partner"], *points]),
            ("image sizes", [["width x height", "images"], *sizes]),
            ("problems", [["kind", "number"], *problems]),
            ("problems in detail", [["problem"], *lines]),
        ]
        return [(title, rows) for title, rows in tables if len(rows) > 1]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values; of a kind with many problems the first 20."""
        widths = np.repeat([size[0] for size in self.sizes], list(self.sizes.values()))
        heights = np.repeat([size[1] for size in self.sizes], list(self.sizes.values()))
        return {
            "name": self.name,
            "root": str(self.root),
            "images": self.images,
            "labeled": self.labeled,
            "unlabeled": self.unlabeled,
            "instances": self.instances,
            "labeled_instances": self.labeled_instances,
            "crowds": self.crowds,
            "boxes": self.boxes,
            "keypoints": [point.name for point in self.keypoints],
            "annotated": {
                point.name: {
                    "count": point.annotated,
                    "hidden": point.hidden,
                    "share": None if point.share is None else round(point.share, 4),
                }
                for point in self.keypoints
            },
            "flip_pairs": [list(pair) for pair in self.flip_pairs],
            "edges": [list(pair) for pair in self.edges],
            "groups": self.groups,
            "categories": self.categories,
            "sizes": {
                "width": _spread(widths),
                "height": _spread(heights),
                "most_frequent": [[*size, count] for size, count in list(self.sizes.items())[:5]],
                "different": len(self.sizes),
            },
            "videos": self.videos,
            "files_checked": self.files_checked,
            "problem_counts": self.problem_counts,
            "problems": self.problem_lines(limit=20),
        }


def _spread(values: Iterable[int]) -> dict[str, float] | None:
    array = np.array(list(values))
    if not array.size:
        return None
    low, middle, high = int(array.min()), float(np.median(array)), int(array.max())
    return {"min": low, "median": middle, "max": high}
