import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_cases import SKELETON, instance

from pointillist.metrics import lengths_of, make_pairs
from pointillist.metrics.pixel import normalized_mean_error, pixel_errors, weighted_median

# Distances: first mouse 5 (3, 4), 10, 0 px; second 1, 4 px and its paw is not annotated.
TRUTH = [
    instance([(10, 10), (50, 20), (30, 40)], box=(0, 0, 100, 50)),
    instance([(10, 10), (50, 40), (0, 0)], visibility=(2, 1, 0), box=(0, 0, 20, 50)),
]
GUESS = [
    instance([(13, 14), (60, 20), (30, 40)]),
    instance([(10, 11), (50, 44), (70, 70)]),
]
PAIRS = make_pairs(TRUTH, GUESS, SKELETON)


def test_pixel_errors_by_hand():
    errors = pixel_errors(PAIRS)
    assert errors["pixel_error_mean"]["value"] == pytest.approx(20 / 5)
    assert errors["pixel_error_median"]["value"] == 4.0  # of 0, 1, 4, 5, 10
    assert errors["pixel_error_rmse"]["value"] == pytest.approx(np.sqrt((25 + 100 + 1 + 16) / 5))
    assert {metric["n"] for metric in errors.values()} == {5}
    assert {metric["unit"] for metric in errors.values()} == {"px"}
    tail = {name: metric["per_keypoint"]["tail"] for name, metric in errors.items()}
    assert tail["pixel_error_mean"] == {"value": 7.0, "n": 2}
    assert tail["pixel_error_median"] == {"value": 7.0, "n": 2}
    assert tail["pixel_error_rmse"]["value"] == pytest.approx(np.sqrt(116 / 2))
    # Resamples hold the first image twice, the second twice, or both.
    assert errors["pixel_error_mean"]["ci95"] == pytest.approx([5 / 2, 15 / 3])
    assert errors["pixel_error_median"]["ci95"] == pytest.approx([2.5, 5.0])


def test_normalized_mean_error_by_hand():
    metric = normalized_mean_error(PAIRS, lengths_of(PAIRS, "bbox"))  # 100 and 50 px
    assert metric["value"] == pytest.approx((0.05 + 0.1 + 0 + 0.02 + 0.08) / 5)
    assert metric["unit"] == "lengths"
    histogram = metric["histogram"]  # bins of 0.02; the last edge is 0.5
    assert histogram["counts"][:6] == [1, 1, 1, 0, 1, 1]
    assert sum(histogram["counts"]) + histogram["beyond"] == metric["n"] == 5


def test_errors_beyond_the_histogram_are_counted():
    far = make_pairs(TRUTH[:1], [instance([(900, 0), (50, 20), (30, 40)])], SKELETON)
    assert normalized_mean_error(far, lengths_of(far, "bbox"))["histogram"]["beyond"] == 1


def test_points_that_were_not_predicted_are_left_out_and_counted():
    partial = instance([(13, 14), (60, 20), (0, 0)], visibility=(2, 2, 0))
    pairs = make_pairs(TRUTH, [partial, None], SKELETON)
    errors = pixel_errors(pairs)
    assert errors["pixel_error_mean"]["value"] == pytest.approx(7.5)
    for metric in (*errors.values(), normalized_mean_error(pairs, lengths_of(pairs, "bbox"))):
        assert metric["n"] == 2
        assert metric["left_out"] == {"points: nothing was predicted for them": 3}
        assert metric["per_keypoint"]["paw"]["value"] is None
        assert metric["per_keypoint"]["paw"]["reason"]


def test_all_missed_gives_reasons_and_no_numbers():
    pairs = make_pairs(TRUTH, [None, None], SKELETON)
    for metric in (
        *pixel_errors(pairs).values(),
        normalized_mean_error(pairs, lengths_of(pairs, "bbox")),
        normalized_mean_error(pairs, lengths_of(pairs, "image")),
    ):
        assert metric["value"] is None
        assert metric["reason"]
        assert metric["ci95"] is None


@given(
    st.lists(
        st.tuples(st.floats(0, 100, width=32), st.integers(0, 3)), min_size=1, max_size=12
    ).filter(lambda rows: any(count for _, count in rows))
)
def test_the_weighted_median_is_that_of_the_repeated_values(rows):
    rows = sorted(rows)
    values, counts = np.array([v for v, _ in rows]), np.array([c for _, c in rows], dtype=float)
    expected = np.median(np.repeat(values, counts.astype(int)))
    assert weighted_median(values, counts[None])[0] == pytest.approx(expected)


def test_the_median_of_nothing_is_nan():
    assert np.isnan(weighted_median(np.array([1.0, 2.0]), np.zeros((1, 2)))[0])
