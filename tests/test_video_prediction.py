from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pointillist.boxes.suppression import ScoredBox
from pointillist.crops import CropSpec
from pointillist.errors import ConfigError, DataError
from pointillist.inference import Predictor, as_dataset
from pointillist.samples import Crop
from pointillist.skeleton import Skeleton
from pointillist.video import VideoReader
from pointillist.video_prediction import plan_outputs, predict_video
from video_files import HEIGHT, WIDTH, make_video, number_of

TWO = Skeleton(("left", "right"), edges=())


class Counter:
    """A backend that reads the number of a frame and puts its points there."""

    skeleton, size, margin = TWO, (WIDTH, HEIGHT), 1.0

    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points = [[[20.25 + 2 * number_of(crop), 30.5], [140.0, 24.0]] for crop in crops]
        return np.array(points), np.ones((len(crops), 2))


class Halves:
    """Finds the same two boxes in every frame but those whose number ends in 3."""

    spec = CropSpec(WIDTH, HEIGHT, 1.0)

    def detect(self, crops: Sequence[Crop]) -> list[list[ScoredBox]]:
        left = ScoredBox((0.0, 0.0, WIDTH, HEIGHT), 0.9)
        right = ScoredBox((WIDTH / 2, 0.0, WIDTH / 2, HEIGHT / 2), 0.5)
        return [[] if number_of(c.pixels) % 10 == 3 else [left, right] for c in crops]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_frame_has_its_own_points(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", 40, b_frames=2)
    report = predict_video(Predictor(Counter()), video, tmp_path / "out.csv", about={"run": "r"})
    rows = _rows(tmp_path / "out.csv")
    assert [int(row["frame"]) for row in rows] == list(range(40))
    assert [float(row["left_x"]) for row in rows] == [20.25 + 2 * i for i in range(40)]
    assert (report.frames, report.frames_read, report.instances) == (40, 40, 40)
    assert report.problem is None
    about = json.loads((tmp_path / "out.csv.json").read_text(encoding="utf-8"))
    assert about["frames_read"] == 40
    assert (about["unread"], about["run"], about["width"]) == ([], "r", WIDTH)


def test_the_overlay_shows_the_points_of_the_file(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", 30)
    predict_video(Predictor(Counter()), video, tmp_path / "out.csv", overlay=tmp_path / "drawn.mp4")
    drawn = VideoReader(tmp_path / "drawn.mp4")
    assert drawn.frames == 30
    for row, before, after in zip(
        _rows(tmp_path / "out.csv"), VideoReader(video), drawn, strict=True
    ):
        changed = np.abs(after.astype(int) - before).sum(axis=2) > 90
        y, x = np.nonzero(changed)
        for name in TWO.keypoints:
            place = np.array([float(row[f"{name}_x"]), float(row[f"{name}_y"])])
            near = np.hypot(x + 0.5 - place[0], y + 0.5 - place[1]) < 6
            middle = np.array([x[near].mean() + 0.5, y[near].mean() + 0.5])
            # Colour is stored at half the resolution, so a dot's middle is known to half a pixel.
            assert np.abs(middle - place).max() < 0.6


def test_several_objects_in_a_frame(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", 25)
    detector = Halves()
    report = predict_video(
        Predictor(Counter(), batch_size=7), video, tmp_path / "out.json", detector=detector  # type: ignore[arg-type]
    )  # fmt: skip
    content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [image["frame"] for image in content["images"]] == list(range(25))
    per_frame = [0] * 25
    for entry in content["annotations"]:
        per_frame[entry["image_id"]] += 1
    assert per_frame == [0 if i % 10 == 3 else 2 for i in range(25)]
    assert report.instances == sum(per_frame)
    scores = {entry["score"] for entry in content["annotations"]}
    assert scores == {0.9, 0.5}


def test_smoothed_points_go_beside(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", 20)
    predict_video(Predictor(Counter()), video, tmp_path / "out.csv", smooth=True)
    rows = _rows(tmp_path / "out.csv")
    assert [float(row["left_x"]) for row in rows] == [20.25 + 2 * i for i in range(20)]
    inner = rows[4:-4]
    assert [float(row["left_x_smooth"]) for row in inner] == pytest.approx(
        [float(row["left_x"]) for row in inner]
    )


@pytest.mark.parametrize("percent", [70, 72, 75])
def test_a_video_that_ends_early_says_so(percent: int, tmp_path: Path) -> None:
    """Wherever in a frame it is cut: what a decoder makes up of that is no frame."""
    whole = make_video(tmp_path / "whole.avi", 40, codec="mpeg4", gop=1)
    cut = tmp_path / "cut.avi"
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) * percent // 100])
    report = predict_video(
        Predictor(Counter()), cut, tmp_path / "out.csv", overlay=tmp_path / "out.mp4"
    )
    rows = _rows(tmp_path / "out.csv")
    assert 5 < len(rows) < 40
    assert [float(row["left_x"]) for row in rows] == [20.25 + 2 * int(r["frame"]) for r in rows]
    assert report.problem is not None
    assert "ends early" in report.problem
    about = json.loads((tmp_path / "out.csv.json").read_text(encoding="utf-8"))
    assert about["problem"] == report.problem
    assert about["frames_read"] == len(rows) == VideoReader(tmp_path / "out.mp4").frames


def test_frames_in_the_middle_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = make_video(tmp_path / "clip.mp4", 12)
    whole = VideoReader.iterate

    def with_a_gap(reader: VideoReader):  # type: ignore[no-untyped-def]
        for index, frame in whole(reader):
            if index not in (4, 5, 11):
                yield index, frame

    monkeypatch.setattr(VideoReader, "iterate", with_a_gap)
    report = predict_video(
        Predictor(Counter()), video, tmp_path / "out.csv", overlay=tmp_path / "drawn.mp4"
    )
    monkeypatch.undo()
    assert report.unread == [(4, 5), (11, 11)]
    assert report.frames_read == 9
    drawn = list(VideoReader(tmp_path / "drawn.mp4"))
    assert [number_of(frame) for frame in drawn] == [0, 1, 2, 3, 0, 0, 6, 7, 8, 9, 10]
    assert drawn[4].max() < 30
    assert drawn[6].max() > 200


def test_a_broken_network_leaves_nothing_behind(tmp_path: Path) -> None:
    class Broken(Counter):
        def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            raise RuntimeError("out of memory")

    (tmp_path / "in").mkdir()
    video = make_video(tmp_path / "in" / "clip.mp4", 5)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(RuntimeError, match="out of memory"):
        predict_video(Predictor(Broken()), video, out / "out.csv", overlay=out / "out.mp4")
    assert list(out.iterdir()) == []
    empty = tmp_path / "in" / "empty.mp4"
    empty.write_bytes(b"")
    with pytest.raises(DataError, match="0 bytes"):
        predict_video(Predictor(Counter()), empty, out / "out.csv")
    assert list(out.iterdir()) == []


def test_a_video_given_as_a_data_set_gets_directions() -> None:
    with pytest.raises(DataError, match=r"clip\.mp4: a video is no data set.*predict_video"):
        as_dataset("clip.mp4")


def test_which_video_goes_where(tmp_path: Path) -> None:
    a, b = Path("one/a.mp4"), Path("two/b.avi")
    assert plan_outputs([a], Path("out.json"), Path("d.mp4")) == [
        (a, Path("out.json"), Path("d.mp4"))
    ]
    assert plan_outputs([a], Path("out.csv"), tmp_path)[0][2] == tmp_path / "a.mp4"
    assert plan_outputs([a, b], tmp_path, Path("drawn")) == [
        (a, tmp_path / "a.csv", Path("drawn/a.mp4")),
        (b, tmp_path / "b.csv", Path("drawn/b.mp4")),
    ]
    with pytest.raises(ConfigError, match=r"one file 'out\.csv'"):
        plan_outputs([a, b], Path("out.csv"), None)
    with pytest.raises(ConfigError, match="several videos are named 'a'"):
        plan_outputs([a, Path("two/a.mkv")], tmp_path, None)
    with pytest.raises(ConfigError, match="drawn into one file"):
        plan_outputs([a, b], tmp_path, Path("d.mp4"))
    with pytest.raises(ConfigError, match=r"out\.txt"):
        plan_outputs([a], Path("out.txt"), None)
