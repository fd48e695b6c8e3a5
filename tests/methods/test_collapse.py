"""The collapse of consistency training: as hard for the teacher as for the student, it happens.

Xie et al., ICCV 2021: teacher and student that are equally wrong agree on background. The data is
the built-in one, with few labels; everything but the teacher's view is the same in both trainings.
"""

from __future__ import annotations

import warnings
from dataclasses import fields

import numpy as np
import pytest
import torch

from core_cases import TINY
from pointillist.augment import ViewMaker, ViewOptions
from pointillist.batch import Batch
from pointillist.ema import WeightAverage
from pointillist.methods import Setting
from pointillist.methods.mean_teacher import MeanTeacher, MeanTeacherOptions
from pointillist.methods.teaching import CollapseWarning, CollapseWatch
from pointillist.models.localizer import Localizer, create_localizer
from pointillist.models.options import ModelOptions
from pointillist.synthetic import SKELETON, draw_creature

SIZE, STEPS = (64, 48), 300
PLAIN = ViewOptions(rotation=0, scale=0, shift=0, flip=0, color=0, gray=0)
MILD = ViewOptions(rotation=10, scale=0.1, shift=0.05, flip=0, color=0.1, gray=0)
HARD = ViewOptions(rotation=40, scale=0.3, shift=0.1, flip=0, color=0.3, gray=0.1, erase=0.3)


def creatures(count: int, first: int, labeled: bool) -> Batch:
    drawn = [draw_creature(first + i, (80, 60)) for i in range(count)]
    points = torch.from_numpy(np.stack([i.points for _, i in drawn])).float()
    annotated = torch.from_numpy(np.stack([i.annotated for _, i in drawn]))
    return Batch(
        images=torch.from_numpy(np.stack([image for image, _ in drawn])).permute(0, 3, 1, 2),
        points=points if labeled else torch.full_like(points, torch.nan),
        annotated=annotated & labeled,
        labeled=torch.full((count,), labeled),
        to_file=torch.eye(3).expand(count, 3, 3),
        file_size=torch.tensor([[80.0, 60.0]]).expand(count, 2),
        index=torch.arange(count),
    )


def joined(first: Batch, second: Batch) -> Batch:
    both = [(getattr(first, f.name), getattr(second, f.name)) for f in fields(Batch)]
    return Batch(*(torch.cat(pair) for pair in both))


def trained(weak: ViewOptions) -> tuple[float, float, bool]:
    """Mean peaks on plain unlabelled and labelled crops at the end, and whether it was noticed."""
    labels, others = creatures(32, 0, True), creatures(32, 1000, False)
    torch.manual_seed(0)
    model: Localizer = create_localizer(ModelOptions(backbone=TINY, width=16), len(SKELETON))
    views = ViewMaker(SIZE, SKELETON, model.mean, model.std)
    options = MeanTeacherOptions(
        unsupervised=3000, burn_in=0.3, ramp=0.2, threshold=0, weak=weak, strong=HARD
    )
    method = MeanTeacher(model, Setting(views, MILD, 1.5, SKELETON), options).train()
    method._watch = CollapseWatch(every=10)
    average = WeightAverage(model, 0.95)
    object.__setattr__(method, "average", average.network)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for step in range(STEPS):
            torch.manual_seed(step)
            method.progress = step / STEPS
            rows, more = torch.randperm(32)[:8], torch.randperm(32)[:8]
            losses = method(joined(labels.select(rows), others.select(more)))
            optimizer.zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            optimizer.step()
            average.update(model)
    with torch.no_grad():
        heatmaps = [average.network(views.plain(b).images).heatmaps for b in (others, labels)]
    peak, of_labels = (float(h.flatten(2).amax(dim=2).mean()) for h in heatmaps)
    return peak, of_labels, any(w.category is CollapseWarning for w in told)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Sums in another order would lead to other figures."""
    torch.set_num_threads(1)


def test_without_easy_and_hard_views_it_collapses_and_is_noticed() -> None:
    peak, of_labels, noticed = trained(weak=HARD)
    assert of_labels > 0.3  # the labels are learnt all the same
    assert peak < 0.25 * of_labels
    assert noticed


def test_from_easy_to_hard_it_does_not() -> None:
    peak, of_labels, noticed = trained(weak=PLAIN)
    assert peak > 0.4 * of_labels
    assert not noticed
