import contextlib
import io
import json

import numpy as np
import pytest
from metric_cases import dataset, instance
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pointillist.dataset import Dataset, Image, Instance
from pointillist.metrics import object_area, score, similarity
from pointillist.metrics.oks import coco_value, evaluate_coco, instance_score
from pointillist.skeleton import COCO_PERSON_SIGMAS, Skeleton

SCORES = ("oks_ap", "oks_ap50", "oks_ap75", "oks_ap_medium", "oks_ap_large")


def test_similarity_by_hand():
    # Area 100, sigma 0.05: d^2 / (2 * 100 * 0.1^2) = d^2 / 2. Distances 0, 1, and not annotated.
    skeleton = Skeleton(("a", "b", "c"), sigmas=(0.05, 0.05, 0.9))
    true = instance([(10, 10), (20, 20), (0, 0)], visibility=(2, 1, 0), area=100.0)
    guess = np.array([[(10, 10), (21, 20), (5, 5)], [(np.nan,) * 2, (20, 20), (5, 5)]])
    assert similarity(true, guess, skeleton) == pytest.approx([(1 + np.exp(-0.5)) / 2, 0.5])


def test_area_is_the_given_one_or_the_box_or_the_extent():
    points = [(0, 0), (30, 40), (10, 10)]
    assert object_area(instance(points, area=7.0, box=(0, 0, 5, 5))) == 7.0
    assert object_area(instance(points, box=(0, 0, 5, 6))) == 30.0
    assert object_area(instance(points)) == 1200.0
    assert object_area(instance([(0, 0), (30, 0), (10, 0)])) == 900.0
    assert object_area(instance(points, visibility=(0, 0, 0))) == 0.0


def test_an_instance_is_ranked_by_its_score_or_its_mean_confidence():
    assert instance_score(instance([(0, 0)] * 3, score=0.4, confidence=(1, 1, 1))) == 0.4
    partial = instance([(0, 0)] * 3, visibility=(2, 2, 0), confidence=(0.2, 0.4, 0.9))
    assert instance_score(partial) == pytest.approx(0.3)
    assert instance_score(instance([(0, 0)] * 3)) is None


def _people(path):
    """The annotations of a COCO file as a data set, and the file's own content."""
    content = json.loads(path.read_text(encoding="utf-8"))
    names = content["categories"][0]["keypoints"]
    images = []
    for entry in content["images"]:
        instances = []
        for row in content["annotations"]:
            if row["image_id"] == entry["id"]:
                table = np.array(row["keypoints"], dtype=float).reshape(-1, 3)
                instances.append(
                    Instance(
                        table[:, :2],
                        table[:, 2],
                        box=tuple(row["bbox"]),
                        area=row["area"],
                        crowd=bool(row["iscrowd"]),
                    )
                )
        images.append(Image(entry["file_name"], entry["width"], entry["height"], instances))
    skeleton = Skeleton(tuple(names), sigmas=COCO_PERSON_SIGMAS)
    return Dataset(skeleton, images, path.parent), content


def _guesses(people, seed):
    """Perturbed truth: some people missed, some seen twice, some where nobody is."""
    rng = np.random.default_rng(seed)
    images = []
    for image in people:
        guesses = []
        for person in image.instances:
            place = person.points if person.labeled else np.full((17, 2), person.box[:2])
            middle = np.nanmean(place, axis=0)
            for _ in range(rng.integers(0, 3)):
                spread = rng.choice([2.0, 6.0, 20.0])
                points = np.where(np.isnan(place), middle, place) + rng.normal(0, spread, (17, 2))
                guesses.append(Instance(points, np.full(17, 2), score=float(rng.uniform())))
        points = rng.uniform(0, 400, (17, 2))
        guesses.append(Instance(points, np.full(17, 2), score=float(rng.uniform())))
        images.append(Image(image.path, image.width, image.height, guesses))
    return Dataset(people.skeleton, images, people.root)


def _official(content, guesses):
    """The ten figures of pycocotools: AP, AP50, AP75, APM, APL, AR, AR50, AR75, ARM, ARL."""
    rows = [
        {
            "image_id": entry["id"],
            "category_id": 1,
            "keypoints": np.column_stack([guess.points, guess.visibility]).ravel().tolist(),
            "score": guess.score,
        }
        for entry, image in zip(content["images"], guesses, strict=True)
        for guess in image.instances
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = json.loads(json.dumps(content))
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(rows), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


@pytest.mark.parametrize("seed", range(4))
def test_real_annotations_score_as_pycocotools_scores_them(data, seed):
    people, content = _people(data / "coco_style" / "coco" / "test_coco.json")
    if seed == 3:  # a crowd among them
        people[2].instances[0].crowd = True
        first = next(
            row for row in content["annotations"] if row["image_id"] == content["images"][2]["id"]
        )
        first["iscrowd"] = 1
    guesses = _guesses(people, seed)
    official = _official(content, guesses)
    ours = score(people, guesses, which=["oks"])
    assert [ours[name]["value"] for name in SCORES] == pytest.approx(official[:5], abs=1e-12)
    assert ours["oks_ar"]["value"] == pytest.approx(official[5], abs=1e-12)
    assert 0.01 < official[0] < 0.95
    evaluation = evaluate_coco(list(people), list(guesses), people.skeleton)
    assert coco_value(evaluation, "recall", 0.75, "large") is not None
    for metric in ours.values():
        low, high = metric["ci95"]
        assert low <= metric["value"] <= high
    assert ours["oks_ap"]["n"] == (11 if seed == 3 else 12)


def test_the_truth_itself_is_perfect_and_the_size_ranges_say_what_is_missing():
    truth = dataset(
        [instance([(10, 10), (60, 60), (30, 20)])], [instance([(5, 5), (70, 60), (9, 9)])]
    )
    guess = dataset(
        [instance([(10, 10), (60, 60), (30, 20)], score=0.5)],
        [instance([(5, 5), (70, 60), (9, 9)], score=0.9)],
    )
    scores = score(truth, guess, which=["oks"])
    assert scores["oks_ap"]["value"] == 1.0
    assert scores["oks_ap"]["ci95"] == [1.0, 1.0]
    assert scores["oks_ap"]["n"] == scores["oks_ap_medium"]["n"] == 2
    assert scores["oks_ap_large"]["value"] is None
    assert "9216" in scores["oks_ap_large"]["reason"]
    assert "default OKS sigmas" in scores["oks_ap"]["definition"]
    assert "box's area" in scores["oks_ap"]["definition"]


def test_a_point_that_was_not_predicted_is_worth_nothing():
    truth = dataset([instance([(10, 10), (60, 60), (30, 20)])])
    guess = dataset([instance([(10, 10), (60, 60), (0, 0)], visibility=(2, 2, 0), score=0.5)])
    scores = score(truth, guess, which=["oks"])
    # OKS is 2/3: right at the four thresholds 0.50, 0.55, 0.60, 0.65 of ten.
    assert scores["oks_ap"]["value"] == pytest.approx(0.4)
    assert scores["oks_ap"]["ci95"] is None


def test_predictions_that_cannot_be_ranked_give_a_reason():
    truth = dataset([instance([(10, 10), (60, 60), (30, 20)])])
    scores = score(truth, truth, which=["oks"])
    assert {metric["value"] for metric in scores.values()} == {None}
    assert all("score" in metric["reason"] for metric in scores.values())


def test_nothing_predicted_scores_zero():
    truth = dataset(
        [instance([(10, 10), (60, 60), (30, 20)])], [instance([(1, 1), (60, 60), (3, 2)])]
    )
    guess = dataset([], [instance([(0, 0)] * 3, visibility=(0, 0, 0))])
    scores = score(truth, guess, which=["oks"])
    assert scores["oks_ap"]["value"] == scores["oks_ar"]["value"] == 0.0
    assert scores["oks_ap"]["ci95"] == [0.0, 0.0]


def test_a_point_alone_without_a_box_does_not_break_coco():
    lone = instance([(10, 10), (0, 0), (0, 0)], visibility=(2, 0, 0))
    none = instance([(0, 0)] * 3, visibility=(0, 0, 0))
    truth = dataset([lone, none])
    guess = dataset([instance([(10, 10), (60, 60), (0, 0)], score=0.5)])
    assert score(truth, guess, which=["oks"])["oks_ap"]["value"] == 1.0
