from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from core_cases import SKELETON, tiny_config
from pointillist.augment import ViewMaker
from pointillist.config import Config, TrainingOptions
from pointillist.lightning_module import TrainingModule, make_optimizer, rate_factor
from pointillist.methods import Setting
from pointillist.methods.supervised import Supervised, SupervisedOptions
from pointillist.models.localizer import create_localizer


def method(config: Config) -> Supervised:
    torch.manual_seed(0)
    model = create_localizer(config.model, len(SKELETON))
    views = ViewMaker((64, 48), SKELETON, model.mean, model.std)
    setting = Setting(views, config.views, sigma=1.5, skeleton=SKELETON)
    return Supervised(model, setting, SupervisedOptions())


def module(*sets: str) -> TrainingModule:
    config = tiny_config(*sets)
    trained = method(config)
    return TrainingModule(trained, config, trained.setting.views, np.ones(3))


def test_rate_by_hand() -> None:
    options = TrainingOptions(warmup_steps=4, max_steps=12)
    warm = [rate_factor(step, step / 12, options) for step in range(4)]
    assert warm == [0.25, 0.5, 0.75, 1.0]
    assert rate_factor(6, 0.5, options) == pytest.approx(0.5)
    assert rate_factor(9, 0.75, options) == pytest.approx(0.5 * (1 + math.cos(0.75 * math.pi)))
    assert rate_factor(12, 1.0, options) == pytest.approx(0)
    assert rate_factor(20, 1.7, options) == pytest.approx(0)
    constant = TrainingOptions(warmup_steps=2, schedule="constant")
    assert [rate_factor(s, 0.9, constant) for s in (0, 1, 2, 99)] == [0.5, 1.0, 1.0, 1.0]
    assert rate_factor(0, 0.0, TrainingOptions(warmup_steps=0)) == 1
    stairs = TrainingOptions(warmup_steps=0, schedule="stairs", stairs=(0.5, 0.8))
    rates = [rate_factor(9, done, stairs) for done in (0.0, 0.49, 0.5, 0.79, 0.8, 1.0)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_time_without_steps_ends_a_training_sooner_and_does_not_bring_it_forward() -> None:
    """Ten minutes, of which decoding took four, and two more when it was continued."""
    made = module("training.max_minutes=10", "training.max_steps=1000")
    again = module("training.max_minutes=10", "training.max_steps=1000")
    made._started = time.monotonic() - 4 * 60
    made.on_train_start()
    made._clock = made.minutes
    assert made._share_at(0) == pytest.approx(0, abs=1e-3)
    made._clock = 7.0
    assert made._share_at(0) == pytest.approx(0.5, abs=1e-3)
    checkpoint: dict[str, Any] = {}
    made.on_save_checkpoint(checkpoint)
    again.on_load_checkpoint(checkpoint | {"pointillist_minutes": 7.0})
    again._started = time.monotonic() - 2 * 60
    again.on_train_start()
    again._clock = again.minutes
    assert again._share_at(0) == pytest.approx(0.75, abs=1e-3)
    again._clock = 10.0
    assert again._share_at(0) == 1


def test_optimizer_groups() -> None:
    options = TrainingOptions(learning_rate=0.01, backbone_rate=0.1, weight_decay=0.5)
    trained = method(tiny_config())
    optimizer = make_optimizer(trained, options)
    assert isinstance(optimizer, torch.optim.AdamW)
    rates, seen = {}, 0
    names = {id(p): name for name, p in trained.named_parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            seen += 1
            rates[names[id(parameter)]] = group["lr"]
            assert group["weight_decay"] == (0.5 if parameter.ndim > 1 else 0)
    assert seen == len(names)
    for name, rate in rates.items():
        assert rate == pytest.approx(0.001 if ".backbone." in name else 0.01), name


def test_a_method_may_slow_its_backbone_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Supervised, "backbone_factor", lambda self, done: 0.5 if done >= 0.5 else 1.0
    )
    trained = module(
        "training.max_steps=8",
        "training.warmup_steps=2",
        "training.schedule=constant",
        "training.learning_rate=0.01",
        "training.backbone_rate=0.1",
    )
    made = trained.configure_optimizers()
    optimizer, scheduler = made["optimizer"], made["lr_scheduler"]["scheduler"]
    rates: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(6):
        for group in {g["backbone"]: g for g in optimizer.param_groups}.values():
            rates[group["backbone"]].append(group["lr"])
        optimizer.step()
        scheduler.step()
    assert rates[False] == pytest.approx([0.005, 0.01, 0.01, 0.01, 0.01, 0.01])
    assert rates[True] == pytest.approx([0.0005, 0.001, 0.001, 0.001, 0.0005, 0.0005])


def test_optimizer_kind_and_clipping() -> None:
    adam = make_optimizer(method(tiny_config()), TrainingOptions(optimizer="adam"))
    assert type(adam) is torch.optim.Adam
    # Lightning refuses to clip for an optimiser that scales 16-bit gradients back itself.
    clipped = make_optimizer(method(tiny_config()), TrainingOptions(gradient_clip=1.0))
    assert not getattr(clipped, "_step_supports_amp_scaling", False)


def test_frozen_weights_are_not_optimised() -> None:
    trained = method(tiny_config())
    trained.model.backbone.requires_grad_(False)
    groups = make_optimizer(trained, TrainingOptions()).param_groups
    backbone = {id(p) for p in trained.model.backbone.parameters()}
    assert not any(id(p) in backbone for group in groups for p in group["params"])


def test_best_network_is_the_average_where_there_is_one() -> None:
    averaged, plain = module(), module("training.ema_decay=0")
    assert averaged.average is not None
    assert averaged.best_network is averaged.average.network
    assert averaged.method.average is averaged.average.network
    assert plain.best_network is plain.method.model
    assert plain.method.average is None


def test_new_weights_have_no_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that starts a network afresh: its average follows, the moments are forgotten."""
    trained = module()
    assert trained.average is not None
    optimizer = make_optimizer(trained.method, trained.options)
    monkeypatch.setattr(trained, "optimizers", lambda **options: optimizer)
    network = trained.method.model

    def restarting(self: Supervised, batch: object) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.fill_(3.0)
        self.restarted = True
        return {"supervised": sum(p.sum() for p in network.parameters())}

    def step(forward: Callable[..., object]) -> None:
        monkeypatch.setattr(Supervised, "forward", forward)
        trained.training_step([0], 0).backward()  # type: ignore[arg-type]

    step(lambda self, batch: {"supervised": sum(p.sum() for p in network.parameters())})
    optimizer.step()
    for _ in range(50):
        trained.average.update(network)
    assert optimizer.state
    step(restarting)
    assert not optimizer.state
    assert trained.average.updates == 0
    assert all((p == 3).all() for p in trained.average.network.parameters())
    assert not trained.method.restarted


def test_every_weight_is_saved_once_under_its_own_name() -> None:
    names = list(module().state_dict())
    assert all(name.startswith(("method.model.", "average.")) for name in names)
    own = set(module().method.model.state_dict())
    assert {n.removeprefix("method.model.") for n in names if n.startswith("method.")} == own


def test_compiling_is_asked_of_the_network_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[torch.nn.Module] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(self))
    made = module("training.compile=true")
    assert compiled == [made.method.model.backbone, made.method.model.head]
    module()
    assert len(compiled) == 2


def test_a_step_draws_the_same_whenever_it_is_made() -> None:
    made = module()

    def draw(step: int, rank: int = 0) -> float:
        torch.rand(step + 3)  # whatever was drawn before
        state = pytest.MonkeyPatch()
        state.setattr(TrainingModule, "global_step", step)
        state.setattr(TrainingModule, "global_rank", rank)
        made.on_train_batch_start(None, 0)  # type: ignore[arg-type]
        state.undo()
        return float(torch.rand(()))

    assert draw(5) == draw(5)
    assert len({draw(5), draw(6), draw(5, rank=1)}) == 3


def test_share_done_by_steps_or_time_whichever_is_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TrainingModule, "global_step", 5)
    assert module().share_done == 0.25
    timed = module("training.max_minutes=10")
    assert timed.share_done == 0.25
    # A checkpoint brings the time of earlier sessions.
    timed.on_load_checkpoint({"pointillist_minutes": 4.0, "pointillist_idle_minutes": 0.0})
    assert timed.share_done == 0.4
    assert timed.minutes >= 4
    saved: dict[str, float] = {}
    timed.on_save_checkpoint(saved)
    assert saved["pointillist_minutes"] >= 4


def test_validation_keeps_the_better_of_the_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    made = module()
    first = made.method.model
    second = copy.deepcopy(first)
    monkeypatch.setattr(Supervised, "candidates", property(lambda self: (first, second)))
    made = TrainingModule(made.method, made.config, made.views, np.ones(3))
    assert len(made.networks) == 2
    assert made.best_network is made.networks[0]
    logged: dict[str, float] = {}
    reduce = SimpleNamespace(strategy=SimpleNamespace(reduce=lambda t, reduce_op: t))
    monkeypatch.setattr(TrainingModule, "trainer", reduce)
    monkeypatch.setattr(
        TrainingModule, "log", lambda self, name, value, **_: logged.update({name: float(value)})
    )
    truth = np.zeros((2, 3, 2), dtype=np.float32)
    right, wrong = truth + 0.05, truth + 5
    half = np.concatenate([right[:1], wrong[1:]])
    known, lengths = np.ones((2, 3)), np.ones(2)
    for predicted, best, score in (((half, right), 1, 1.0), ((half, wrong), 0, 0.5)):
        made._validated.append((truth, known, lengths, *predicted))
        made.on_validation_epoch_end()
        assert made.best_network is made.networks[best]
        assert logged["val/pck@0.1"] == pytest.approx(score)


def test_every_candidate_has_its_average(monkeypatch: pytest.MonkeyPatch) -> None:
    made = module()
    first = made.method.model
    second = copy.deepcopy(first)
    monkeypatch.setattr(Supervised, "candidates", property(lambda self: (first, second)))
    averaged = TrainingModule(made.method, made.config, made.views, np.ones(3))
    assert averaged.average is not None
    assert averaged.networks[0] is averaged.average.network
    assert averaged.networks[1] is averaged.other_averages[0].network
    plain = module("training.ema_decay=0")
    assert plain.networks == [first, second]
