"""Semantic consistency: which losses there are, and what goes into them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_methods import build, make_batch

from pointillist import geometry
from pointillist.methods.semantic_consistency import SemanticConsistency

NOTHING = Path("unused")


@pytest.mark.parametrize("off", ["semantic", "equivariance", "invariance"])
def test_every_loss_can_be_switched_off(off: str) -> None:
    method = build("semantic_consistency", NOTHING, **{off: 0.0})
    losses = method(make_batch())
    assert set(losses) == {"supervised", "semantic", "equivariance", "invariance"} - {off}


def test_weights_scale_their_losses() -> None:
    batch = make_batch()
    values = []
    for weight in (100.0, 300.0):
        method = build("semantic_consistency", NOTHING, equivariance=weight)
        torch.manual_seed(3)
        values.append(method(batch)["equivariance"].item())
    assert values[1] == pytest.approx(3 * values[0], rel=1e-5)


def test_burn_in_and_ramp() -> None:
    method = build("semantic_consistency", NOTHING, burn_in=0.2, ramp=0.4)
    batch = make_batch()
    method.progress = 0.1
    assert set(method(batch)) == {"supervised"}
    values = {}
    for progress in (0.4, 0.6, 0.9):
        torch.manual_seed(5)
        method.eval()  # batch norm would move between the calls
        method.progress = progress
        values[progress] = method(batch)["semantic"].item()
    # Half of the ramp is half of the weight; after it the weight is full.
    assert values[0.4] == pytest.approx(0.5 * values[0.6], rel=1e-4)
    assert values[0.9] == pytest.approx(values[0.6], rel=1e-4)


def test_true_heatmaps_are_a_switch() -> None:
    batch = make_batch()
    values = []
    for true_heatmaps in (True, False):
        method = build("semantic_consistency", NOTHING, true_heatmaps=true_heatmaps)
        torch.manual_seed(3)
        values.append(method(batch)["equivariance"].item())
    assert values[0] != values[1]


def test_padding_does_not_count_in_the_equivariance() -> None:
    method = build("semantic_consistency", NOTHING)
    assert isinstance(method, SemanticConsistency)
    batch = make_batch()
    view = method.setting.views.plain(batch)
    same = geometry.identity(len(batch))
    assert method._valid(batch, view, same).all()
    # The file shrinks to its left half: the right half of the crop is padding.
    batch.file_size = torch.tensor([[40.0, 60.0]]).expand(6, 2).clone()
    valid = method._valid(batch, view, same)
    # The view (64 wide) is the middle of the crop (80 wide): the file ends at 40 - 8 = 32 px,
    # which is column 8 of the map at stride 4.
    assert valid[:, :, :8].all()
    assert not valid[:, :, 8:].any()
    # Moved to the right by 8 px, two columns come from outside the view on the left.
    moved = geometry.translation(torch.full((6,), 8.0), torch.zeros(6))
    valid = method._valid(batch, view, moved)
    assert not valid[:, :, :2].any()
    assert valid[:, :, 2:10].all()


def test_the_peak_on_unlabelled_crops_is_watched() -> None:
    method = build("semantic_consistency", NOTHING)
    method(make_batch())
    assert method.figures["unlabeled_peak"].ndim == 0
