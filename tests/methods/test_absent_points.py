"""Points that are marked absent: ``auto`` learns that there is nothing, others leave them out."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from test_methods import build, make_batch

from pointillist.batch import Batch

#: Neither has a partner.
WITHERS, TAIL_BASE = 5, 6


def without_withers(absent: bool) -> Batch:
    """They are annotated nowhere, and marked absent or not."""
    batch = make_batch()
    points, annotated, marks = batch.points.clone(), batch.annotated.clone(), batch.absent.clone()
    points[:, WITHERS], annotated[:, WITHERS] = torch.nan, False
    marks[batch.labeled, WITHERS] = absent
    return replace(batch, points=points, annotated=annotated, absent=marks)


def pull(name: str, progress: float, absent: bool, **options: object) -> float:
    """How hard the labels pull at the heatmap of the withers."""
    method = build(name, **options)
    object.__setattr__(method, "average", copy.deepcopy(method.model).eval())
    method.progress = progress
    batch = without_withers(absent)
    batch = batch if method.uses_unlabeled else batch.select(batch.labeled)
    method(batch)["supervised"].backward()
    gradient = method.model.head.heatmaps.weight.grad  # type: ignore[union-attr]
    assert gradient is not None
    assert gradient[TAIL_BASE].abs().sum() > 0
    return float(gradient[WITHERS].abs().sum())


@pytest.mark.parametrize(
    ("progress", "part"), [(0.1, "labels"), (0.4, "teacher"), (0.7, "a fresh network")]
)
def test_auto_learns_that_there_is_nothing(progress: float, part: str) -> None:
    options = {"burn_in": 0.25, "ramp": 0.0, "renewed": 0.5}
    assert pull("auto", progress, absent=True, **options) > 0, part
    assert pull("auto", progress, absent=False, **options) == 0, part


@pytest.mark.parametrize("name", ["supervised", "semantic_consistency"])
def test_the_published_losses_leave_it_out(name: str) -> None:
    assert pull(name, 0.1, absent=True) == 0
