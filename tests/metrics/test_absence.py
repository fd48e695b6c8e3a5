import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_cases import SKELETON, dataset, instance

from pointillist.metrics import make_pairs, score
from pointillist.metrics.absence import absence_score, ranked_area


def test_area_by_hand():
    # Pairs of an annotated and an absent point: 0.9 over both, 0.5 even with one and over one.
    confidence = np.array([0.9, 0.5, 0.5, 0.2])
    annotated = np.array([True, True, False, False])
    assert ranked_area(confidence, annotated).tolist() == [pytest.approx(3.5 / 4)]
    # Without the first, and the last drawn twice: 0.5 is even with one and over two.
    drawn = ranked_area(confidence, annotated, np.array([[0.0, 1.0, 1.0, 2.0], [1, 1, 0, 0]]))
    assert drawn[0] == pytest.approx(2.5 / 3)
    assert np.isnan(drawn[1])


points = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30)


@given(points)
def test_area_is_the_share_of_pairs_and_turns_with_the_kinds(drawn):
    confidence = np.array([c for c, _ in drawn]) / 5
    seen = np.array([s for _, s in drawn])
    pairs = [(a, b) for a in confidence[seen] for b in confidence[~seen]]
    area = ranked_area(confidence, seen)[0]
    if not pairs:
        assert np.isnan(area)
        return
    assert area == pytest.approx(np.mean([(a > b) + 0.5 * (a == b) for a, b in pairs]))
    assert ranked_area(confidence, ~seen)[0] == pytest.approx(1 - area)
    assert ranked_area(1 - confidence, seen)[0] == pytest.approx(1 - area)


@given(points, st.data())
def test_a_weight_is_the_point_that_many_times(drawn, data):
    confidence = np.array([c for c, _ in drawn]) / 5
    seen = np.array([s for _, s in drawn])
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(drawn))))[: len(drawn)]
    weighted = ranked_area(confidence, seen, weights[None].astype(float))
    if not weights.any():
        assert np.isnan(weighted[0])
        return
    repeated = ranked_area(np.repeat(confidence, weights), np.repeat(seen, weights))
    np.testing.assert_allclose(weighted, repeated)


def absent(visibility, marks):
    places = [(10.0, 10.0), (30.0, 10.0), (10.0, 40.0)]
    return instance(places, visibility, absent=np.array(marks), box=(0, 0, 100, 60))


TRUTH = [
    absent((2, 2, 0), (False, False, True)),
    absent((2, 0, 2), (False, True, False)),
    # Its paw is neither annotated nor marked: it says nothing.
    absent((2, 2, 0), (False, False, False)),
]


def guesses(*confidence):
    return [instance([(0, 0)] * 3, confidence=c) for c in confidence]


def test_score_by_hand():
    metric = absence_score(
        make_pairs(TRUTH, guesses((0.9, 0.4, 0.2), (0.8, 0.5, 0.7), (0.6, 0.3, 0.9)), SKELETON)
    )
    # Annotated: 0.9, 0.4, 0.8, 0.7, 0.6, 0.3; absent: 0.2, 0.5. Two of twelve pairs are wrong.
    assert metric["value"] == pytest.approx(10 / 12)
    assert (metric["n"], metric["absent"]) == (8, 2)
    assert metric["per_keypoint"]["tail"] == {"value": 0.0, "n": 3}
    assert metric["per_keypoint"]["paw"] == {"value": 1.0, "n": 2}
    assert metric["per_keypoint"]["head"]["value"] is None
    by_cutoff = {c["confidence"]: (c["annotated"], c["absent"]) for c in metric["cutoffs"]}
    assert by_cutoff[0.0] == (1.0, 1.0)
    assert by_cutoff[0.5] == (pytest.approx(4 / 6), 0.5)
    assert by_cutoff[0.55] == (pytest.approx(4 / 6), 0.0)
    low, high = metric["ci95"]
    assert 0 <= low < metric["value"] < high <= 1


def test_points_of_missed_instances_are_left_out_and_counted():
    pairs = make_pairs(TRUTH, [*guesses((0.9, 0.4, 0.2)), None, None], SKELETON)
    metric = absence_score(pairs)
    assert (metric["value"], metric["n"], metric["ci95"]) == (1.0, 3, None)
    assert metric["left_out"] == {"points: no confidence was predicted for them": 5}


@pytest.mark.parametrize(
    ("truth", "guess", "reason"),
    [
        ([instance([(1, 1)] * 3)], guesses((1, 1, 1)), "no point is marked absent"),
        (TRUTH[:1], [instance([(0, 0)] * 3)], "no confidence was predicted"),
        (TRUTH[:1], [None], "no confidence was predicted"),
    ],
)
def test_where_there_is_nothing_to_tell_it_says_why(truth, guess, reason):
    metric = absence_score(make_pairs(truth, guess, SKELETON))
    assert metric["value"] is None
    assert metric["n"] == 0
    assert metric["reason"].startswith(reason)


def test_it_is_among_the_scores_of_a_data_set():
    truth = dataset(*([t] for t in TRUTH))
    guess = dataset(*([g] for g in guesses((0.9, 0.9, 0.2), (0.9, 0.1, 0.9), (0.9, 0.9, 0.1))))
    assert score(truth, guess, paired=True)["absence_auc"]["value"] == 1.0
