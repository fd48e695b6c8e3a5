"""The default method: what it changes of semantic consistency."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from test_methods import build, make_batch

from pointillist.augment import ViewMaker, ViewOptions
from pointillist.batch import Batch, View
from pointillist.methods.auto import Auto

NOTHING = Path("unused")


def ready(**options: object) -> Auto:
    method = build("auto", NOTHING, burn_in=0.25, ramp=0.0, **options)
    assert isinstance(method, Auto)
    object.__setattr__(method, "average", copy.deepcopy(method.model).eval())
    return method


def rotations(method: Auto, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Of all views that a step makes."""
    seen: list[float] = []
    made = ViewMaker.random

    def random(self: ViewMaker, batch: Batch, options: ViewOptions) -> View:
        seen.append(options.rotation)
        return made(self, batch, options)

    with monkeypatch.context() as patch:
        patch.setattr(ViewMaker, "random", random)
        method(batch)
    return seen


def test_views_are_turned_every_way_in_the_last_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of labels and of who learns from the teacher; the teacher sees an easy one."""
    method, batch = ready(turned=180), make_batch()
    usual = method.setting.view_options.rotation
    easy, hard = method.options.easy.rotation, method.options.hard.rotation
    wanted = {0.0: [usual], 0.8: [usual, easy, hard], 0.85: [180, easy, 180], 1.0: [180, easy, 180]}
    for progress, views in wanted.items():
        method.progress = progress
        assert rotations(method, batch, monkeypatch) == views


def test_labels_alone_are_turned_too(monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch = ready(turned=180), make_batch()
    labeled = batch.select(batch.labeled)
    method.progress = 0.9
    assert rotations(method, labeled, monkeypatch) == [180]


def test_views_stay_as_given_where_nothing_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch = ready(), make_batch()
    method.progress = 1.0
    usual = method.setting.view_options.rotation
    easy, hard = method.options.easy.rotation, method.options.hard.rotation
    assert rotations(method, batch, monkeypatch) == [usual, easy, hard]


def test_views_are_never_turned_less_than_given(monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch = ready(turned=45, hard={"rotation": 90}), make_batch()
    method.progress = 1.0
    assert rotations(method, batch, monkeypatch)[-1] == 90
