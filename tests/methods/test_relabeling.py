"""A frozen network that labels crops: what becomes a label is tested with data distillation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from test_methods import build
from test_pseudo_labels import SIZE, Counting, unlabeled, weights

from core_cases import SKELETON
from pointillist.augment import ViewMaker, ViewOptions
from pointillist.batch import Batch
from pointillist.methods import Setting
from pointillist.methods.pseudo_labels import PseudoLabels
from pointillist.methods.relabeling import Labeller
from pointillist.points import COPIES

PLACES = [(30.0, 30.0), (62.0, 34.0), (50.0, 20.0)]


def batch_with_index(batch: Batch, index: int) -> Batch:
    return replace(batch, index=torch.full_like(batch.index, index))


def labeller(**options: float) -> Labeller:
    network = Counting()
    views = ViewMaker(SIZE, SKELETON, network.mean, network.std)
    setting = Setting(views, ViewOptions(), 1.5, SKELETON)
    return Labeller(network, setting, copies=COPIES, confidence=0.25, **options)


def test_copies_and_smoothing_find_the_points() -> None:
    found, peaks = labeller(smoothing=1.5).label(unlabeled(PLACES))
    assert found.annotated.all()
    assert np.abs(found.points[0].numpy() - PLACES).max() < 1.5
    assert peaks.shape == (1, 3)
    assert (peaks > 0.25).all()


def test_a_new_network_is_asked_again() -> None:
    given, batch = labeller(), unlabeled(PLACES)
    assert isinstance(given.network, Counting)
    given.label(batch)
    given.label(batch)
    once = 2 * len(COPIES)  # each copy and its mirror image
    assert given.network.asked == once
    given.take(Counting())
    given.label(batch)
    assert given.network.asked == 2 * once


def test_what_it_said_is_in_a_checkpoint(tmp_path: Path) -> None:
    given, batch = labeller(), unlabeled(PLACES)
    assert given.get_extra_state() == {}
    said, peaks = given.label(batch)
    torch.save(given.state_dict(), tmp_path / "checkpoint")
    after = labeller()
    after.take(Counting())
    after.label(batch_with_index(batch, 7))  # what it said before is no longer true
    after.load_state_dict(torch.load(tmp_path / "checkpoint", weights_only=True))
    assert isinstance(after.network, Counting)
    asked = after.network.asked
    again, peaks_again = after.label(batch)
    assert after.network.asked == asked
    assert torch.equal(again.points, said.points)
    assert torch.equal(again.annotated, said.annotated)
    assert torch.equal(peaks_again, peaks)
    after.label(batch_with_index(batch, 7))
    assert after.network.asked > asked


def test_a_network_is_exchanged_for_the_one_that_labels() -> None:
    method = build("pseudo_labels")
    assert isinstance(method, PseudoLabels)
    fresh = weights(method.model)
    with torch.no_grad():
        for parameter in method.model.parameters():
            parameter.add_(1.0)
    trained = weights(method.model)
    method.model.load_state_dict(method.labeller.take(method.model))
    assert torch.equal(weights(method.model), fresh)
    assert torch.equal(weights(method.labeller.network), trained)
    assert not any(p.requires_grad for p in method.labeller.parameters())
