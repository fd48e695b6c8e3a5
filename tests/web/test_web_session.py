"""Opening a folder as a project."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.formats import save_dataset
from pointillist.skeleton import Skeleton
from pointillist.web.session import COLUMNS, Session

NAMES = ["nose", "left_ear", "right_ear"]


def columns(session: Session, name: str) -> list:
    return [row[COLUMNS.index(name)] for row in session.overview()["rows"]]


def test_a_folder_of_photographs_is_a_project_of_its_own(photos: Path) -> None:
    session = Session(photos, keypoints=NAMES)
    assert columns(session, "name") == [f"photo{n}.png" for n in range(1, 6)]
    session.close()
    (photos / "photo6.png").write_bytes((photos / "photo1.png").read_bytes())
    (photos / "runs").mkdir()
    (photos / "runs" / "plot.png").write_bytes((photos / "photo1.png").read_bytes())
    again = Session(photos)
    assert columns(again, "name") == [f"photo{n}.png" for n in range(1, 7)]
    again.close()


def test_two_servers_on_one_project_are_refused(session: Session) -> None:
    with pytest.raises(DataError, match="already open"):
        Session(session.folder)


def test_after_a_failed_start_the_folder_is_free_again(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    for _ in range(2):
        with pytest.raises(DataError, match="no image"):
            Session(tmp_path / "p")


def test_a_mistyped_folder_is_not_made(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(DataError, match="no image"):
        Session(tmp_path / "nosuch")
    with pytest.raises(DataError, match="twice"):
        Session(tmp_path / "nosuch", photos, ["a", "a"])
    assert not (tmp_path / "nosuch").exists()


def test_a_file_is_no_project(photos: Path) -> None:
    with pytest.raises(DataError, match="a project is a folder"):
        Session(photos / "photo1.png")


def test_a_labelled_data_set_brings_its_labels_and_keypoints(photos: Path, tmp_path: Path) -> None:
    instance = Instance([[1, 2], [3, 4]], [2, 1], box=(0, 0, 9, 9), track="a")
    images = [Image("photo1.png", instances=[instance]), Image("photo2.png")]
    save_dataset(Dataset(Skeleton(("a", "b")), images, photos), tmp_path / "set.json")
    session = Session(tmp_path / "p", tmp_path / "set.json")
    assert session.describe()["skeleton"]["keypoints"] == ("a", "b")
    assert columns(session, "status") == ["done", "none"]
    assert session.project.state(1)["instances"][0]["extra"] == {"track": "a"}
    session.close()


def predict(session: Session, points: dict[int, list], confidence: float = 0.9) -> None:
    """Writes predictions: image -> three points."""
    dataset = session.project.dataset
    images = [
        replace(
            image,
            instances=[Instance(points[image.id], [2, 2, 2], confidence=[confidence] * 3)],
        )
        for image in dataset
        if image.id in points
    ]
    save_dataset(replace(dataset, images=images), session.folder / "predictions.json")


def label(session: Session, number: int, points: list) -> None:
    from pointillist.web.records import InstanceRecord

    base = session.project.state(number)["revision"]
    record = InstanceRecord.model_validate({"points": points})
    session.project.save(number, base, [record], "t")
    session.fresh_row(number)


def test_predictions_are_compared_with_labels(session: Session) -> None:
    predict(session, {1: [[0, 0], [10, 0], [0, 10]], 2: [[0, 0], [10, 0], [0, 10]]})
    label(session, 1, [[0, 0, 2], [10, 0, 2], [0, 13, 2]])
    assert columns(session, "confidence") == [0.9, 0.9, None, None, None]
    # The object's longest side is 13; one of three points is off by 3.
    assert columns(session, "error")[0] == pytest.approx(3 / 13 / 3, abs=1e-4)
    assert columns(session, "error")[1:] == [None] * 4
    shown = session.predictions.records(1, session.project.image(1).instances)
    assert shown[0]["points"][1] == [10.0, 0.0, 0.9]
    assert shown[0]["label"] == 0


def test_new_predictions_are_noticed(session: Session) -> None:
    version = session.overview()["predictions"]
    assert columns(session, "confidence") == [None] * 5
    predict(session, {4: [[0, 0], [1, 1], [2, 2]]}, 0.5)
    assert session.changes(0)["predictions"] > version
    assert columns(session, "confidence")[3] == 0.5


def test_suggestions_have_a_rank_and_a_reason(session: Session, photos: Path) -> None:
    picks = [
        {"image": (photos / "photo4.png").as_posix(), "why": "unlike the others"},
        {"image": session.project.image(2).path},
        {"image": "not/there.png"},
    ]
    (session.folder / "suggestions.json").write_text(json.dumps({"picks": picks}))
    assert columns(session, "rank") == [None, 2, None, 1, None]
    assert columns(session, "why")[3] == "unlike the others"


@pytest.mark.parametrize("name", ["predictions.json", "suggestions.json"])
def test_a_broken_extra_file_is_a_problem_and_no_end(session: Session, name: str) -> None:
    (session.folder / name).write_text("{")
    assert len(session.overview()["rows"]) == 5
    assert name in session.changes(0)["problems"][0]


def test_predictions_of_other_keypoints_are_refused(session: Session) -> None:
    other = Dataset(Skeleton(("x",)), [Image("a.png", instances=[Instance([[1, 1]], [2])])], ".")
    save_dataset(other, session.folder / "predictions.json")
    assert "other keypoints" in session.changes(0)["problems"][-1]


def test_instances_and_predictions_find_each_other() -> None:
    from pointillist.web.predictions import match

    def at(x: float) -> Instance:
        return Instance(np.array([[x, 0], [x + 10, 0], [x, 10]]), [2, 2, 2])

    labels, predicted = [at(0), at(100), at(200)], [at(103), at(1), at(500)]
    assert match(labels, predicted) == [1, 0, None]
    # One label and one prediction: of the same object, however wrong the prediction is.
    assert match([at(0)], [at(500)]) == [0]
    assert match([], [at(0)]) == [None]


def test_a_videos_frames_are_images(data: Path, tmp_path: Path) -> None:
    video = next((data / "mirror_mouse" / "videos").glob("*.mp4"))
    session = Session(tmp_path / "p", video, NAMES)
    rows = session.overview()["rows"]
    assert len(rows) == 994
    image = session.project.image(rows[500][0])
    assert image.frame == 500
    assert rows[500][COLUMNS.index("video")]
    label(session, image.id, [[1, 2, 2], None, None])
    session.close()
    again = Session(tmp_path / "p")
    assert columns(again, "status")[500] == "some"
    assert len(again.overview()["rows"]) == 994
    again.close()
