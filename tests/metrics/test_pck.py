import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from metric_cases import SKELETON, instance

from pointillist.errors import ConfigError, DataError
from pointillist.metrics import lengths_of, make_pairs, pck, pck_curve
from pointillist.metrics.pck import head_lengths, pck_area, pck_score
from pointillist.skeleton import Skeleton

# Two mice. The first has a box of 100 x 50, so that PCK@0.1 allows 10 px: its head is 6, 8 -> 10 px
# off (correct, exactly on the boundary), its tail 10.01 px (wrong), its paw 0 px (correct). The
# second has no box; its annotated points span 40 x 30, so that 4 px are allowed: its head is 3 px
# off (correct), its tail 5 px (wrong), and its paw is not annotated (does not count).
TRUTH = [
    instance([(10, 10), (50, 20), (30, 40)], box=(0, 0, 100, 50), head_box=(5, 5, 30, 40)),
    instance([(10, 10), (50, 40), (0, 0)], visibility=(2, 1, 0)),
]
GUESS = [
    instance([(16, 18), (60.01, 20), (30, 40)]),
    instance([(10, 13), (46, 37), (500, 500)]),
]
PAIRS = make_pairs(TRUTH, GUESS, SKELETON, sizes=[(200, 100), (60, 50)], image_names=["a", "b"])


def test_pck_by_hand():
    metric = pck_score(PAIRS, 0.1, lengths_of(PAIRS, "bbox"))
    assert metric["value"] == pytest.approx(3 / 5)
    assert metric["n"] == 5
    assert metric["normalizer"] == "bbox"
    assert metric["per_keypoint"] == {
        "head": {"value": 1.0, "n": 2},
        "tail": {"value": 0.0, "n": 2},
        "paw": {"value": 1.0, "n": 1},
    }
    # The two images alone score 2/3 and 1/2; a resample holds one of them twice or both.
    assert metric["ci95"] == pytest.approx([1 / 2, 2 / 3])
    assert "left_out" not in metric


def test_the_plain_function_agrees():
    lengths = lengths_of(PAIRS, "bbox")
    for alpha in (0.05, 0.1, 0.2):
        plain = pck(PAIRS.points, PAIRS.predicted, PAIRS.annotated, lengths.values, alpha)
        assert plain == pytest.approx(pck_score(PAIRS, alpha, lengths)["value"])


@pytest.mark.parametrize(
    ("normalizer", "lengths"),
    [
        ("bbox", [100, 40]),
        ("image", [200, 60]),
        ("torso", [np.hypot(40, 10), 50]),  # head to tail
        (24, [24, 24]),
    ],
)
def test_lengths(normalizer, lengths):
    found = lengths_of(PAIRS, normalizer)
    assert found.values == pytest.approx(lengths)
    assert found.reason is None
    assert found.left_out == {}


def test_pckh_is_60_percent_of_the_head_box_and_names_who_has_none():
    lengths = head_lengths(PAIRS)
    assert lengths.values[0] == pytest.approx(0.6 * 50)  # a 30 x 40 box
    metric = pck_score(PAIRS, 0.5, lengths)  # 15 px
    assert metric["value"] == 1.0
    assert metric["n"] == 3
    assert metric["left_out"] == {"instances: there is no head box (b)": 1}


def test_pckh_without_any_head_box_says_so():
    pairs = make_pairs(TRUTH[1:], GUESS[1:], SKELETON)
    metric = pck_score(pairs, 0.5, head_lengths(pairs))
    assert metric["value"] is None
    assert metric["reason"] == "there is no head box, for the only instance"
    assert metric["n"] == 0


def test_only_the_first_images_without_a_length_are_named():
    pairs = make_pairs(
        [TRUTH[0], *[TRUTH[1]] * 7], [GUESS[0]] * 8, SKELETON, image_names=list("abcdefgh")
    )
    assert head_lengths(pairs).left_out == {"instances: there is no head box (b, c, d, ...)": 7}


def test_a_box_of_no_size_is_left_out_and_counted():
    lone = instance([(5, 5), (0, 0), (0, 0)], visibility=(2, 0, 0))
    pairs = make_pairs([TRUTH[0], lone], [GUESS[0], lone], SKELETON)
    metric = pck_score(pairs, 0.1, lengths_of(pairs, "bbox"))
    assert metric["n"] == 3
    assert metric["left_out"] == {"instances: the box has no size": 1}
    assert metric["ci95"] is None
    assert "two images" in metric["ci95_reason"]


def test_torso_points_in_one_place_cannot_be_divided_by():
    flat = instance([(5, 5), (5, 5), (9, 9)])
    pairs = make_pairs([flat], [flat], SKELETON)
    metric = pck_score(pairs, 0.1, lengths_of(pairs, "torso"))
    assert metric["value"] is None
    assert "one place" in metric["reason"]


def test_what_cannot_be_measured_says_why():
    no_torso = make_pairs(TRUTH, GUESS, Skeleton(("a", "b", "c")))
    assert "torso" in pck_score(no_torso, 0.1, lengths_of(no_torso, "torso"))["reason"]
    no_size = make_pairs(TRUTH, GUESS, SKELETON)
    assert "size is not known" in pck_score(no_size, 0.1, lengths_of(no_size, "image"))["reason"]
    assert pck_area(no_size, lengths_of(no_size, "image"))["value"] is None


@pytest.mark.parametrize("length", [0, -3.0, float("nan"), float("inf")])
def test_a_length_that_is_no_positive_number_is_refused(length):
    with pytest.raises(ConfigError, match="pixels"):
        lengths_of(PAIRS, length)


def test_an_unknown_normalizer_gets_the_nearest_one():
    with pytest.raises(ConfigError, match="did you mean 'torso'"):
        lengths_of(PAIRS, "torsos")


def test_points_of_a_missed_instance_are_wrong():
    pairs = make_pairs(TRUTH, [GUESS[0], None], SKELETON)
    metric = pck_score(pairs, 0.1, lengths_of(pairs, "bbox"))
    assert metric["value"] == pytest.approx(2 / 5)
    assert metric["n"] == 5


def test_nothing_annotated_is_an_error_in_the_plain_function():
    with pytest.raises(DataError, match="no annotated point"):
        pck(PAIRS.points, PAIRS.predicted, PAIRS.annotated & False, np.ones(2), 0.1)


def test_a_length_of_zero_is_left_out_in_the_plain_function():
    value = pck(PAIRS.points, PAIRS.predicted, PAIRS.annotated, np.array([0.0, 40.0]), 0.1)
    assert value == 0.5


def test_curve_and_area_by_hand():
    # One point, off by 0.15 of the length: the curve is 0 up to 0.14 and 1 from 0.15 on. Trapezoids
    # of 0.01 give (0.5 * 0.01 + 0.15) / 0.3.
    true = instance([(0, 0), (0, 0), (0, 0)], visibility=(2, 0, 0), box=(0, 0, 100, 10))
    guess = instance([(9, 12), (0, 0), (0, 0)])
    pairs = make_pairs([true], [guess], SKELETON)
    lengths = lengths_of(pairs, "bbox")
    np.testing.assert_array_equal(pck_curve(pairs, lengths, [0, 0.1499, 0.15, 0.3]), [0, 0, 1, 1])
    metric = pck_area(pairs, lengths)
    assert metric["value"] == pytest.approx(0.155 / 0.3)
    assert metric["curve"]["alpha"][15] == 0.15
    assert metric["curve"]["pck"] == [0.0] * 15 + [1.0] * 16


def test_a_missed_point_keeps_the_curve_below_one():
    pairs = make_pairs(TRUTH, [GUESS[0], None], SKELETON)
    assert pck_curve(pairs, lengths_of(pairs, "bbox"), [0.3])[0] == pytest.approx(3 / 5)


coordinates = arrays(np.float64, (4, 3, 2), elements=st.floats(-500, 500, width=32))
masks = arrays(np.bool_, (4, 3))


@given(coordinates, coordinates, masks, st.floats(-300, 300, width=16), st.floats(0.01, 1.0))
def test_moving_everything_changes_nothing(truth, guess, annotated, shift, alpha):
    annotated[0, 0] = True
    lengths = np.full(4, 64.0)
    # Points near the boundary may fall to either side when rounded: keep clear of it.
    distances = np.linalg.norm(guess - truth, axis=-1)
    annotated &= np.abs(distances - alpha * 64.0) > 1e-3
    if annotated.any():
        here = pck(truth, guess, annotated, lengths, alpha)
        assert pck(truth + shift, guess + shift, annotated, lengths, alpha) == here


@given(coordinates, coordinates, masks, st.floats(0.001, 1.0), st.floats(0.001, 1.0))
def test_a_larger_share_never_scores_less(truth, guess, annotated, one, other):
    annotated[0, 0] = True
    lengths = np.array([10.0, 100.0, 300.0, 1.0])
    small, large = sorted((one, other))
    low = pck(truth, guess, annotated, lengths, small)
    assert 0 <= low <= pck(truth, guess, annotated, lengths, large) <= 1


@given(coordinates, masks)
def test_the_truth_itself_is_all_correct(truth, annotated):
    annotated[0, 0] = True
    assert pck(truth, truth, annotated, np.full(4, 5.0), 0.01) == 1.0
