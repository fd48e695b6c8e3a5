from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pointillist.boxes.detector import Detections
from pointillist.boxes.prediction import has_boxes, predict_in_boxes
from pointillist.boxes.suppression import ScoredBox
from pointillist.dataset import Dataset, Image, Instance
from pointillist.skeleton import Skeleton

TWO = Skeleton(("nose", "tail"))


def _at(box: tuple[float, float, float, float]) -> Instance:
    x, y, width, height = box
    points = np.array([[x, y], [x + width, y + height]])
    return Instance(points, np.array([2, 2]), box=box, score=0.5)


def _corners(dataset: Dataset) -> Dataset:
    """Predicts the corners of every box, and of the whole image where there is none."""
    images = []
    for image in dataset:
        boxes = [i.box for i in image.instances if i.box] or image.boxes or [(0.0, 0.0, 9.0, 9.0)]
        problem = "cannot be read" if image.path == "broken.png" else None
        found = [] if problem else [_at(box) for box in boxes]
        images.append(replace(image, instances=found, boxes=[], problem=problem))
    problems = [f"{i.path}: {i.problem}" for i in images if i.problem]
    return Dataset(TWO, images, dataset.root, problems=problems)


def test_points_in_detected_boxes() -> None:
    first, double, other = (0.0, 0.0, 50.0, 50.0), (1.0, 0.0, 50.0, 50.0), (80.0, 0.0, 20.0, 20.0)
    names = ("found.png", "empty.png", "known.png", "lost.png", "broken.png")
    data = Dataset(TWO, [Image(name) for name in names], Path("data"))
    data.images[2].instances = [_at(other)]
    data.images[0].instances = [_at(other), _at(other)]  # labels: not to be looked at
    boxes: list[list[ScoredBox] | None] = [
        [ScoredBox(first, 0.9), ScoredBox(double, 0.8), ScoredBox(other, 0.6)],
        [],
        None,
        [],
        [ScoredBox(first, 0.9)],
    ]
    result = predict_in_boxes(_corners, data, Detections(boxes, {3: "lost.png: gone"}))
    assert [image.path for image in result] == list(names)
    assert [image.problem for image in result] == [
        None, None, None, "lost.png: gone", "cannot be read"
    ]  # fmt: skip
    assert result.problems == ["lost.png: gone", "broken.png: cannot be read"]
    # Of the two that are nearly the same the more certain one stays; 0.5 times the box's score.
    assert [i.box for i in result[0].instances] == [first, other]
    assert [i.score for i in result[0].instances] == pytest.approx([0.45, 0.3])
    assert [len(image.instances) for image in result] == [2, 0, 1, 0, 0]
    assert result[2].instances[0].score == 0.5


def test_where_boxes_are_known() -> None:
    bare = Instance(np.zeros((2, 2)), np.array([2, 2]))
    images = [
        Image("a"),
        Image("b", boxes=[(0, 0, 1, 1)]),
        Image("c", instances=[bare]),
        Image("d", instances=[_at((0, 0, 1, 1))]),
    ]
    assert has_boxes(Dataset(TWO, images, Path())) == [False, True, False, True]
