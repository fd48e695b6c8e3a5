from __future__ import annotations

import pytest
import torch
from torch import nn

from pointillist.ema import WeightAverage


def network(value: float) -> nn.Linear:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


def test_values_by_hand() -> None:
    average = WeightAverage(network(1.0), decay=0.15)
    # The decay is min(0.15, (1 + n) / (10 + n)): 1/10, then 2/11 > 0.15.
    average.update(network(2.0))
    assert average.network.weight.item() == pytest.approx(0.1 * 1 + 0.9 * 2)
    average.update(network(5.0))
    assert average.network.weight.item() == pytest.approx(0.15 * 1.9 + 0.85 * 5)
    assert average.updates == 2


def test_a_long_average_reaches_its_decay() -> None:
    average = WeightAverage(network(0.0), decay=0.9)
    for _ in range(100):
        average.update(network(0.0))
    # (1 + 100) / (10 + 100) > 0.9: one more step moves by a tenth.
    average.update(network(1.0))
    assert average.network.weight.item() == pytest.approx(0.1)


def test_the_network_it_follows_is_left_alone() -> None:
    followed = network(3.0)
    average = WeightAverage(followed, 0.99)
    average.update(followed)
    assert followed.weight.item() == 3.0
    assert followed.weight.requires_grad
    assert not any(p.requires_grad for p in average.parameters())


def test_batch_norm_is_averaged_and_its_count_copied() -> None:
    followed = nn.BatchNorm1d(1)
    average = WeightAverage(followed, 0.99)
    followed.train()(torch.full((4, 1), 10.0))  # running mean 0.1 * 10
    average.update(followed)
    assert average.network.running_mean.item() == pytest.approx(0.9 * 1.0)
    assert average.network.num_batches_tracked.item() == 1


def test_it_stays_in_evaluation_mode() -> None:
    owner = nn.Sequential(WeightAverage(nn.Dropout(), 0.9))
    owner.train()
    assert owner.training
    assert not any(module.training for module in owner[0].modules())


def test_state_comes_back() -> None:
    average = WeightAverage(network(1.0), 0.5)
    for value in (2.0, 3.0, 4.0):
        average.update(network(value))
    again = WeightAverage(network(0.0), 0.5)
    again.load_state_dict(average.state_dict())
    assert again.updates == 3
    for one in (average, again):
        one.update(network(7.0))
    assert again.network.weight.item() == average.network.weight.item()


def test_a_restart_forgets_what_was_averaged() -> None:
    average = WeightAverage(network(1.0), decay=0.9)
    for _ in range(50):
        average.update(network(1.0))
    average.restart(network(4.0))
    assert average.network.weight.item() == 4.0
    average.update(network(6.0))  # the first decay again: a tenth of the old, nine of the new
    assert average.network.weight.item() == pytest.approx(0.1 * 4 + 0.9 * 6)
