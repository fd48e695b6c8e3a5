"""Instances as JSON."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pointillist.dataset import Instance
from pointillist.web.records import (
    InstanceRecord,
    from_record,
    revision_of,
    status_of,
    to_record,
)

coordinate = st.floats(-1000, 10_000, allow_nan=False).map(lambda v: round(v, 3))
point = st.one_of(
    st.none(), st.just("absent"), st.tuples(coordinate, coordinate, st.sampled_from([1, 2]))
)


@given(st.lists(point, min_size=1, max_size=20))
def test_records_survive_the_way_there_and_back(points: list) -> None:
    record = InstanceRecord(id=3, points=points, box=(1, 2, 3, 4))
    there = to_record(from_record(record))
    assert to_record(from_record(InstanceRecord.model_validate(there))) == there
    assert there["points"] == [list(p) if isinstance(p, tuple) else p for p in points]


def test_what_the_page_does_not_show_is_kept() -> None:
    instance = Instance(
        points=[[1, 2]], visibility=[1], box=(0, 0, 10, 10), head_box=(1, 1, 2, 2), area=55.5,
        track="a", category="fox", crowd=True, id=9,
    )  # fmt: skip
    back = from_record(InstanceRecord.model_validate(to_record(instance)))
    for name in ("box", "head_box", "area", "track", "category", "crowd", "id"):
        assert getattr(back, name) == getattr(instance, name)


def test_an_area_that_is_the_boxes_follows_the_box() -> None:
    assert to_record(Instance([[1, 2]], [2], box=(0, 0, 5, 4), area=20.0))["extra"] == {}


def test_a_box_from_points_follows_the_points() -> None:
    record = InstanceRecord(
        points=[(10, 20, 2), (30, 25, 1), None], box=(0, 0, 1, 1), box_from_points=True
    )
    assert from_record(record).box == (10, 20, 20, 5)


def test_a_box_from_no_points_is_none() -> None:
    made = from_record(InstanceRecord(points=[None], box=(0, 0, 1, 1), box_from_points=True))
    assert made.box is None
    assert not made.box_from_points


@pytest.mark.parametrize(
    "points",
    [[[1, 2, 3]], [[1, 2]], [["a", 2, 2]], ["gone"], [[float("nan"), 2, 2]], [[1e9, 2, 2]]],
)
def test_nonsense_is_refused(points: list) -> None:
    with pytest.raises(ValidationError):
        InstanceRecord.model_validate({"points": points})


def test_revisions_tell_states_apart() -> None:
    one = [to_record(Instance([[1, 2]], [2]))]
    other = [to_record(Instance([[1, 2.001]], [2]))]
    assert revision_of(one) == revision_of([dict(reversed(one[0].items()))])
    assert len({revision_of(one), revision_of(other), revision_of([])}) == 3


def test_status() -> None:
    full = Instance([[1, 2], [3, 4]], [2, 1])
    absent = Instance([[1, 2], [3, 4]], [2, 0], absent=[False, True])
    half = Instance([[1, 2], [3, 4]], [2, 0])
    empty = Instance(np.zeros((2, 2)), [0, 0])
    crowd = Instance(np.zeros((2, 2)), [0, 0], crowd=True)
    assert [status_of(s) for s in ([], [empty], [half], [full, half], [full, absent, crowd])] == [
        "none", "none", "some", "some", "done",
    ]  # fmt: skip
