"""What the height of a peak means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pointillist.calibration import Calibration, fit_calibration
from pointillist.errors import DataError
from pointillist.files import write_json
from pointillist.metrics.reliability import calibration_error
from pointillist.points import calibrated


def test_shares_are_those_of_the_points() -> None:
    """100 points with a peak of 0.2, of which 10 are right, and 100 of 0.6 with 90 right; one more
    below that is right, and one above that is wrong: 11 of 101, and 90 of 101."""
    peaks = np.repeat([0.2, 0.6], 100)
    correct = np.concatenate([np.arange(100) < 10, np.arange(100) < 90])
    calibration = fit_calibration(peaks, correct)
    assert calibration is not None
    assert calibration.points == 200
    shares = np.array(calibration.shares)
    low, high = 11 / 101, 90 / 101
    assert shares[10] == pytest.approx(low, abs=1e-5)  # at 0.2
    assert shares[30] == pytest.approx(high, abs=1e-5)  # at 0.6
    assert shares[20] == pytest.approx((low + high) / 2, abs=1e-5)
    assert shares[0] == pytest.approx(low, abs=1e-5)
    assert shares[-1] == pytest.approx(high, abs=1e-5)


def test_lower_peaks_that_are_right_more_often_are_pooled() -> None:
    """Isotonic: where 0.4 is right less often than 0.3, both get what they are together, 60 of 100
    and one of the two more."""
    peaks = np.repeat([0.3, 0.4], 50)
    correct = np.concatenate([np.arange(50) < 40, np.arange(50) < 20])
    calibration = fit_calibration(peaks, correct)
    assert calibration is not None
    assert calibration.shares[15] == pytest.approx(61 / 102, abs=1e-5)
    assert calibration.shares[20] == pytest.approx(61 / 102, abs=1e-5)


def test_nothing_is_certain() -> None:
    calibration = fit_calibration(np.linspace(0, 1, 998), np.ones(998, bool))
    assert calibration is not None
    assert calibration.shares[-1] == pytest.approx(0.999)


def test_few_points_say_nothing() -> None:
    assert fit_calibration(np.linspace(0, 1, 99), np.ones(99, bool)) is None


@given(st.integers(0, 1000))
def test_calibrated_confidence_has_little_error(seed: int) -> None:
    """Points that are right with probability peak ** 2, overconfident by up to a quarter."""
    random = np.random.default_rng(seed)
    peaks = random.uniform(size=(2, 4000))
    correct = random.uniform(size=peaks.shape) < peaks**2
    calibration = fit_calibration(peaks[0], correct[0])
    assert calibration is not None
    shares = torch.tensor(calibration.shares, dtype=torch.float64)
    after = calibrated(torch.from_numpy(peaks[1]), shares).numpy()
    assert calibration_error(peaks[1], correct[1]).value > 0.12
    assert calibration_error(after, correct[1]).value < 0.05
    order = np.argsort(peaks[1])
    assert (np.diff(after[order]) >= -1e-12).all()


def test_shares_are_interpolated() -> None:
    """Of heights 0, 0.5 and 1."""
    shares = torch.tensor([0.0, 0.2, 1.0])
    confidence = torch.tensor([[0.0, 0.25, 0.5], [0.75, 1.0, 0.5]])
    expected = torch.tensor([[0.0, 0.1, 0.2], [0.6, 1.0, 0.2]])
    torch.testing.assert_close(calibrated(confidence, shares), expected)


def test_file_and_back(tmp_path: Path) -> None:
    calibration = Calibration(tuple(np.linspace(0.1, 0.9, 51).tolist()), 300)
    calibration.save(tmp_path / "calibration.json")
    assert Calibration.open(tmp_path / "calibration.json") == calibration


@pytest.mark.parametrize(
    "values",
    [
        {"shares": [0.5] * 50, "points": 1},  # too few
        {"shares": [0.5] * 50 + [0.4], "points": 1},  # falling
        {"shares": [1.5] * 51, "points": 1},  # more than all
        {"shares": ["x"] * 51, "points": 1},
        {"points": 1},
        [],
    ],
)
def test_a_file_that_holds_none(tmp_path: Path, values: object) -> None:
    write_json(tmp_path / "calibration.json", values)
    with pytest.raises(DataError, match="no calibration"):
        Calibration.open(tmp_path / "calibration.json")
