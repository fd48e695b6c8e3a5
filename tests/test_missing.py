from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from core_cases import SKELETON
from pointillist.dataset import Dataset, Image, Instance
from pointillist.missing import as_meant, described, missing_as_absent, missing_points
from pointillist.skeleton import Skeleton


def one(*visibility: int, absent: tuple[bool, ...] | None = None, crowd: bool = False) -> Instance:
    mark = None if absent is None else np.array(absent)
    points = np.full((len(visibility), 2), 5.0)
    return Instance(points, np.array(visibility), absent=mark, crowd=crowd)


def data_of(*objects: Instance, skeleton: Skeleton = SKELETON) -> Dataset:
    return Dataset(skeleton, [Image(f"{i}.png", 9, 9, [o]) for i, o in enumerate(objects)], Path())


def marks(dataset: Dataset) -> list[list[bool] | None]:
    found = [instance.absent for image in dataset for instance in image.instances]
    return [None if mark is None else mark.tolist() for mark in found]


def test_what_lacks_in_labelled_objects_becomes_absent() -> None:
    crowd = one(2, 0, 0, crowd=True)
    data = data_of(one(2, 0, 1), one(1, 2, 2), one(0, 0, 0), crowd)
    told = missing_as_absent(data)
    # An object that nobody has labelled yet, and one box around several, have no marks.
    assert marks(told) == [[False, True, False], [False] * 3, None, None]
    assert marks(data) == [None] * 4  # what was given is as it was
    assert [image.path for image in told] == [image.path for image in data]


def test_marks_that_are_there_stay() -> None:
    data = data_of(one(2, 0, 0, absent=(False, True, False)), one(2, 2, 2))
    assert missing_points(data.objects).tolist() == [[False, False, True], [False] * 3]
    assert marks(missing_as_absent(data))[0] == [False, True, True]


def test_a_point_does_not_lack_in_another_kind_of_object() -> None:
    """Animals of three points, and a corner of the box that they are in."""
    skeleton = Skeleton(("snout", "back", "tail", "corner"))
    animals = one(2, 2, 0, 0), one(0, 2, 2, 0), one(2, 0, 0, 0)
    told = missing_as_absent(data_of(*animals, one(0, 0, 0, 2), skeleton=skeleton))
    assert marks(told) == [
        [False, False, True, False],  # a tail was seen with a back
        [True, False, False, False],
        [False, True, False, False],  # but never with a snout
        [False, False, False, False],
    ]


def test_what_is_said() -> None:
    gap, whole = one(2, 0, 2), one(2, 2, 2)
    (line,) = described(data_of(gap, whole))
    assert described(data_of(gap, whole), False) == []  # somebody knows already
    assert line.startswith("16.7 % of the points of labelled objects are missing, and left out")
    assert "--missing-absent" in line
    (line,) = described(data_of(gap, whole), True)
    assert line == "points that are missing in labelled objects are taken for absent: 1"
    decided = one(2, 0, 2, absent=(False, True, False))
    few = [gap, *[whole] * 20]
    for quiet in ([whole], [decided, whole], few, [one(2, 0, 0, crowd=True)], []):
        assert described(data_of(*quiet)) == []
    assert described(data_of(whole), True)[0].endswith(": 0")


def test_a_layout_that_means_it_need_not_be_told() -> None:
    gap, whole = one(2, 0, 2), one(2, 2, 2)
    data = replace(data_of(gap, whole), missing_absent=True)
    assert marks(as_meant(data)) == [[False, True, False], [False] * 3]
    assert marks(as_meant(data, False)) == [None, None]
    assert marks(as_meant(data_of(gap, whole))) == [None, None]
    assert marks(as_meant(data_of(gap, whole), True)) == marks(as_meant(data))
    # It is decided then: what is written of it does not mean more when it is read again.
    assert not as_meant(data).missing_absent
    assert not as_meant(data, False).missing_absent
    assert data.missing_absent
    (line,) = described(data)
    assert line.startswith("16.7 % of the points of labelled objects are missing: auto learns that")
    assert line.endswith("leave them out with --no-missing-absent")
    assert described(replace(data_of(whole), missing_absent=True)) == []


def test_nothing_is_labelled() -> None:
    for data in (data_of(), data_of(one(0, 0, 0)), Dataset(None, [Image("a.png")], Path())):
        assert marks(missing_as_absent(data)) == [None] * sum(len(i.instances) for i in data)
