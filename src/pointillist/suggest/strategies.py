"""Strategies: which candidates to label, in order. Adding one: a function, and its line at the end.

All have one shape: candidates, how many and a seed in, their numbers out, the most useful first;
the first m of n picks are the picks of m. They see arrays only, no network and no file.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from pointillist.errors import ConfigError, did_you_mean

#: Candidates by whom the worth of a pick is judged; more cost time and change little.
AUDIENCE = 4000

#: Share of the candidates to which one of them is alike, and how many are asked for it.
NEIGHBOURHOOD = 0.05
_ASKED = 200


def _none_blocked(_: int) -> Iterable[int]:
    return ()


@dataclass(frozen=True)
class Candidates:
    """What there is to choose from.

    Args:
        uncertainty: (N,) how unsure the network is of each, from 0 to 1.
        features: (N, D) where each lies: near means alike.
        labeled: (L, D) where what is labelled lies.
        repeats: number of a candidate -> numbers of those that nearly repeat it.
    """

    uncertainty: np.ndarray
    features: np.ndarray
    labeled: np.ndarray
    repeats: Callable[[int], Iterable[int]] = _none_blocked

    def __len__(self) -> int:
        return len(self.uncertainty)


Strategy = Callable[[Candidates, int, int], list[int]]
"""(candidates, how many, seed) -> numbers of candidates; fewer where the rest are repeats."""


def random(candidates: Candidates, count: int, seed: int) -> list[int]:
    """By chance: what every other strategy has to beat."""
    order = np.random.default_rng(seed).permutation(len(candidates))
    return _first(candidates, order, count)


def uncertain(candidates: Candidates, count: int, seed: int) -> list[int]:
    """Where the network is least sure; many picks may be of one kind."""
    return _first(candidates, np.argsort(-candidates.uncertainty, kind="stable"), count)


def diverse(candidates: Candidates, count: int, seed: int) -> list[int]:
    """Picks that together lie near all candidates, as the labelled ones do not yet."""
    return _covering(candidates, np.ones(len(candidates)), count, seed)


def both(candidates: Candidates, count: int, seed: int) -> list[int]:
    """Picks that together lie near all candidates of which the network is unsure."""
    return _covering(candidates, candidates.uncertainty, count, seed)


def _first(candidates: Candidates, order: Iterable[int], count: int) -> list[int]:
    """The first of an order, without those that repeat an earlier one."""
    picks: list[int] = []
    blocked: set[int] = set()
    for i in map(int, order):
        if len(picks) == count:
            break
        if i not in blocked:
            picks.append(i)
            blocked.update(candidates.repeats(i))
    return picks


def _covering(candidates: Candidates, weight: np.ndarray, count: int, seed: int) -> list[int]:
    """Greedy herding: each pick is the one that most raises the weighted likeness of all
    candidates to what is nearest to them of what is labelled or picked.

    Likeness is a Gaussian of the distance, so that what is far from everything counts as little
    as what is half as far: with distances in its place outliers would be picked first. Weighted
    by uncertainty this is Uncertainty Herding (Bae et al., ICLR 2025), without weights MaxHerding
    (Bae et al., ECCV 2024). The gain of a candidate never grows by other picks, so an outdated one
    is an upper bound and most are never computed again (Minoux, 1978).
    """
    rng = np.random.default_rng(seed)
    judges = np.arange(len(candidates))
    if len(judges) > AUDIENCE:
        judges = np.sort(rng.choice(judges, AUDIENCE, replace=False))
    places, weight = candidates.features[judges], weight[judges]
    width = _width(places, rng)

    def likeness(place: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(-_squared(places, place) / width))

    near = np.zeros(len(judges))
    for place in candidates.labeled:
        near = np.maximum(near, likeness(place))

    def gain(i: int) -> float:
        return float(weight @ np.maximum(likeness(candidates.features[i]) - near, 0))

    # Ties go to the lower number, so that the answer does not depend on the machine.
    queue = [(-gain(i), i, 0) for i in range(len(candidates))]
    heapq.heapify(queue)
    picks: list[int] = []
    blocked: set[int] = set()
    while queue and len(picks) < count:
        _, i, seen = heapq.heappop(queue)
        if i in blocked:
            continue
        if seen < len(picks):
            heapq.heappush(queue, (-gain(i), i, len(picks)))
            continue
        picks.append(i)
        blocked.update(candidates.repeats(i))
        near = np.maximum(near, likeness(candidates.features[i]))
    return picks


def _width(places: np.ndarray, rng: np.random.Generator) -> float:
    """The squared distance within which typically :data:`NEIGHBOURHOOD` of the others lie."""
    others = len(places) - 1
    if others < 1:
        return 1.0
    rank = max(1, round(NEIGHBOURHOOD * others))
    asked = places[rng.permutation(len(places))[:_ASKED]]
    # The nearest place is the place itself.
    within = [np.partition(_squared(places, place), rank)[rank] for place in asked]
    return max(float(np.median(within)), 1e-12)


def _squared(places: np.ndarray, place: np.ndarray) -> np.ndarray:
    """(N,) squared distances of (N, D) places from one (D,)."""
    away = places - place
    return np.einsum("nd,nd->n", away, away)


#: Name -> strategy.
STRATEGIES: dict[str, Strategy] = {
    "random": random,
    "uncertain": uncertain,
    "diverse": diverse,
    "both": both,
}


def get_strategy(name: str) -> Strategy:
    """A strategy by name; an unknown name gets the nearest known one."""
    if name not in STRATEGIES:
        raise ConfigError(f"there is no strategy '{name}'", do=did_you_mean(name, STRATEGIES))
    return STRATEGIES[name]
