"""95 % intervals: the bootstrap over images (Efron, 1979; percentile intervals).

Points of one image are not independent of each other, so whole images are drawn, with
replacement, as many as there are. Drawing images is the same as giving each image the number of
times that it was drawn as a weight, and most scores are ratios of sums over images: a whole
bootstrap is then one product of a weight matrix with a matrix of per-image sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

#: Times that the images are drawn.
RESAMPLES = 1000
#: Numbers held at once in a block of weights (32 MB in float64).
_BLOCK = 4_000_000

#: (R, I) weights -> (R,) values of a score; NaN where a resample has nothing to score.
Statistic = Callable[[np.ndarray], np.ndarray]


def resample_weights(
    images: int, *, resamples: int = RESAMPLES, seed: int = 0, width: int | None = None
) -> Iterator[np.ndarray]:
    """Blocks (R, I) of how often each of I images was drawn; together ``resamples`` rows.

    Args:
        images: number of images, I.
        resamples: number of resamples over all blocks.
        seed: the same seed gives the same rows, however they are cut into blocks.
        width: numbers that the caller makes of each row, where they are more than I.
    """
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK // max(images, width or 0, 1))
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        drawn = generator.integers(images, size=(count, images))
        drawn += np.arange(count)[:, None] * images
        weights = np.bincount(drawn.ravel(), minlength=count * images)
        yield weights.reshape(count, images).astype(np.float64)


def interval(
    statistic: Statistic,
    images: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    width: int | None = None,
) -> tuple[float, float] | None:
    """The 2.5 % and 97.5 % quantiles of a score over resampled images.

    Args:
        statistic: turns (R, I) weights of images into R values of the score.
        images: number of images, I.
        resamples, seed, width: see :func:`resample_weights`.

    Returns:
        the interval's ends; none for fewer than two images, which say nothing about how much
        images differ. Resamples in which there is nothing to score are left out.
    """
    if images < 2:
        return None
    blocks = resample_weights(images, resamples=resamples, seed=seed, width=width)
    return middle_95(np.concatenate([statistic(weights) for weights in blocks]))


def middle_95(values: np.ndarray) -> tuple[float, float] | None:
    """The 2.5 % and 97.5 % quantiles of the finite ones of (R,) values; none if there is none."""
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return None
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
