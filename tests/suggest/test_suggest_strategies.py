"""Strategies on arrays whose best picks can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointillist.errors import ConfigError
from pointillist.suggest import STRATEGIES, Candidates, get_strategy
from pointillist.suggest import strategies as module

#: On a line, with what is labelled at 0. The nearest others are, squared, 98, 1, 1, 1 and 324 away:
#: what is 1 away is alike by exp(-1) = 0.37. A pick at 11 is worth 1 + 0.37 + 0.37 = 1.74, one at
#: 10 or 12 1.39, one at 30 1, one at 0.1 0.01; after 11, one at 30 is worth 1, at 10 or 12 0.63.
LINE = np.array([[0.1], [10.0], [11.0], [12.0], [30.0]])
ZERO = np.zeros((1, 1))


def on_line(uncertainty: Iterable[float] = (1, 1, 1, 1, 1), **others: object) -> Candidates:
    return Candidates(np.array(list(uncertainty), dtype=float), LINE, ZERO, **others)  # type: ignore[arg-type]


def test_random_is_a_permutation_that_the_seed_decides() -> None:
    candidates = Candidates(np.zeros(50), np.zeros((50, 1)), ZERO)
    first = get_strategy("random")(candidates, 50, 1)
    assert sorted(first) == list(range(50))
    assert first == get_strategy("random")(candidates, 50, 1)
    assert first != get_strategy("random")(candidates, 50, 2)
    assert first[:7] == get_strategy("random")(candidates, 7, 1)


def test_uncertain_goes_by_uncertainty_and_ties_by_number() -> None:
    candidates = on_line([0.2, 0.9, 0.1, 0.9, 0.5])
    assert get_strategy("uncertain")(candidates, 4, 0) == [1, 3, 4, 0]


def test_diverse_prefers_what_is_typical_to_what_is_far() -> None:
    assert get_strategy("diverse")(on_line(), 3, 0) == [2, 4, 1]


def test_diverse_does_not_look_at_uncertainty() -> None:
    assert get_strategy("diverse")(on_line([0, 0, 0, 0, 1]), 3, 0) == [2, 4, 1]


def test_both_covers_what_is_uncertain() -> None:
    # Nobody but the last one counts, and only itself is of use to it.
    assert get_strategy("both")(on_line([0, 0, 0, 0, 1]), 1, 0) == [4]
    # With the same uncertainty for all it is the same as diverse.
    assert get_strategy("both")(on_line([0.5] * 5), 3, 0) == [2, 4, 1]


def test_an_outlier_is_worth_no_more_than_itself() -> None:
    """However far it is: two that are alike come before it."""
    features = np.array([[5.0], [5.1], [1e6]])
    assert get_strategy("diverse")(Candidates(np.ones(3), features, ZERO), 1, 0) == [0]


def test_without_anything_labelled_the_most_typical_comes_first() -> None:
    candidates = Candidates(np.ones(5), LINE, np.zeros((0, 1)))
    assert get_strategy("diverse")(candidates, 2, 0) == [2, 0]  # the one at 0.1 is new now


@pytest.mark.parametrize("name", STRATEGIES)
def test_repeats_of_a_pick_are_left_out(name: str) -> None:
    groups = np.array([0, 0, 1, 1, 2])
    candidates = on_line(
        [0.5, 0.4, 0.3, 0.2, 0.1], repeats=lambda i: np.flatnonzero(groups == groups[i])
    )
    picks = get_strategy(name)(candidates, 5, 3)
    assert len(picks) == 3
    assert len({int(groups[i]) for i in picks}) == 3


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_more_than_there_are(name: str) -> None:
    assert sorted(get_strategy(name)(on_line(), 99, 0)) == [0, 1, 2, 3, 4]
    nothing = Candidates(np.zeros(0), np.zeros((0, 2)), np.zeros((3, 2)))
    assert get_strategy(name)(nothing, 5, 0) == []


def test_an_unknown_strategy_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'diverse'"):
        get_strategy("diversity")


def test_few_judges_find_the_same_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[10.0, 0], [0, 10], [-10, 0]])
    features = np.repeat(centres, 40, axis=0) + rng.normal(0, 0.1, (120, 2))
    monkeypatch.setattr(module, "AUDIENCE", 30)
    monkeypatch.setattr(module, "NEIGHBOURHOOD", 0.3)  # nearly a cluster
    picks = get_strategy("diverse")(Candidates(np.ones(120), features, np.zeros((1, 2))), 3, 0)
    assert sorted(i // 40 for i in picks) == [0, 1, 2]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(1, 6))
def test_the_lazy_greedy_is_the_greedy(seed: int, size: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    candidates = Candidates(rng.random(size), rng.normal(size=(size, 2)), rng.normal(size=(2, 2)))
    width = module._width(candidates.features, np.random.default_rng(0))
    alike = _likeness(candidates.features, candidates.features, width)
    near = _likeness(candidates.features, candidates.labeled, width).max(axis=1)
    expected: list[int] = []
    for _ in range(min(count, size)):
        gains = candidates.uncertainty @ np.maximum(alike - near[:, None], 0)
        gains[expected] = -1
        expected.append(int(gains.argmax()))
        near = np.maximum(near, alike[:, expected[-1]])
    picks = get_strategy("both")(candidates, count, 0)
    known = np.concatenate([candidates.labeled, candidates.features[picks]])
    found = _likeness(candidates.features, known, width).max(axis=1)
    assert candidates.uncertainty @ near == pytest.approx(candidates.uncertainty @ found, abs=1e-9)
    assert get_strategy("both")(candidates, 1, 0) == picks[:1]


def _likeness(places: np.ndarray, others: np.ndarray, width: float) -> np.ndarray:
    apart = ((places[:, None] - others) ** 2).sum(axis=2)
    return np.asarray(np.exp(-apart / width))
