from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core_cases import SKELETON
from pointillist.dataset import Dataset, Image, Instance


def one(visibility: list[int], **more: object) -> Instance:
    return Instance(np.full((len(visibility), 2), 5.0), np.array(visibility), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("marked", [None, [False, True, False]])
def test_missing_points_of_labelled_objects_become_absent(marked: list[bool] | None) -> None:
    assert len(SKELETON) == 3
    mark = None if marked is None else np.array(marked)
    images = [
        Image("a.png", 9, 9, [one([2, 0, 0], absent=mark), one([0, 0, 0])]),
        Image("b.png", 9, 9, [one([1, 2, 2]), one([2, 0, 0], crowd=True)]),
        Image("c.png", 9, 9),
    ]
    data = Dataset(SKELETON, images, Path("root"), name="dots", problems=["a doubt"])
    told = data.with_missing_absent()
    first, nobody = told[0].instances
    whole, crowd = told[1].instances
    assert first.absent is not None
    assert first.absent.tolist() == [False, True, True]
    assert whole.absent is not None
    assert not whole.absent.any()
    assert nobody.absent is None  # an object that nobody has labelled yet, and one of several
    assert crowd.absent is None
    assert (told.name, told.problems, len(told)) == ("dots", ["a doubt"], 3)
    before = data[0].instances[0].absent
    assert (before if before is None else before.tolist()) == marked
    assert data[1].instances[0].absent is None
