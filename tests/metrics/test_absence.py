import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_cases import SKELETON, dataset, instance

from pointillist.metrics import make_pairs, score
from pointillist.metrics.absence import RankedPairs, absence_score
from pointillist.metrics.bootstrap import middle_95, resample_weights


def ranked_area(seen, unseen):
    return RankedPairs(seen, unseen).once()


def test_area_by_hand():
    # Pairs of an annotated and an absent point: 0.9 over both, 0.5 even with one and over one.
    assert ranked_area(np.array([0.9, 0.5]), np.array([0.5, 0.2])) == pytest.approx(3.5 / 4)
    # Without the first, and the last drawn twice: 0.5 is even with one and over two.
    pairs = RankedPairs(np.array([0.9, 0.5]), np.array([0.5, 0.2]))
    drawn = pairs.area(np.array([[0, 1], [1, 1]]), np.array([[1, 2], [0, 0]]))
    assert drawn[0] == pytest.approx(2.5 / 3)
    assert np.isnan(drawn[1])


confidences = st.lists(st.integers(0, 5), max_size=20).map(lambda drawn: np.array(drawn) / 5)


@given(confidences, confidences)
def test_area_is_the_share_of_pairs_and_turns_with_the_kinds(seen, unseen):
    area = ranked_area(seen, unseen)
    pairs = [(a, b) for a in seen for b in unseen]
    if not pairs:
        assert np.isnan(area)
        return
    assert area == pytest.approx(np.mean([(a > b) + 0.5 * (a == b) for a, b in pairs]))
    assert ranked_area(unseen, seen) == pytest.approx(1 - area)
    assert ranked_area(1 - seen, 1 - unseen) == pytest.approx(1 - area)


@given(confidences, confidences, st.randoms(use_true_random=False))
def test_a_weight_is_the_point_that_many_times(seen, unseen, random):
    often = [np.array([random.randint(0, 3) for _ in part], dtype=int) for part in (seen, unseen)]
    weighted = RankedPairs(seen, unseen).area(*(part[None].astype(float) for part in often))
    repeated = ranked_area(np.repeat(seen, often[0]), np.repeat(unseen, often[1]))
    np.testing.assert_allclose(weighted, [repeated])


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
        make_pairs(TRUTH, guesses((0.9, 0.4, 0.15), (0.8, 0.5, 0.7), (0.6, 0.3, 0.9)), SKELETON)
    )
    # Annotated: 0.9, 0.4, 0.8, 0.7, 0.6, 0.3; absent: 0.15, 0.5. Two of twelve pairs are wrong.
    assert metric["value"] == pytest.approx(10 / 12)
    assert (metric["n"], metric["absent"]) == (8, 2)
    assert metric["per_keypoint"]["tail"] == {"value": 0.0, "n": 3}
    assert metric["per_keypoint"]["paw"] == {"value": 1.0, "n": 2}
    head = metric["per_keypoint"]["head"]
    assert (head["value"], head["n"]) == (None, 0)
    assert head["reason"].startswith("of this keypoint no annotated point, or no absent one")
    by_cutoff = {c["confidence"]: (c["annotated"], c["absent"]) for c in metric["cutoffs"]}
    assert by_cutoff[0.0] == (1.0, 1.0)
    assert by_cutoff[0.15] == (1.0, 1.0)  # reached by what is just there
    assert by_cutoff[0.6] == (pytest.approx(4 / 6), 0.0)
    assert by_cutoff[0.5] == (pytest.approx(4 / 6), 0.5)
    assert by_cutoff[0.55] == (pytest.approx(4 / 6), 0.0)


def test_the_interval_draws_whole_images():
    rng = np.random.default_rng(0)
    objects, image = 40, rng.choice([0, 1, 3, 4, 6, 9], 40)  # nothing counts in the others
    truth, guess = [], []
    for _ in range(objects):
        seen = rng.integers(0, 2, 3) * 2
        seen[0] = 2
        truth.append(absent(seen, seen == 0))
        guess.append(instance([(0, 0)] * 3, confidence=(rng.integers(0, 9, 3) + (seen > 0)) / 9))
    pairs = make_pairs(truth, guess, SKELETON, image=image, image_names=list("abcdefghij"))
    names, index = np.unique(image, return_inverse=True)
    values = []
    for weights in np.concatenate(list(resample_weights(len(names)))):
        rows = np.repeat(np.arange(objects), weights[index].astype(int))
        seen, unseen = pairs.annotated[rows], pairs.absent[rows]
        values.append(ranked_area(pairs.confidence[rows][seen], pairs.confidence[rows][unseen]))
    assert absence_score(pairs)["ci95"] == pytest.approx(middle_95(np.array(values)))


def test_points_of_missed_instances_are_left_out_and_counted():
    pairs = make_pairs(TRUTH, [*guesses((0.9, 0.4, 0.2)), None, None], SKELETON)
    metric = absence_score(pairs)
    assert (metric["value"], metric["n"], metric["ci95"]) == (1.0, 3, None)
    assert metric["left_out"] == {"points: no confidence was predicted for them": 5}


@pytest.mark.parametrize(
    ("truth", "guess", "reason"),
    [
        ([instance([(1, 1)] * 3)], guesses((1, 1, 1)), "no point is marked absent"),
        (TRUTH[:1], [instance([(0, 0)] * 3)], "no annotated point has a confidence"),
        (TRUTH[:1], [None], "no annotated point has a confidence"),
        (
            TRUTH[:1],
            [instance([(0, 0)] * 3, (2, 2, 0), confidence=(1, 1, 1))],
            "no absent point has a confidence",
        ),
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
