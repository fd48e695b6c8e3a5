import numpy as np
import pytest

from pointillist.metrics import bootstrap
from pointillist.metrics.bootstrap import interval, middle_95, resample_weights


def test_every_resample_draws_as_many_images_as_there_are():
    (weights,) = resample_weights(7, resamples=50)
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert (weights == np.round(weights)).all()
    assert weights.max() > 1  # with replacement


def test_the_seed_decides_and_the_block_size_does_not(monkeypatch):
    (whole,) = resample_weights(9, resamples=20, seed=3)
    monkeypatch.setattr(bootstrap, "_BLOCK", 9 * 6)
    blocks = list(resample_weights(9, resamples=20, seed=3))
    assert [len(block) for block in blocks] == [6, 6, 6, 2]
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    other = np.concatenate(list(resample_weights(9, resamples=20, seed=4)))
    assert (other != whole).any()


def test_wide_rows_make_small_blocks(monkeypatch):
    monkeypatch.setattr(bootstrap, "_BLOCK", 100)
    assert [len(b) for b in resample_weights(5, resamples=4, width=50)] == [2, 2]


def test_interval_of_a_mean_is_close_to_the_normal_one():
    values = np.random.default_rng(0).normal(10.0, 2.0, size=400)
    low, high = interval(lambda w: w @ values / w.sum(axis=1), 400)
    half = 1.96 * values.std() / np.sqrt(400)
    assert low == pytest.approx(values.mean() - half, abs=0.03)
    assert high == pytest.approx(values.mean() + half, abs=0.03)


def test_one_image_has_no_interval():
    assert interval(lambda w: w[:, 0], 1) is None
    assert interval(lambda w: w[:, 0], 0) is None


def test_resamples_without_anything_to_score_are_left_out():
    assert middle_95(np.array([np.nan, 2.0, np.nan, 2.0])) == (2.0, 2.0)
    assert middle_95(np.array([np.nan])) is None
    # Quantiles 2.5 % and 97.5 % of 0, 1, ..., 40 lie at positions 1 and 39.
    assert middle_95(np.arange(41.0)) == (1.0, 39.0)
