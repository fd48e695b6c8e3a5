"""Data distillation: what becomes a label, and when the network starts again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from test_methods import build, make_batch, steps

from core_cases import SKELETON, batch_of, dot_image, dots_dataset, tiny_config
from pointillist import lightning_module
from pointillist.augment import ViewMaker, ViewOptions
from pointillist.batch import Batch
from pointillist.crops import CropSpec
from pointillist.methods import Setting
from pointillist.methods.pseudo_labels import PseudoLabels, PseudoLabelsOptions
from pointillist.models.localizer import Localizer
from pointillist.training import train
from seeing import COLORS, SeeingNetwork

SIZE = (96, 64)
OPTIONS = PseudoLabelsOptions(first_stage=0.5)


class Counting(SeeingNetwork):
    """Finds dots, and counts the images that it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def forward(self, images: torch.Tensor):  # type: ignore[no-untyped-def]
        self.asked += len(images)
        return super().forward(images)


def distilling(options: PseudoLabelsOptions = OPTIONS) -> PseudoLabels:
    """The method in its second stage, with a teacher that finds dots."""
    teacher = Counting()
    views = ViewMaker(SIZE, SKELETON, teacher.mean, teacher.std)
    method = PseudoLabels(teacher, Setting(views, ViewOptions(), 1.5, SKELETON), options)
    method.second_stage.fill_(True)
    return method


def unlabeled(places: list[tuple[float, float]], colors: np.ndarray = COLORS) -> Batch:
    """One crop with dots, none of them annotated."""
    batch, _ = batch_of(
        dot_image(*SIZE, places, 5.0, colors), None, CropSpec(*SIZE, 1.0), np.array(places)
    )
    batch.labeled[:] = False
    batch.annotated[:] = False
    batch.points[:] = torch.nan
    return batch


@pytest.mark.parametrize("place", [(50.0, 20.0), (91.0, 30.0), (5.0, 60.0)])
def test_the_copies_agree_on_a_place_also_near_the_edge(place: tuple[float, float]) -> None:
    """Left and right keep their names in mirror images, and what no copy shows has no say."""
    places = [(30.0, 30.0), (62.0, 34.0), place]
    labeled, _ = distilling().labeller.label(unlabeled(places))
    assert labeled.annotated.all()
    assert np.abs(labeled.points[0].numpy() - places).max() < 2


def test_only_confident_points_become_labels() -> None:
    faint = COLORS.copy()
    faint[2] *= 0.2  # the nose hardly shows
    batch = unlabeled([(30.0, 30.0), (62.0, 34.0), (50.0, 20.0)], faint)
    labeled, _ = distilling().labeller.label(batch)
    assert labeled.annotated.tolist() == [[True, True, False]]
    sure = PseudoLabelsOptions(first_stage=0.5, confidence=0.05)
    labeled, _ = distilling(sure).labeller.label(batch)
    assert labeled.annotated.all()
    assert not batch.annotated.any()  # the batch that was given stays as it was


def test_each_crop_is_asked_about_once() -> None:
    method, batch = distilling(), unlabeled([(30.0, 30.0), (62.0, 34.0), (50.0, 20.0)])
    first, again = (method.labeller.label(batch)[0] for _ in range(2))
    assert isinstance(method.labeller.network, Counting)
    assert method.labeller.network.asked == 2 * len(
        OPTIONS.rotations
    )  # each copy and its mirror image
    assert torch.equal(first.points, again.points)


def weights(network: Localizer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()]).clone()


def test_the_second_stage_starts_afresh_and_the_first_one_teaches() -> None:
    method = build("pseudo_labels", first_stage=0.5)
    assert isinstance(method, PseudoLabels)
    fresh = weights(method.model)
    steps(method, make_batch(), 2)  # at 0 and at a half: the second step is of the second stage
    assert method.second_stage
    # One step of 1e-3 in each direction at most.
    assert (weights(method.model) - fresh).abs().max() < 1.1e-3 + 1e-3 * 0.01 * fresh.abs().max()
    assert not torch.equal(weights(method.labeller.network), fresh)


def test_labelled_crops_keep_their_labels() -> None:
    method, batch = build("pseudo_labels", first_stage=0.5), make_batch()
    assert isinstance(method, PseudoLabels)
    both, peaks = method.labeller.label(batch)
    assert peaks.shape == (3, both.points.shape[1])  # of the unlabelled ones
    torch.testing.assert_close(both.points[:3], batch.points[:3], rtol=0, atol=0, equal_nan=True)
    assert torch.equal(both.annotated[:3], batch.annotated[:3])


def test_patience_begins_with_the_second_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, val = dots_dataset(tmp_path / "data", 12), dots_dataset(tmp_path / "val", 6, seed=1)
    scores = iter([0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1])
    monkeypatch.setattr(lightning_module, "pck", lambda *_: next(scores))
    config = tiny_config(
        "method=pseudo_labels", "training.max_steps=20", "training.validate_every=2",
        "training.patience=2",
    )  # fmt: skip
    run = train(data, tmp_path / "run", unlabeled=[val], val=val, config=config, quiet=True)
    # The first 8 steps are the first stage; then 0.1 at step 10, no better at 12 and 14.
    assert run.metrics["steps"] == 14
