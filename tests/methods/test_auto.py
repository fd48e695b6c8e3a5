"""The default method: what it changes of semantic consistency."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace

import pytest
import torch
from test_methods import SIZE, build, make_batch, steps

from pointillist.augment import ViewMaker, ViewOptions
from pointillist.batch import Batch, View
from pointillist.methods.auto import Auto, AutoOptions, closer
from pointillist.methods.base import OtherCrops
from pointillist.methods.collapse import CollapseWarning, CollapseWatch


def ready(**options: object) -> Auto:
    method = build("auto", burn_in=0.25, ramp=0.0, **options)
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


def test_of_two_networks_the_first_is_turned_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch = ready(turned=180, renewed=0.4, confidence=0), make_batch()
    wanted = {0.33: False, 0.35: True, 0.4: False, 0.9: False, 1.0: False}  # 0.85 x 0.4 = 0.34
    for progress, turned in wanted.items():
        method.progress = progress
        assert (rotations(method, batch, monkeypatch)[-1] == 180) == turned


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


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()]).clone()


def moved_average(method: Auto) -> torch.Tensor:
    """The averaged network's weights, a step further."""
    assert method.average is not None
    with torch.no_grad():
        for parameter in method.average.parameters():
            parameter.add_(0.2)
    return weights(method.average)


def test_a_fresh_network_learns_what_the_averaged_one_labels() -> None:
    method, batch = ready(renewed=0.5, confidence=0), make_batch()
    fresh = weights(method.model)
    with torch.no_grad():
        for network, by in ((method.model, 0.1), (method.average, 0.2)):
            for parameter in network.parameters():
                parameter.add_(by)
    learnt, averaged = weights(method.model), weights(method.average)
    method.progress = 0.49
    assert method.preparing
    assert set(method(batch)) == {"supervised", "equivariance", "invariance", "semantic"}
    assert torch.equal(weights(method.model), learnt)
    assert not method.restarted
    method.progress = 0.5
    assert not method.preparing
    losses = method(batch)
    assert set(losses) == {"supervised", "equivariance"}
    assert losses["equivariance"] > 0
    assert torch.equal(weights(method.model), fresh)
    assert method.restarted  # the training forgets the average of the old weights
    assert str(method.news).startswith("a fresh network begins")
    assert method.labeller is not None
    assert torch.equal(weights(method.labeller.network), averaged)


def test_later_the_fresh_network_labels_and_goes_on() -> None:
    method, batch = ready(renewed=0.5, relabeled=0.8, confidence=0), make_batch()
    assert method.labeller is not None
    labels, learns = [], weights(method.model)  # it begins with these
    for progress in (0.5, 0.79, 0.8, 1.0):
        method.progress = progress
        method(batch)
        assert method.restarted == (progress == 0.5)
        method.restarted = False
        said = {0.5: "a fresh network begins", 0.8: "the last part begins"}.get(progress)
        assert (method.news or "None").startswith(str(said))
        method.news = None
        assert torch.equal(weights(method.model), learns)
        labels.append(weights(method.labeller.network))
        with torch.no_grad():  # it learns, and its average follows
            for network, by in ((method.model, 0.1), (method.average, 0.05)):
                for parameter in network.parameters():
                    parameter.add_(by)
        learns = weights(method.model)
    assert torch.equal(labels[0], labels[1])
    assert not torch.equal(labels[1], labels[2])
    assert torch.equal(labels[2], labels[3])


def test_a_network_that_has_just_begun_does_not_label() -> None:
    method, batch = ready(renewed=0.8, relabeled=0.75, confidence=0), make_batch()
    assert method.labeller is not None
    for progress in (0.8, 0.9):
        method.progress = progress
        method(batch)
        if progress == 0.8:
            first = weights(method.labeller.network)
        with torch.no_grad():
            for parameter in method.average.parameters():
                parameter.add_(0.1)
    assert torch.equal(weights(method.labeller.network), first)


@pytest.mark.parametrize("detail", [1.0, 2.0])
def test_where_the_clock_leaves_no_time_for_a_fresh_network_the_first_goes_on(
    detail: float,
) -> None:
    """One step lies before the second part, the next one after it: who has learnt nothing must
    not label."""
    method = ready(renewed=0.5, confidence=0, detail=detail)
    batch = enlarged(make_batch()) if detail > 1 else make_batch()
    assert method.labeller is not None
    averaged = moved_average(method)
    for progress in (0.9, 0.95):
        method.progress = progress
        method(batch)
        assert method.restarted == (progress == 0.9)
        method.restarted = False
        for network in (method.model, method.labeller.network):
            assert torch.equal(weights(network), averaged)


@pytest.mark.parametrize(("steps_until", "goes_on"), [(41, False), (39, True)])
def test_by_the_clock_a_fresh_network_begins_where_there_is_time_for_it(
    steps_until: int, goes_on: bool
) -> None:
    """In 0.4 of the time as many steps: 41 / 0.4 x 0.3 = 30.75 are to come until it labels."""
    options = {"renewed": 0.4, "detail": 2.0, "later_backbone_rate": 0.3, "confidence": 0}
    method, batch = ready(**options, fresh_steps=30), enlarged(make_batch())
    for progress, part in (
        (0.39, 1),
        (0.4, 1 + (not goes_on)),
        (0.49, 1 + (not goes_on)),
        (0.5, 2),
    ):
        method.progress, method.steps = progress, round(steps_until * progress / 0.4)
        assert ("semantic" in method(batch)) == (part == 1)
        assert method.restarted == (progress == (0.5 if goes_on else 0.4))
        method.restarted = False
        resumed = ready(**options, fresh_steps=30)
        resumed.load_state_dict(method.state_dict())
        resumed.progress = method.progress
        assert resumed.relabeled == method.relabeled
    assert method.relabeled == (0.5 if goes_on else pytest.approx(0.7))
    assert method.preparing != goes_on  # small crops, or a closer look for some time yet
    assert method.backbone_factor(0.6) == (1 if goes_on else 0.3)


def test_in_the_second_part_each_crop_weighs_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """One labelled crop of four has half the weight that it has beside one, the others more."""
    method, batch = ready(renewed=0.5, confidence=0), make_batch()
    monkeypatch.setattr(Auto, "supervised", lambda *_: torch.tensor(2.0), raising=False)
    losses = []
    for rows in ([0, 3], [0, 3, 4, 5]):
        method.progress = 0.6
        losses.append(method(batch.select(torch.tensor(rows))))
        share = method.figures["taught"]
        assert losses[-1]["equivariance"] == pytest.approx(
            1000 * 2 * share * {2: 1.0, 4: 1.5}[len(rows)]
        )
    assert [loss["supervised"] for loss in losses] == [2000, 1000]


def test_fewer_labelled_crops_come_with_the_second_part() -> None:
    assert ready(renewed=0.5, known=0.125).later == [OtherCrops(0.5, labeled=0.125)]
    assert ready(renewed=0.5).later == []
    assert ready(known=0.125).later == []  # there is no second part


def test_more_crops_come_when_they_get_smaller() -> None:
    few = OtherCrops(0.4, labeled=0.25)
    parts = {"renewed": 0.4, "detail": 2.0, "last_batch": 3.0}
    assert ready(**parts, known=0.25).later == [few, OtherCrops(0.7, 3, 0.25)]
    assert ready(**parts).later == [OtherCrops(0.7, 3, None)]
    assert ready(**parts, known=0.25, relabeled=0.2).later == [few, OtherCrops(0.4, 3, 0.25)]
    assert ready(renewed=0.4, last_batch=3.0).later == []  # they never get smaller
    given = AutoOptions(**parts, known=0.25).by_the_clock()
    assert ready(**given.model_dump(exclude={"burn_in", "ramp"})).later == []
    assert given.detail == 2


def test_the_backbone_slows_down_once_another_network_labels() -> None:
    slower = ready(renewed=0.4, later_backbone_rate=0.3)
    assert [slower.backbone_factor(done) for done in (0.0, 0.39, 0.4, 1.0)] == [1, 1, 0.3, 0.3]
    assert ready(renewed=0.4).backbone_factor(0.9) == 1


def test_the_peaks_of_labels_are_watched_and_not_compared_with_those_of_one_look() -> None:
    """Each labeller with the one before it: a network that learns from itself may sink."""
    method, batch = ready(renewed=0.5, relabeled=0.8, confidence=0), make_batch()
    method.collapse = CollapseWatch(floor=0, every=1)
    assert method.labeller is not None

    def step(progress: float, peak: float) -> None:
        """Heatmaps of the averaged network, who teaches or is the next to label, are flat.

        Smoothing keeps a Gaussian's height, and so doubles what is flat.
        """
        assert method.average is not None
        for head in (method.average.head, method.labeller.network.head):  # type: ignore[union-attr]
            torch.nn.init.zeros_(head.heatmaps.weight)
            torch.nn.init.constant_(head.heatmaps.bias, peak)
        method.progress = progress
        method(batch)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step(0.4, 0.9)
        step(0.5, 0.15)
    assert method.figures["unlabeled_peak"].item() == pytest.approx(0.3, rel=1e-3)
    with pytest.warns(CollapseWarning, match=r"is 0\.100 and was 0\.300"):
        step(0.8, 0.05)


def test_points_without_confidence_teach_nothing() -> None:
    method, batch = ready(renewed=0.5, confidence=1), make_batch()
    method.progress = 0.6
    losses = method(batch)
    assert losses["equivariance"] == 0
    assert losses["supervised"] > 0


@pytest.mark.parametrize("detail", [1.0, 2.0])
def test_its_later_parts_never_read_labels_of_unlabelled_crops(detail: float) -> None:
    results = []
    for poison in (False, True):
        method = ready(renewed=0.3, relabeled=0.6, confidence=0, detail=detail)
        batch = make_batch(poison)
        batch = enlarged(batch) if detail > 1 else batch
        results.append((steps(method, batch, 6), weights(method.model)))
    assert results[0][0][-1]["equivariance"] > 0
    assert results[0][0] == results[1][0]
    assert torch.equal(results[0][1], results[1][1])


def test_it_does_not_begin_anew_without_being_told_to() -> None:
    method, batch = ready(), make_batch()
    before = weights(method.model)
    method.progress = 1.0
    assert method.labeller is None  # nor does a checkpoint carry it
    assert "semantic" in method(batch)
    assert torch.equal(weights(method.model), before)


def widths(method: Auto, batch: Batch) -> list[int]:
    """Of all images that a step shows to a network."""
    seen: list[int] = []
    assert method.labeller is not None
    assert method.average is not None
    hooks = [
        network.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[-1]))
        for network in (method.model, method.average, method.labeller.network)
    ]
    method(batch)
    for hook in hooks:
        hook.remove()
    return seen


def enlarged(batch: Batch) -> Batch:
    """In twice the pixels each way."""
    return replace(
        batch,
        images=batch.images.repeat_interleave(2, 2).repeat_interleave(2, 3),
        points=2 * batch.points,
        to_file=batch.to_file @ torch.diag(torch.tensor([0.5, 0.5, 1.0])),
    )


def test_who_labels_looks_closer() -> None:
    """Training crops come with the pixels for it; in the end they are learnt from few pixels."""
    method = ready(renewed=0.5, confidence=0, detail=2.0)
    usual, closer = SIZE[0], 2 * SIZE[0]
    assert method.detail == 2
    large = enlarged(make_batch())
    for progress, wanted in (
        (0.0, [closer]),
        (0.3, [closer, closer]),
        (0.5, [closer, closer, closer, closer]),  # three copies to label, then to learn
        (0.74, [closer]),  # it has labelled them already
        (0.75, [closer, closer, closer, usual]),  # now the fresh one labels
        (0.9, [usual]),
    ):
        method.progress = progress
        assert widths(method, large) == wanted
    labeled = large.select(large.labeled)
    for progress, wanted in ((0.3, [closer]), (0.6, [closer]), (0.9, [usual])):
        method.progress = progress
        assert widths(method, labeled) == wanted


def test_after_a_closer_look_the_network_goes_on_with_what_it_knows() -> None:
    """What the fresh one has learnt labels, and its average is where the last part begins."""
    method = ready(renewed=0.5, relabeled=0.75, confidence=0, detail=2.0)
    batch, fresh = enlarged(make_batch()), weights(method.model)
    assert method.labeller is not None
    for progress, begins in ((0.5, True), (0.6, False), (0.75, True), (0.9, False)):
        averaged = moved_average(method)
        method.progress = progress
        assert method.preparing == (progress < 0.75)
        method(batch)
        assert method.restarted == begins
        method.restarted = False
        if begins:
            learns = fresh if progress == 0.5 else averaged
            labels = averaged
        assert torch.equal(weights(method.model), learns)
        assert torch.equal(weights(method.labeller.network), labels)


def test_a_first_network_goes_on_with_fewer_pixels_where_no_fresh_one_is_wanted() -> None:
    method = ready(renewed=0.5, relabeled=0.5, confidence=0, detail=2.0)
    batch = enlarged(make_batch())
    assert method.labeller is not None
    averaged = moved_average(method)
    for progress in (0.5, 0.9):
        method.progress = progress
        assert not method.preparing
        assert widths(method, batch)[-1] == SIZE[0]
        assert method.restarted == (progress == 0.5)
        method.restarted = False
        for network in (method.model, method.labeller.network):
            assert torch.equal(weights(network), averaged)


def test_gaussians_are_as_wide_in_the_image_as_before() -> None:
    method = ready(renewed=0.5, detail=2.0)
    usual, near = method.setting, closer(method.setting, 2.0, method.model)
    assert near.views.size == (2 * SIZE[0], 2 * SIZE[1])
    assert near.sigma == 2 * usual.sigma
    # 84.5 and 63.4 pixels, in multiples of 16: of no side is less to be seen.
    assert closer(usual, 1.32, method.model).views.size == (96, 64)
    # 70.4 and 52.8: crops of 1.25 times that have 88 and 66.
    assert closer(usual, 1.1, method.model).views.size == (80, 64)
    # 64.6 and 48.5: the crop's 81 pixels are enough for 80, its 61 not for 64.
    assert closer(usual, 1.01, method.model).views.size == (80, 48)


def test_without_a_fresh_network_nobody_looks_closer() -> None:
    assert ready(detail=2.0).detail == 1
