"""Semantic consistency: which losses there are, and what goes into them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from test_methods import build, make_batch

from pointillist import geometry
from pointillist.methods import semantic_consistency
from pointillist.methods.collapse import CollapseWarning, CollapseWatch
from pointillist.methods.semantic_consistency import SemanticConsistency
from pointillist.models.representation import represent

NOTHING = Path("unused")


def ready(**options: object) -> SemanticConsistency:
    """Beyond the burn-in, with an average that is the network as it was at the start."""
    method = build("semantic_consistency", NOTHING, burn_in=0.0, ramp=0.0, **options)
    assert isinstance(method, SemanticConsistency)
    # As the training does it: not a submodule, which would be trained and saved with the method.
    object.__setattr__(method, "average", copy.deepcopy(method.model).eval())
    return method


@pytest.mark.parametrize("teacher", ["none", "average"])
@pytest.mark.parametrize("off", ["semantic", "equivariance", "invariance"])
def test_every_loss_can_be_switched_off(off: str, teacher: str) -> None:
    losses = ready(teacher=teacher, threshold=0.0, **{off: 0.0})(make_batch())
    assert set(losses) == {"supervised", "semantic", "equivariance", "invariance"} - {off}


@pytest.mark.parametrize("teacher", ["none", "average"])
@pytest.mark.parametrize("loss", ["supervised", "semantic", "equivariance", "invariance"])
def test_weights_scale_their_losses(loss: str, teacher: str) -> None:
    batch = make_batch()
    values = []
    for weight in (100.0, 300.0):
        method = ready(teacher=teacher, threshold=0.0, **{loss: weight})
        torch.manual_seed(3)
        values.append(method(batch)[loss].item())
    assert values[1] == pytest.approx(3 * values[0], rel=1e-5)


@pytest.mark.parametrize("teacher", ["none", "average"])
@pytest.mark.parametrize("loss", ["semantic", "equivariance", "invariance"])
def test_every_loss_reaches_the_network(loss: str, teacher: str) -> None:
    method = ready(threshold=0.0, teacher=teacher)
    method(make_batch())[loss].backward()
    weights = method.model.backbone.parameters()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in weights)


def test_the_teacher_gets_no_gradient() -> None:
    method = ready(threshold=0.0)
    assert method.average is not None
    torch.stack(list(method(make_batch()).values())).sum().backward()
    assert all(p.grad is None for p in method.average.parameters())


def test_a_teacher_that_is_not_sure_teaches_nothing() -> None:
    # Heatmaps start at about 0.001: no peak reaches 0.5.
    losses = ready(threshold=0.5)(make_batch())
    assert losses["equivariance"] == 0
    assert losses["invariance"] == 0


def test_the_equivariance_vanishes_where_teacher_and_network_see_and_say_the_same() -> None:
    still = {"rotation": 0, "scale": 0, "shift": 0, "flip": 0, "color": 0, "gray": 0, "erase": 0}
    method = ready(threshold=0.0, easy=still, hard=still).eval()
    known = method.model(method.setting.views.plain(make_batch()).images).heatmaps
    scale = method.options.equivariance * known.square().mean().item()
    # Not exactly 0: a warp by the identity rounds.
    assert method(make_batch())["equivariance"].item() < 1e-3 * scale


def _keeping(kept: list[torch.Tensor]) -> Callable[..., dict[str, torch.Tensor]]:
    def keep(pair: tuple[torch.Tensor, ...], *_: object) -> dict[str, torch.Tensor]:
        kept.extend(pair)
        return {}

    return keep


def test_a_mirror_image_is_compared_with_the_other_sides_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the teacher says of the left one is compared with the student's right one where one of
    the views is a mirror image and all else is equal, because there it is the same place."""
    still = {"rotation": 0, "scale": 0, "shift": 0, "color": 0, "gray": 0}
    seen = {}
    for flip in (0.0, 1.0):
        method = ready(
            threshold=0.0, easy=still | {"flip": 0.0}, hard=still | {"flip": flip}
        ).eval()
        pair: list[torch.Tensor] = []
        monkeypatch.setattr(method, "_of_representations", _keeping(pair))
        torch.manual_seed(1)
        method(make_batch())
        seen[flip] = pair[0]
    order = method.setting.views.order(torch.device("cpu"))
    assert torch.equal(seen[1.0], seen[0.0][:, order])


def test_invariance_does_not_depend_on_the_height_of_heatmaps() -> None:
    z = torch.randn(2, 3, 64)
    counts = torch.ones(2, 3, dtype=torch.bool)
    same = ready(semantic=0.0)._of_representations((z, 5 * z, counts))["invariance"]
    assert same.item() == pytest.approx(0, abs=1e-6)
    published = ready(semantic=0.0, normalized=False)._of_representations((z, 5 * z, counts))
    assert published["invariance"].item() == pytest.approx(30 * 16 * (z**2).mean().item(), rel=1e-5)


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


@pytest.mark.parametrize("teacher", ["none", "average"])
@pytest.mark.parametrize("true_heatmaps", [True, False])
def test_true_heatmaps_are_a_switch(
    monkeypatch: pytest.MonkeyPatch, true_heatmaps: bool, teacher: str
) -> None:
    """Representations of labelled crops are cut out by ground truth, or by what was predicted."""
    used: list[torch.Tensor] = []

    def kept(features: torch.Tensor, heatmaps: torch.Tensor) -> torch.Tensor:
        used.append(heatmaps.detach())
        return represent(features, heatmaps)

    monkeypatch.setattr(semantic_consistency, "represent", kept)
    batch = make_batch()
    method = ready(teacher=teacher, threshold=0.0, true_heatmaps=true_heatmaps)
    torch.manual_seed(3)
    method(batch)
    torch.manual_seed(3)  # the view that the method saw first
    seen = batch if teacher == "none" else batch.select(batch.labeled)
    view = method.setting.views.random(seen, method.setting.view_options)
    target, known = method.targets(view)[:3], view.annotated[:3]
    assert torch.allclose(used[0][:3][known], target[known]) is true_heatmaps


@pytest.mark.parametrize("transform", ["affine", "perspective"])
def test_what_moves_the_second_pass(transform: str) -> None:
    method = ready(teacher="none", transform=transform)
    torch.manual_seed(0)
    moved = method._transform(method.setting.views.plain(make_batch()))
    lines = moved[:, 2, :2].abs().amax(dim=1)  # parallels stay parallel where they are 0
    assert bool((lines < 1e-9).all()) is (transform == "affine")
    corners = geometry.transform_points(moved, torch.tensor([[[0.0, 0.0], [64.0, 48.0]]]))
    assert len(corners.unique(dim=0)) == 6  # each crop by its own


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


@pytest.mark.parametrize("valid_only", [True, False])
def test_labelled_points_that_leave_the_moved_view_do_not_count(
    valid_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = ready(teacher="none", valid_only=valid_only)
    away = geometry.translation(torch.full((6,), 1000.0), torch.zeros(6))
    monkeypatch.setattr(method, "_transform", lambda view: away)
    batch = make_batch()
    batch.labeled[:] = True
    invariance = method(batch)["invariance"].item()
    # As published they count: a representation of nothing is compared with one of the point.
    assert (invariance == 0) == valid_only


@pytest.mark.parametrize("teacher", ["none", "average"])
def test_the_peak_on_unlabelled_crops_is_watched(teacher: str) -> None:
    method = ready(teacher=teacher)
    method.collapse = CollapseWatch(floor=2, every=1)  # no peak is so high
    method.progress = 1.0
    with pytest.warns(CollapseWarning):
        method(make_batch())
    assert method.figures["unlabeled_peak"].ndim == 0
