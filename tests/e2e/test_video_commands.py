"""``pointillist predict`` on videos, as it is typed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pointillist.callbacks import save_network
from pointillist.cli import app
from pointillist.config import make_config
from pointillist.errors import PointillistError
from pointillist.models.localizer import create_localizer
from pointillist.run import Run
from pointillist.skeleton import Skeleton
from video_files import make_video

TWO = Skeleton(("left_eye", "right_eye"), flip_pairs=((0, 1),))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with an untrained network."""
    config = make_config(
        values={
            "input": {"width": 64, "height": 64},
            "model": {"backbone": "test_byobnet", "width": 16},
        }
    )
    run = Run.create(tmp_path_factory.mktemp("runs") / "run", config, TWO)
    save_network(create_localizer(config.model, len(TWO)), run.weights)
    return run.path


def _predict(run: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["predict", str(run), *map(str, arguments), "-q"])


def test_one_video(run: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", 9)
    result = _predict(run, video, "-o", tmp_path / "out.csv", "--overlay", tmp_path / "drawn.mp4")
    assert result.exit_code == 0, result.output
    assert "9 of 9 frames" in result.output
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        assert [row["frame"] for row in csv.DictReader(file)] == [str(i) for i in range(9)]
    assert (tmp_path / "drawn.mp4").stat().st_size > 0
    about = json.loads((tmp_path / "out.csv.json").read_text(encoding="utf-8"))
    assert about["run"] == str(run)


def test_a_layout_by_name(run: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", 3)
    words = (run, video, "-o", tmp_path / "out.csv", "--to", "deeplabcut")
    assert _predict(*words).exit_code == 0
    rows = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert [row.partition(",")[0] for row in rows] == [
        "scorer", "bodyparts", "coords", "0", "1", "2"
    ]  # fmt: skip
    again = _predict(*words)  # as convert: nothing is written over
    assert "something here already" in str(again.exception)


def test_of_several_videos_a_broken_one_stops_no_other(run: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"")
    first, last = (make_video(tmp_path / f"{name}.mp4", 4) for name in ("first", "last"))
    result = _predict(run, first, broken, last, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "broken.mp4: the video is empty: it has 0 bytes" in result.output
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "first.csv", "first.csv.json", "last.csv", "last.csv.json"
    ]  # fmt: skip


def test_a_video_that_ends_early_is_said_at_the_end(run: Path, tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.avi", 30, codec="mpeg4", gop=1)
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 4])
    result = _predict(run, cut, "-o", tmp_path / "out.json")
    assert result.exit_code == 1
    assert "ends early" in result.output.splitlines()[-1]
    content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert "ends early" in content["info"]["problem"]
    assert len(content["images"]) == content["info"]["frames_read"]


def test_what_does_not_go_together(run: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", 2)
    image = tmp_path / "a.png"
    both = _predict(run, video, image, "-o", tmp_path / "out")
    assert both.exit_code == 2
    boxes = _predict(run, video, "-o", tmp_path / "out.csv", "--boxes", image)
    assert boxes.exit_code == 2
    smooth = _predict(run, image, "-o", tmp_path / "out.csv", "--smooth")
    assert smooth.exit_code == 2
    for source in (video, image):
        wrong = _predict(run, source, "-o", tmp_path / "out.txt")
        assert isinstance(wrong.exception, PointillistError)
        assert "out.txt" in str(wrong.exception)
    finder = _predict(run, video, "-o", tmp_path / "out.csv", "--localize")
    assert "no network that finds boxes" in str(finder.exception)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4"]
