import numpy as np
import pytest
from metric_cases import SKELETON, dataset, instance, random_pair

from pointillist.metrics.oks import AREA_RANGES, coco_value, evaluate_coco
from pointillist.metrics.oks_interval import Ranked, rank, resampled_scores, weighted_scores


def _crowded(seed):
    """Images of several sizes of object, ignored ones, and more predictions than objects."""
    rng = np.random.default_rng(seed)
    truth, guesses = [], []
    for _ in range(6):
        objects, found = [], []
        for _ in range(rng.integers(0, 4)):
            side = rng.choice([20.0, 60.0, 200.0])
            points = rng.uniform(0, 300) + rng.uniform(0, side, (3, 2))
            x, y = points.min(axis=0)
            kind = rng.choice(["usual", "crowd", "empty"], p=[0.7, 0.15, 0.15])
            objects.append(
                instance(
                    points,
                    visibility=(0, 0, 0) if kind == "empty" else (2, 1, 2),
                    box=(x, y, side, side),
                    crowd=kind == "crowd",
                )
            )
            for _ in range(rng.integers(0, 3)):
                moved = points + rng.normal(0, side * rng.choice([0.02, 0.08, 0.3]), (3, 2))
                found.append(instance(moved, score=float(np.round(rng.uniform(), 1))))
        for _ in range(rng.integers(0, 3)):
            found.append(instance(rng.uniform(0, 300, (3, 2)), score=float(rng.uniform())))
        truth.append(objects)
        guesses.append(found)
    return dataset(*truth), dataset(*guesses)


@pytest.mark.parametrize("seed", range(12))
def test_each_image_once_gives_the_library_s_own_figures(seed):
    truth, guesses = _crowded(seed)
    evaluation = evaluate_coco(list(truth), list(guesses), SKELETON)
    for name, limits in AREA_RANGES.items():
        ranked = rank(evaluation, limits)
        precision, recall = weighted_scores(ranked, np.ones((1, len(truth))))
        for kind, ours in (("precision", precision), ("recall", recall)):
            for t, threshold in enumerate(evaluation.params.iouThrs):
                theirs = coco_value(evaluation, kind, threshold, name)
                if theirs is None:
                    assert np.isnan(ours[0, t])
                else:
                    assert ours[0, t] == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_a_weight_is_as_good_as_a_copy_of_the_image(seed):
    truth, guesses = _crowded(seed)
    weights = np.random.default_rng(seed).integers(0, 4, len(truth))
    evaluation = evaluate_coco(list(truth), list(guesses), SKELETON)
    copies = np.repeat(np.arange(len(truth)), weights)
    repeated = evaluate_coco([truth[i] for i in copies], [guesses[i] for i in copies], SKELETON)
    ranked = rank(evaluation, AREA_RANGES["all"])
    precision, recall = weighted_scores(ranked, weights[None].astype(float))
    assert precision.mean() == pytest.approx(coco_value(repeated, "precision", None, "all"))
    assert recall.mean() == pytest.approx(coco_value(repeated, "recall", None, "all"))


def test_by_hand():
    # Two objects in image 0, one in image 1. By falling score: right (0), wrong (1), right (0).
    ranked = Ranked(
        right=np.array([[True, False, True]]),
        wrong=np.array([[False, True, False]]),
        image=np.array([0, 1, 0]),
        objects=np.array([2.0, 1.0]),
    )
    precision, recall = weighted_scores(ranked, np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]))
    # Recall 1/3 at precision 1 (recalls 0 to 0.33), 2/3 at precision 2/3 (0.34 to 0.66).
    assert precision[0, 0] == pytest.approx((34 * 1 + 33 * 2 / 3) / 101)
    assert precision[1, 0] == pytest.approx(1.0)
    assert recall[:2, 0] == pytest.approx([2 / 3, 1.0])
    assert np.isnan(precision[2, 0])
    assert np.isnan(recall[2, 0])


def test_resamples_surround_the_figure():
    truth, guesses = random_pair(images=30, noise=5)
    evaluation = evaluate_coco(list(truth), list(guesses), truth.skeleton)
    table = resampled_scores(evaluation, AREA_RANGES["all"])
    value = coco_value(evaluation, "precision", None, "all")
    assert table["precision"].shape == (1000, 10)
    assert table["precision"].mean() == pytest.approx(value, abs=0.05)
    assert table["precision"].mean(axis=1).std() > 0.005
    assert (
        resampled_scores(
            evaluate_coco(list(truth)[:1], list(guesses)[:1], truth.skeleton), AREA_RANGES["all"]
        )
        is None
    )
