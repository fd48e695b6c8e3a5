from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from small_data import SKELETON, instance

from pointillist.dataset import Dataset, Image
from pointillist.formats.losses import ASPECTS, losses


def full(folder: Path) -> Dataset:
    made = instance([(1, 2), (3, 4), None], box=(0, 0, 9, 9), head_box=(1, 1, 2, 2), area=5.0)
    made = replace(
        made,
        track="a",
        category="rat",
        crowd=True,
        confidence=np.ones(3),
        score=1.0,
        absent=np.array([False, False, True]),
        visibility=np.array([1, 2, 0]),
    )
    image = Image("a.mp4", instances=[made, instance([None] * 3)], boxes=[(0, 0, 1, 1)], frame=1)
    skeleton = replace(SKELETON, flip_pairs=((0, 1),), sigmas=(0.1,) * 3, head=(0, 1))
    images = [replace(image, group="g"), Image("b.png")]
    return Dataset(skeleton, images, folder, videos=[folder / "a.mp4"])


def test_nothing_is_lost_where_everything_is_kept(tmp_path: Path) -> None:
    assert losses(full(tmp_path), ASPECTS) == []


def test_each_aspect_has_its_line(tmp_path: Path) -> None:
    dataset = full(tmp_path)
    for aspect in ASPECTS:
        lines = losses(dataset, set(ASPECTS) - {aspect})
        assert len(lines) == (2 if aspect == "boxes" else 1), aspect  # objects' and images'


def test_data_without_an_aspect_loses_nothing(tmp_path: Path) -> None:
    dataset = Dataset(SKELETON, [Image("a.png", instances=[instance([(1, 2)] * 3)])], tmp_path)
    # Its pairs are those that the names tell.
    assert losses(dataset, ("edges",)) == []
