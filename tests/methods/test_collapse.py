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
from pointillist.methods.collapse import CollapseWarning, CollapseWatch
from pointillist.methods.mean_teacher import MeanTeacher, MeanTeacherOptions
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
        absent=torch.zeros_like(annotated),
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
    method.collapse = CollapseWatch(every=10)
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


def test_a_collapse_is_told_once() -> None:
    watch = CollapseWatch(floor=0.05, fall=0.5, every=10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(30):
            watch.see(torch.tensor(0.5), 1)
        for _ in range(9):
            watch.see(torch.tensor(0.0), 1)
    with pytest.warns(CollapseWarning, match=r"mean peak is 0\.019 and was 0\.500"):
        watch.see(torch.tensor(0.19), 1)
    assert watch.collapsed
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(50):
            watch.see(torch.tensor(0.0), 1)


def test_a_collapse_is_noticed_across_a_checkpoint_and_told_once() -> None:
    first, second, third = (CollapseWatch(every=2) for _ in range(3))
    for _ in range(2):
        first.see(torch.tensor(0.8), 0.5)
    second.load_state_dict(first.state_dict())
    second.see(torch.tensor(0.2), 0.5)
    with pytest.warns(CollapseWarning, match=r"was 0\.800"):
        second.see(torch.tensor(0.2), 0.5)
    third.load_state_dict(second.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            third.see(torch.tensor(0.1), 0.5)


def test_between_two_looks_a_checkpoint_forgets_nothing() -> None:
    first, second = CollapseWatch(every=2), CollapseWatch(every=2)
    first.see(torch.tensor([0.8, 0.6]), 0.5)
    second.load_state_dict(first.state_dict())
    for watch in (first, second):
        watch.see(torch.tensor([0.6, 0.5]), 0.5)
    assert first.summary() == second.summary()
    assert first.summary() == {"mean_peak": 0.55, "highest_mean_peak": 0.55, "collapsed": False}


def test_who_teaches_from_the_first_step_on_need_not_know_anything_yet() -> None:
    watch = CollapseWatch(every=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            watch.see(torch.tensor(0.01), 0.05)
    watch.see(torch.tensor(0.01), 0.1)
    with pytest.warns(CollapseWarning):
        watch.see(torch.tensor(0.01), 0.1)


def test_a_fall_before_it_may_warn_is_not_forgotten() -> None:
    watch = CollapseWatch(every=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for peak in (0.45, 0.45, 0.08, 0.08):
            watch.see(torch.tensor(peak), 0.05)
    watch.see(torch.tensor(0.08), 0.1)
    with pytest.warns(CollapseWarning, match=r"is 0\.080 and was 0\.450"):
        watch.see(torch.tensor(0.08), 0.1)


def test_the_last_steps_of_a_training_are_looked_at_too() -> None:
    watch = CollapseWatch(every=8)
    for peak in [0.8] * 8 + [0.01] * 2:
        watch.see(torch.tensor(peak), 0.9)
    with pytest.warns(CollapseWarning, match=r"is 0\.010 and was 0\.800"):
        assert watch.summary() == {
            "mean_peak": 0.01, "highest_mean_peak": 0.8, "collapsed": True
        }  # fmt: skip


def test_a_few_steps_have_not_collapsed() -> None:
    watch = CollapseWatch(every=8)
    watch.see(torch.tensor(0.01), 0.9)
    assert watch.summary() == {"mean_peak": 0.01, "highest_mean_peak": 0.01, "collapsed": False}
    watch = CollapseWatch(every=8)
    for peak in [0.8] * 8 + [0.01]:
        watch.see(torch.tensor(peak), 0.9)
    assert watch.summary() == {"mean_peak": 0.8, "highest_mean_peak": 0.8, "collapsed": False}


def test_one_collapsed_teacher_of_two_is_noticed() -> None:
    watch = CollapseWatch(every=2)
    for peaks in ([0.5, 0.4], [0.5, 0.4], [0.6, 0.1]):
        watch.see(torch.tensor(peaks), 1)
    with pytest.warns(CollapseWarning, match=r"is 0\.100 and was 0\.400"):
        watch.see(torch.tensor([0.6, 0.1]), 1)


def test_a_teacher_that_never_knew_anything_has_collapsed_too() -> None:
    watch = CollapseWatch(every=2)
    watch.see(torch.tensor(0.04), 1)
    with pytest.warns(CollapseWarning):
        watch.see(torch.tensor(0.04), 1)


def test_slow_learning_is_no_collapse() -> None:
    watch = CollapseWatch(every=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for step in range(100):
            watch.see(torch.tensor(0.06 + 0.005 * step), 1)
        for _ in range(20):
            watch.see(torch.tensor(0.3), 1)


def test_of_two_collapsed_teachers_the_lower_one_is_told_with_its_own_past() -> None:
    watch = CollapseWatch(every=1)
    watch.see(torch.tensor([0.4, 0.9]), 1)
    with pytest.warns(CollapseWarning, match=r"is 0\.100 and was 0\.900"):
        watch.see(torch.tensor([0.15, 0.1]), 1)


def test_another_teacher_has_no_past() -> None:
    watch = CollapseWatch(every=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        watch.see(torch.tensor(0.9), 1)
        watch.forget()
        watch.see(torch.tensor(0.3), 1)
    with pytest.warns(CollapseWarning, match=r"is 0\.100 and was 0\.300"):
        watch.see(torch.tensor(0.1), 1)


def test_what_a_result_says_of_teachers() -> None:
    watch = CollapseWatch(every=2)
    assert watch.summary() is None
    watch.see(torch.tensor([0.6, 0.5]), 1)  # a training may end before the first look
    assert watch.summary() == {"mean_peak": 0.5, "highest_mean_peak": 0.5, "collapsed": False}
    watch.see(torch.tensor([0.6, 0.125]), 1)
    with pytest.warns(CollapseWarning):
        watch.see(torch.tensor([0.6, 0.125]), 1)
    for _ in range(2):  # and what comes after a collapse is known too
        watch.see(torch.tensor([0.7, 0.25]), 1)
    expected = {"mean_peak": 0.25, "highest_mean_peak": 0.5, "collapsed": True}
    assert watch.summary() == expected
    after = CollapseWatch()
    after.load_state_dict(watch.state_dict())
    assert after.summary() == expected
