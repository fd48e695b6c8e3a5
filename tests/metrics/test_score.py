import json
import re
from pathlib import Path

import numpy as np
import pytest
from metric_cases import dataset, instance, random_pair

from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import ConfigError
from pointillist.metrics import pck, score

NAMES = [
    *("pck@0.05", "pck@0.1", "pck@0.2", "pck_auc", "pckh@0.5"),
    *("oks_ap", "oks_ap50", "oks_ap75", "oks_ap_medium", "oks_ap_large", "oks_ar"),
    *("nme", "pixel_error_mean", "pixel_error_median", "pixel_error_rmse"),
    *("calibration_error", "absence_auc", "missed_instances", "extra_instances"),
]


def test_every_score_is_there_with_its_definition_and_is_json():
    truth, guess = random_pair()
    scores = score(truth, guess)
    assert list(scores) == NAMES
    for name, metric in scores.items():
        assert metric["definition"], name
        if metric["value"] is None:
            assert metric["reason"], name
            assert metric["n"] == 0
        else:
            assert np.isfinite(metric["value"]), name
            assert metric["n"] > 0, name
            low, high = metric["ci95"]
            assert low <= metric["value"] <= high, name
        if metric["unit"] == "fraction" and metric["value"] is not None:
            assert 0 <= metric["value"] <= 1
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_scores_are_the_same_each_time():
    truth, guess = random_pair()
    assert score(truth, guess) == score(truth, guess)


def test_counts_and_plain_figure_agree():
    truth, guess = random_pair()
    metric = score(truth, guess, alphas=[0.07], paired=True, which=["pck"])["pck@0.07"]
    points = np.array([image.instances[0].points for image in truth])
    guesses = np.array([image.instances[0].points for image in guess])
    annotated = ~np.isnan(points[..., 0])
    assert metric["n"] == annotated.sum()
    assert metric["value"] == pytest.approx(
        pck(points, guesses, annotated, np.full(len(truth), 100.0), 0.07)
    )
    assert sum(k["n"] for k in metric["per_keypoint"].values()) == metric["n"]


def test_only_the_families_that_were_asked_for():
    truth, guess = random_pair()
    assert list(score(truth, guess, which=("nme", "pckh"))) == ["pckh@0.5", "nme"]
    with pytest.raises(ConfigError, match="did you mean 'pckh'"):
        score(truth, guess, which=["pckhh"])


@pytest.mark.parametrize("alpha", [0, -0.1, float("nan")])
def test_a_share_that_is_no_positive_number_is_refused(alpha):
    truth, guess = random_pair(images=2)
    with pytest.raises(ConfigError, match="PCK at"):
        score(truth, guess, alphas=[alpha])


def test_a_percentage_for_a_share_is_refused_but_not_a_number_of_pixels():
    truth, guess = random_pair(images=2)
    with pytest.raises(ConfigError, match=r"Thresholds are shares: 5 % is 0\.05"):
        score(truth, guess, alphas=[5])
    assert score(truth, guess, alphas=[5], normalizer=1.0, which=["pck"])["pck@5"]["n"] > 0


def test_normalizers_reach_pck_and_nme():
    truth = dataset(
        [instance([(10, 10), (40, 50), (0, 20)])], [instance([(0, 0), (30, 40), (9, 9)])]
    )
    guess = dataset(
        [instance([(15, 10), (45, 50), (5, 20)])], [instance([(5, 0), (35, 40), (14, 9)])]
    )
    for normalizer, length in (("torso", 50), ("image", 100), ("bbox", 40), (25, 25)):
        scores = score(truth, guess, normalizer=normalizer, alphas=[0.12], paired=True)
        assert scores["nme"]["value"] == pytest.approx(5 / length)
        assert scores["pck@0.12"]["value"] == float(0.12 * length >= 5)
        assert scores["pck@0.12"]["normalizer"] == normalizer


def test_missed_and_extra_instances_by_hand():
    here, there = [(10, 10), (30, 30), (20, 30)], [(60, 10), (80, 30), (70, 30)]
    truth = dataset([instance(here), instance(there)], [instance(here)], [])
    guess = dataset([instance(here)], [instance(here), instance(there)], [instance(there)])
    scores = score(truth, guess, which=["instances", "pck"])
    missed, extra = scores["missed_instances"], scores["extra_instances"]
    assert (missed["count"], missed["n"], missed["value"]) == (1, 3, pytest.approx(1 / 3))
    assert (extra["count"], extra["n"], extra["value"]) == (1, 3, pytest.approx(1 / 3))
    assert missed["left_out"] == {"images: nothing in them is annotated": 1}
    assert scores["pck@0.1"]["value"] == pytest.approx(6 / 9)
    paired = score(truth, dataset([instance(here)] * 2, [instance(here)]), paired=True)
    assert "extra_instances" not in paired
    assert paired["missed_instances"]["value"] == 0.0


def test_nothing_predicted_at_all():
    truth = dataset([instance([(10, 10), (30, 30), (20, 30)])])
    scores = score(truth, dataset([]))
    assert scores["pck@0.1"]["value"] == 0.0
    assert scores["missed_instances"]["value"] == 1.0
    assert scores["oks_ap"]["value"] == 0.0
    for name in ("nme", "pixel_error_median", "calibration_error", "extra_instances"):
        assert scores[name]["value"] is None
        assert scores[name]["reason"]


def test_moving_truth_and_predictions_together_changes_nothing():
    truth, guess = random_pair(images=8)

    def move(data):
        images = []
        for image in data:
            old = image.instances[0]
            box = None if old.box is None else (old.box[0] + 64, old.box[1] + 32, *old.box[2:])
            moved = Instance(
                old.points + np.array([64, 32]), old.visibility, box=box, confidence=old.confidence
            )
            images.append(Image(image.path, 300, 300, [moved]))
        return Dataset(data.skeleton, images, data.root)

    before, after = score(truth, guess), score(move(truth), move(guess))
    for name in before:
        if before[name]["value"] is None:
            assert after[name]["value"] is None
        else:
            assert after[name]["value"] == pytest.approx(before[name]["value"]), name


def test_the_docs_explain_every_score_and_every_key():
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    scores = score(*random_pair(images=2))
    assert [name for name in scores if f"`{name}`" not in text] == []
    keys = {key for metric in scores.values() for key in metric}
    explained = {*re.findall(r"[`\"](\w+)[`\"]", text)}
    assert keys - explained == set()
