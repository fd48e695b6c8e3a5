from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pointillist.boxes.data import box_samples, enlarged, objects_of, with_boxes
from pointillist.dataset import Dataset, Image, Instance
from pointillist.geometry import rotation, transform_points
from pointillist.skeleton import Skeleton

TWO = Skeleton(("nose", "tail"))


def _instance(points: list[list[float]], **more: object) -> Instance:
    known = [2 if np.isfinite(point).all() else 0 for point in np.array(points)]
    return Instance(np.array(points), np.array(known), **more)  # type: ignore[arg-type]


def _data(*instances: Instance) -> Dataset:
    return Dataset(TWO, [Image("a.png", 100, 80, list(instances))], Path("data"))


def test_extents_are_enlarged_and_lines_get_a_width() -> None:
    assert enlarged((10, 20, 40, 20)) == pytest.approx((6, 18, 48, 24))
    # A quarter of 40 is 10, and 1.2 times that.
    assert enlarged((10, 20, 40, 0)) == pytest.approx((6, 14, 48, 12))


def test_only_missing_boxes_are_drawn_and_they_count_as_labels() -> None:
    given = _instance([[0, 0], [10, 10]], box=(0.0, 0.0, 50.0, 50.0))
    bare = _instance([[10, 20], [50, 40]])
    empty = _instance([[math.nan] * 2] * 2)
    boxed = with_boxes(_data(given, bare, empty))[0].instances
    assert boxed[0].box == (0, 0, 50, 50)
    assert not boxed[0].box_from_points
    assert boxed[1].box == pytest.approx((6, 18, 48, 24))
    assert boxed[1].box_from_points
    assert boxed[2].box is None
    assert bare.box is None, "the data itself stays as it is"


def test_a_sample_holds_all_boxes_of_an_image() -> None:
    wide = _instance([[10, 20], [50, 40]], box=(10.0, 20.0, 40.0, 20.0))
    crowd = _instance([[0, 0], [9, 9]], box=(0.0, 0.0, 9.0, 9.0), crowd=True)
    data = _data(wide, crowd)
    data.images.append(Image("b.png", instances=[wide, wide]))
    data.images.append(Image("c.png", instances=[_instance([[5, 5], [5, 5]])]))  # no extent
    first, second = box_samples(data)
    assert first.box is None
    assert first.instance is not None
    assert first.instance.points[:3].tolist() == [[30, 30], [50, 30], [30, 40]]
    assert first.instance.annotated.tolist() == [True] * 3 + [False] * 3
    assert second.instance is not None
    assert second.instance.annotated.all()


def test_a_turned_box_is_that_of_the_ellipse_in_it() -> None:
    sample = box_samples(_data(_instance([[0, 0], [40, 20]], box=(0.0, 0.0, 40.0, 20.0))))[0]
    assert sample.instance is not None
    points = torch.from_numpy(sample.instance.points)[None].float()
    straight = objects_of(points, 4)
    assert straight.centre[0, 0].tolist() == [5, 2.5]
    assert straight.size[0, 0].tolist() == [40, 20]
    quarter = objects_of(transform_points(rotation(torch.tensor([math.pi / 2])), points), 4)
    assert quarter.size[0, 0].tolist() == pytest.approx([20, 40])
    eighth = objects_of(transform_points(rotation(torch.tensor([math.pi / 4])), points), 4)
    # Half axes 20 and 10: the ellipse reaches sqrt((20^2 + 10^2) / 2) either way.
    assert eighth.size[0, 0].tolist() == pytest.approx([2 * math.sqrt(250)] * 2)
