import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_cases import SKELETON, instance

from pointillist.metrics import calibration_error, make_pairs
from pointillist.metrics.reliability import calibration_score


def test_by_hand():
    # Two bins. Lower: 0.2 and 0.4, one correct: |0.5 - 0.3| = 0.2. Upper: 0.9 and 0.9 and 0.6, one
    # correct: |1/3 - 0.8|. Weighted by 2 and 3 of 5 points.
    found = calibration_error(
        np.array([0.2, 0.4, 0.9, 0.9, 0.6]), np.array([1, 0, 0, 1, 0], dtype=bool), bins=2
    )
    assert found.value == pytest.approx(2 / 5 * 0.2 + 3 / 5 * (0.8 - 1 / 3))
    assert found.counts.tolist() == [2, 3]
    assert found.confidence == pytest.approx([0.3, 0.8])
    assert found.correct == pytest.approx([1 / 2, 1 / 3])
    assert found.edges.tolist() == [0, 0.5, 1]


def test_edges_belong_to_the_lower_bin_and_empty_bins_are_nan():
    found = calibration_error(np.array([0.0, 0.25, 1.0]), np.array([False, False, True]), bins=4)
    assert found.counts.tolist() == [2, 0, 0, 1]
    assert np.isnan(found.correct[1])
    assert found.value == pytest.approx(2 / 3 * 0.125)


def test_certain_and_right_is_perfect_and_certain_and_wrong_the_worst():
    ones = np.ones(9)
    assert calibration_error(ones, ones.astype(bool)).value == 0.0
    assert calibration_error(ones, ~ones.astype(bool)).value == 1.0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_the_error_is_a_fraction_and_order_does_not_matter(rows):
    confidence, correct = np.array([c for c, _ in rows]), np.array([r for _, r in rows])
    value = calibration_error(confidence, correct).value
    assert 0 <= value <= 1
    assert calibration_error(confidence[::-1], correct[::-1]).value == pytest.approx(value)


@pytest.mark.parametrize(
    ("confidence", "correct"),
    [([], []), ([0.5], [True, False]), ([1.2], [True]), ([np.nan], [True]), ([[0.5]], [[True]])],
)
def test_what_makes_no_sense_is_refused(confidence, correct):
    with pytest.raises(ValueError, match=r"confidence"):
        calibration_error(np.array(confidence), np.array(correct))


TRUTH = [
    instance([(10, 10), (50, 20), (30, 40)], box=(0, 0, 100, 50)),
    instance([(10, 10), (50, 40), (0, 0)], visibility=(2, 1, 0), box=(0, 0, 100, 50)),
]


def test_score_of_pairs_by_hand():
    # Within 10 px: the head and paw of the first, both points of the second (on the boundary).
    guess = [
        instance([(10, 10), (70, 20), (30, 40)], confidence=(0.99, 0.99, 0.99)),
        instance([(20, 10), (50, 40), (0, 0)], confidence=(0.5, 0.5, 0.5)),
    ]
    pairs = make_pairs(TRUTH, guess, SKELETON)
    metric = calibration_score(pairs)
    assert metric["n"] == 5
    assert metric["value"] == pytest.approx(3 / 5 * (0.99 - 2 / 3) + 2 / 5 * 0.5)
    assert metric["ci95"] == pytest.approx([0.99 - 2 / 3, 0.5])
    assert [(b["n"], b["correct"]) for b in metric["bins"]] == [
        (2, 1.0),
        (3, pytest.approx(2 / 3)),
    ]
    assert metric["per_keypoint"]["tail"]["value"] == pytest.approx(0.99 / 2 + 0.5 / 2)


def test_without_confidence_it_says_so():
    pairs = make_pairs(TRUTH, [instance([(0, 0)] * 3)] * 2, SKELETON)
    metric = calibration_score(pairs)
    assert metric["reason"] == "the predictions have no confidence per point"


def test_confidence_out_of_range_is_said():
    guess = [instance([(0, 0)] * 3, confidence=(7, 0, 0))] * 2
    pairs = make_pairs(TRUTH, guess, SKELETON)
    assert "[0, 1]" in calibration_score(pairs)["reason"]


def test_points_without_confidence_are_counted():
    guess = [instance([(10, 10)] * 3, confidence=(0.5, 0.5, 0.5)), None]
    pairs = make_pairs(TRUTH, guess, SKELETON)
    metric = calibration_score(pairs)
    assert metric["n"] == 3
    assert metric["left_out"] == {"points: no confidence was predicted for them": 2}
