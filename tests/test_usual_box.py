"""Where the object usually is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core_cases import SKELETON
from pointillist.boxes.choosing import choose_boxes
from pointillist.dataset import Dataset, Image, Instance
from pointillist.formats import open_dataset
from pointillist.training_data import gather
from pointillist.usual_box import UsualBox, described, usual_box, with_usual_boxes


def labelled(boxes: list[tuple[float, float, float, float]]) -> Dataset:
    """Images of 200 x 100 pixels with one labelled object each."""
    points = np.full((3, 2), 50.0)
    images = [
        Image(f"{i}.png", 200, 100, [Instance(points, np.full(3, 2), box, box_from_points=True)])
        for i, box in enumerate(boxes)
    ]
    return Dataset(SKELETON, images, Path())


def test_boxes_that_agree_are_a_rule() -> None:
    # Middles at (100, 50) and some pixels around; longest sides 120 and a little.
    found = usual_box(labelled([(38.0 + i % 5, 20.0, 120.0 + i % 3, 60.0) for i in range(20)]))
    assert found is not None
    assert found.x == pytest.approx(0.5, abs=0.01)
    assert found.y == pytest.approx(0.5)
    assert found.side == pytest.approx(0.605, abs=0.006)


def test_the_rule_in_other_images() -> None:
    rule = UsualBox(x=0.5, y=0.4, side=0.5)
    # Half of 100 is 50; the middle is at (25, 40).
    assert rule.within(50, 100) == pytest.approx((0, 15, 50, 50))
    bare = [Image("a.png", 50, 100), Image("b.png", 50, 100, boxes=[(1, 2, 3, 4)])]
    boxed = with_usual_boxes(Dataset(SKELETON, bare, Path()), rule)
    assert boxed[0].boxes == [pytest.approx((0, 15, 50, 50))]
    assert boxed[1].boxes == [(1, 2, 3, 4)]
    assert described(rule, 1).startswith(
        "1 image has no box; the labelled objects usually have about 50 %"
    )


def test_it_is_kept_with_the_run(tmp_path: Path) -> None:
    rule = UsualBox(x=0.5, y=0.4, side=0.5)
    rule.save(tmp_path / "usual_box.json")
    assert UsualBox.open(tmp_path / "usual_box.json") == rule


def test_predictions_cut_out_the_same(tmp_path: Path) -> None:
    rule = UsualBox(x=0.5, y=0.4, side=0.5)
    run: Any = SimpleNamespace(box_finder_weights=tmp_path / "none", usual_box=rule)
    images = [Image("a.png", 50, 100), Image("b.png", 50, 100, boxes=[(1, 2, 3, 4)])]
    said: list[str] = []
    found = choose_boxes(run, Dataset(None, images, tmp_path), say=said.append)
    assert found is not None
    assert [scored.box for scored in found.boxes[0]] == [pytest.approx((0, 15, 50, 50))]
    assert found.boxes[1] is None  # the data's own
    assert "1 image has no box" in said[0]
    # Whoever says that nothing is to be found gets whole images.
    assert choose_boxes(run, Dataset(None, images, tmp_path), localize=False) is None
    run.usual_box = None
    assert choose_boxes(run, Dataset(None, images, tmp_path)) is None


@pytest.mark.parametrize(
    "boxes",
    [
        [(40.0, 20.0, 120.0, 60.0)] * 9,  # too few
        [(40.0, 20.0, 60.0 + 10 * i, 60.0) for i in range(20)],  # of every size
        [(8.0 * i, 20.0, 40.0, 60.0) for i in range(20)],  # everywhere
    ],
)
def test_boxes_that_differ_are_none(boxes: list) -> None:
    assert usual_box(labelled(boxes)) is None


def test_several_objects_or_none_known_are_no_rule() -> None:
    data = labelled([(40.0, 20.0, 120.0, 60.0)] * 20)
    assert usual_box(data) is not None
    data[3].instances.append(data[3].instances[0])
    assert usual_box(data) is None
    data = labelled([(40.0, 20.0, 120.0, 60.0)] * 20)
    data[3].instances[0].box = None
    assert usual_box(data) is None


def test_unlabelled_people_are_cut_out_as_labelled_ones(data: Path) -> None:
    """Leeds Sports Pose: its people fill the same share of every picture."""
    lsp = open_dataset(data / "lsp")
    known, others = lsp.subset(lsp.images[:40]), lsp.subset(lsp.images[40:140])
    parts = gather(known, unlabeled=[others])
    assert any("cut out" in line for line in parts.notes)
    sides = [image.boxes[0][2] for image in parts.unlabeled]
    true = [max(image.instances[0].box[2:]) for image in others if image.instances[0].box]
    assert np.median(np.array(sides) / true) == pytest.approx(1, abs=0.03)
