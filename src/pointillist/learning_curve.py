"""A learning curve: how the error falls with the number of labelled images, and will go on falling.

The error of a network falls with the number of labelled images n about as a + b n^-c (Hestness et
al., "Deep learning scaling is predictable, empirically", 2017). Beyond what was measured this is
a hope, not a law: an expectation says how far it reaches out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

#: What is measured: the share of points within a tenth of the box's longest side; the error is one
#: minus it.
METRIC = "pck@0.1"
ALPHA = 0.1
#: Exponents that are tried: measured curves of deep networks lie between 0.07 and 0.5, and 1 is
#: how the variance of a mean falls.
EXPONENTS = np.geomspace(0.05, 1.0, 40)
#: Times that images and trainings are drawn for an interval.
RESAMPLES = 1000
#: Beyond this many times the labelled images an expectation is called a guess.
REACH = 2.0


@dataclass(frozen=True)
class PowerLaw:
    """error(n) = floor + factor * n ** -exponent."""

    floor: float
    factor: float
    exponent: float

    def __call__(self, n: float) -> float:
        """The error with n labelled images."""
        return float(self.floor + self.factor * n**-self.exponent)


@dataclass(frozen=True)
class Expectation:
    """What a number of labelled images promises.

    Args:
        labeled: how many.
        value: expected PCK in [0, 1].
        low, high: 95 % interval.
        guess: whether this lies beyond what the curve can say.
    """

    labeled: int
    value: float
    low: float
    high: float
    guess: bool


@dataclass(frozen=True)
class LearningCurve:
    """Points of a learning curve and the law through them.

    Args:
        sizes: (T,) labelled images of each training.
        seeds: (T,) which nested order of the images each took its subset from.
        wrong, counted: (T, I) and (I,) points of each validation image that are not correct, and
            that count.
        labeled: labelled images of the run itself.
        own: (I,) wrong points of the run itself.
        steps: of each training.
        asked: steps that they were to have; more than ``steps`` where the time was too short.
    """

    sizes: np.ndarray
    seeds: np.ndarray
    wrong: np.ndarray
    counted: np.ndarray
    labeled: int
    own: np.ndarray
    steps: int
    asked: int

    @property
    def errors(self) -> np.ndarray:
        """(T,) share of wrong points of each training."""
        share: np.ndarray = self.wrong.sum(axis=1) / self.counted.sum()
        return share

    @property
    def law(self) -> PowerLaw:
        """The power law through the errors."""
        floor, factor, exponent = fit(self.sizes, self.errors[None])
        return PowerLaw(float(floor[0]), float(factor[0]), float(exponent[0]))

    def as_json(self, more: Sequence[int] | None = None) -> dict[str, Any]:
        """Everything as JSON.

        Args:
            more: numbers of further labelled images; none: half as many as there are, and as many.
        """
        wanted = list(more or [max(1, self.labeled // 2), self.labeled])
        return {
            "metric": METRIC,
            "validation_images": len(self.counted),
            "labeled": self.labeled,
            "value": self.value,
            "steps": self.steps,
            "steps_asked": self.asked,
            "trainings": [
                {"labeled": int(n), "seed": int(seed), "value": float(1 - error)}
                for n, seed, error in zip(self.sizes, self.seeds, self.errors, strict=True)
            ],
            "law": asdict(self.law),
            "expected": [{"more": n, **asdict(self.expect(n))} for n in wanted],
        }

    @property
    def value(self) -> float:
        """The run's own PCK."""
        return float(1 - self.own.sum() / self.counted.sum())

    def expect(self, more: int, *, seed: int = 0) -> Expectation:
        """What to expect of the run with more labelled images.

        The short trainings' error falls from the run's number of labelled images to the larger
        one by some factor; the run's own error is taken to fall by the same. The interval is
        from drawing validation images and trainings with replacement, and from how far the
        trainings lie from the curve.

        Args:
            more: how many further images.
            seed: of the drawing.
        """
        wanted = self.labeled + more
        value = (1 - self.value) * self._fall(self.errors[None], wanted)[0]
        drawn = self._drawn(wanted, seed)
        low, high = np.percentile(drawn, (2.5, 97.5))
        return Expectation(
            labeled=wanted,
            value=float(1 - value),
            low=float(np.clip(1 - max(high, value), 0, 1)),
            high=float(np.clip(1 - min(low, value), 0, 1)),
            guess=wanted > REACH * self.labeled,
        )

    def _fall(self, errors: np.ndarray, wanted: int) -> np.ndarray:
        """(R,) the error at ``wanted`` images over that at the run's, for (R, T) errors."""
        floor, factor, exponent = fit(self.sizes, errors)
        now = floor + factor * float(self.labeled) ** -exponent
        then = floor + factor * float(wanted) ** -exponent
        return np.divide(then, now, out=np.ones_like(now), where=now > 0)

    def _drawn(self, wanted: int, seed: int) -> np.ndarray:
        """(R,) errors of the run with ``wanted`` images, for resampled images and trainings."""
        from pointillist.metrics.bootstrap import resample_weights

        rng = np.random.default_rng(seed)
        images = len(self.counted)
        weights = np.concatenate(list(resample_weights(images, resamples=RESAMPLES, seed=seed)))
        total = np.maximum(weights @ self.counted, 1)
        errors = (weights @ self.wrong.T) / total[:, None]
        own = (weights @ self.own) / total
        # Training again, with other images and another order of batches, moves each error: by as
        # much as trainings of one size differ, which tells the noise of a single one.
        noise = self._training_noise()
        errors = np.clip(errors + noise * rng.standard_normal(errors.shape), 1e-6, 1)
        return own * self._fall(errors, wanted) + noise * rng.standard_normal(len(own))

    def _training_noise(self) -> float:
        """Standard deviation of the error between trainings of one size; pooled over sizes."""
        groups = [self.errors[self.sizes == size] for size in np.unique(self.sizes)]
        freedom = sum(len(group) - 1 for group in groups)
        if not freedom:
            return 0.0
        squares = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
        return math.sqrt(squares / freedom)


def fit(sizes: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Power laws through learning curves, by least squares, floor and factor not negative.

    For each exponent of :data:`EXPONENTS` floor and factor follow in closed form; the best
    exponent is kept.

    Args:
        sizes: (T,) labelled images.
        errors: (R, T) R learning curves.

    Returns:
        floor, factor and exponent, (R,) each.
    """
    best = np.full(len(errors), np.inf)
    chosen = np.zeros((3, len(errors)))
    mean = errors.mean(axis=1)
    for exponent in EXPONENTS:
        x = np.asarray(sizes, dtype=np.float64) ** -exponent
        centred = x - x.mean()
        scatter = float((centred**2).sum())
        factor = (errors @ centred) / scatter if scatter else np.zeros(len(errors))
        floor = mean - factor * x.mean()
        # Where the free fit leaves the quadrant, the best one lies on one of its two edges.
        through_zero = (errors @ x) / float((x**2).sum())
        below = floor < 0
        factor, floor = np.where(below, through_zero, factor), np.where(below, 0.0, floor)
        rising = factor < 0
        factor, floor = np.where(rising, 0.0, factor), np.where(rising, mean, floor)
        loss = ((floor[:, None] + factor[:, None] * x - errors) ** 2).sum(axis=1)
        better = loss < best * (1 - 1e-9)
        best = np.where(better, loss, best)
        chosen = np.where(better, np.stack([floor, factor, np.full_like(best, exponent)]), chosen)
    return chosen[0], chosen[1], chosen[2]


def describe(curve: dict[str, Any]) -> list[str]:
    """A learning curve, as :meth:`LearningCurve.as_json` gives it, in lines for people."""
    head = (
        f"{METRIC.upper()} on {curve['validation_images']} validation images; "
        f"short trainings of {curve['steps']:,} steps"
    )
    if curve["steps"] < curve["steps_asked"]:
        head += f": the time limit leaves no room for {curve['steps_asked']:,}"
    lines = [head]
    by_size: dict[int, list[float]] = {}
    for training in curve["trainings"]:
        by_size.setdefault(training["labeled"], []).append(100 * training["value"])
    for size, values in sorted(by_size.items()):
        figures = ", ".join(f"{value:.1f}" for value in values)
        lines.append(f"  {size:>6} labelled images, short trainings: {figures}")
    lines.append(f"  {curve['labeled']:>6} labelled images, the run: {100 * curve['value']:.1f}")
    law = curve["law"]
    lines.append(
        f"error of the short trainings: {law['floor']:.3f} + {law['factor']:.3f} "
        f"n^-{law['exponent']:.2f}"
    )
    for expected in curve["expected"]:
        line = f"with {expected['more']} more labelled images expect {_figures(expected)}"
        if expected["guess"]:
            line += f"; a guess: more than {REACH:g} times what there is"
        lines.append(line)
    lines.append(
        "This holds for images like these, chosen as these were, and a training like the run's; "
        "the interval is 95 %."
    )
    return lines


def _figures(expected: dict[str, Any]) -> str:
    """An expectation in percent; with a ± only where that says the same as the interval."""
    value, low, high = (round(100 * expected[name]) for name in ("value", "low", "high"))
    clipped = expected["low"] <= 0 or expected["high"] >= 1
    around = f" ± {high - value}" if high - value == value - low and not clipped else ""
    return f"{value}{around} {METRIC.upper()} ({low} to {high})"
