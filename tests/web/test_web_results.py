"""What the Results tab counts."""

from __future__ import annotations

import json

import pytest

from pointillist.files import write_json
from pointillist.web.records import InstanceRecord
from pointillist.web.results import results_of
from pointillist.web.session import Session


def label(session: Session, number: int, points: list) -> None:
    base = session.project.state(number)["revision"]
    record = InstanceRecord.model_validate({"points": points})
    session.project.save(number, base, [record], "person")


def predict(session: Session, points: dict[int, list[tuple[float, float, float]]]) -> None:
    results = [
        {"image_id": n, "category_id": 1, "keypoints": [v for p in ps for v in p], "score": 1}
        for n, ps in points.items()
    ]
    (session.folder / "predictions.json").write_text(json.dumps(results), encoding="utf-8")
    write_json(session.folder / "runs" / "predicted_by.json", {"run": str(session.folder / "run")})


@pytest.fixture
def labelled(session: Session) -> Session:
    """Three pictures labelled; one point of the first is half the size away, and nothing near."""
    for number in (1, 2, 3):
        label(session, number, [[10, 10, 2], [50, 10, 2], [30, 30, 2]])
    off = [(30, 30, 0.9), (30, 10, 0.9), (10, 10, 0.9)]
    predict(session, {1: off, 2: [(11, 10, 0.9), (50, 12, 0.9), (30, 30.5, 0.9)]})
    (session.folder / "run" / "split").mkdir(parents=True)
    names = list(session.project.skeleton.keypoints)
    category = {"id": 1, "name": "object", "keypoints": names}
    empty: dict[str, list] = {"images": [], "annotations": [], "categories": [category]}
    write_json(session.folder / "run" / "split" / "labeled.json", empty)
    return session


def test_every_label_with_a_prediction_counts_however_far_it_is(labelled: Session) -> None:
    found = results_of(labelled)
    # By likeness the first picture's prediction would not count as one of its label.
    assert found["new"]["images"] == 2
    pixels = next(s for name, s in found["new"]["scores"].items() if "median" in name)
    # Of six errors, 28.3, 20, 28.3, 1, 2 and 0.5, the middle two are 2 and 20.
    assert pixels["value"] == pytest.approx(11)
    assert pixels["n"] == 6
    assert found["new"]["scores"]["pck@0.1"]["value"] == pytest.approx(0.5)


def test_accepted_predictions_are_no_truth(labelled: Session) -> None:
    label(labelled, 2, [[11, 10, 2], [50, 10, 2], [30, 30, 2]])
    found = results_of(labelled)
    assert (found["new"]["images"], found["accepted"]) == (1, 1)
    assert found["new"]["scores"]["pck@0.1"]["value"] == 0
    label(labelled, 1, [[30, 30, 2], None, None])
    found = results_of(labelled)
    assert (found["new"], found["accepted"]) == (None, 2)


def test_a_label_without_a_partner_is_missed(labelled: Session) -> None:
    record = [[10, 10, 2], [50, 10, 2], [30, 30, 2]]
    other = [[1, 39, 2], [21, 39, 2], [1, 20, 2]]
    base = labelled.project.state(2)["revision"]
    both = [InstanceRecord.model_validate({"points": p}) for p in (record, other)]
    labelled.project.save(2, base, both, "person")
    scores = results_of(labelled)["new"]["scores"]
    # Three right of nine: the second animal of picture 2 was not predicted.
    assert scores["pck@0.1"]["value"] == pytest.approx(3 / 9)
