"""Videos as unlabelled data of a training."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pointillist.dataset import Dataset
from pointillist.errors import DataError
from pointillist.synthetic import make_dataset
from pointillist.training_data import FRAMES_OF_A_VIDEO, TrainingData, gather
from video_files import make_video


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTILLIST_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def labeled(tmp_path: Path) -> Dataset:
    return make_dataset(tmp_path / "creatures", 3, size=(64, 64), labeled=2)


def _frames(part: Dataset, video: Path) -> list[int | None]:
    return [image.frame for image in part if Path(image.path) == video.resolve()]


def test_a_named_video_gives_frames(tmp_path: Path, labeled: Dataset) -> None:
    video = make_video(tmp_path / "clip.mp4", 12)
    data = gather(labeled, unlabeled=[video])
    assert _frames(data.unlabeled, video) == list(range(12))
    assert len(data.unlabeled) == 12 + 1
    assert data.problems == []


def test_the_datas_own_videos_count_without_being_asked(tmp_path: Path, labeled: Dataset) -> None:
    video = make_video(tmp_path / "clip.mp4", 5)
    labeled.videos = [video]
    assert _frames(gather(labeled).unlabeled, video) == list(range(5))
    twice = gather(labeled, unlabeled=[video]).unlabeled
    assert len(_frames(twice, video)) == 5, "named and found, it counts once"


def test_of_a_long_video_so_many_frames_as_the_guide_says(tmp_path: Path, labeled: Dataset) -> None:
    video = make_video(tmp_path / "clip.mp4", FRAMES_OF_A_VIDEO + 40)
    frames = _frames(gather(labeled, unlabeled=[video]).unlabeled, video)
    assert len(frames) == FRAMES_OF_A_VIDEO
    guide = Path(__file__).parents[1] / "docs" / "guide-video-and-boxes.md"
    assert f"{FRAMES_OF_A_VIDEO} frames" in guide.read_text(encoding="utf-8")


def test_an_own_video_that_cannot_be_read_is_a_problem(tmp_path: Path, labeled: Dataset) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"")
    labeled.videos = [broken]
    data = gather(labeled)
    assert [line for line in data.problems if "0 bytes" in line]
    with pytest.raises(DataError, match="0 bytes"):
        gather(labeled, strict=True)
    with pytest.raises(DataError, match="0 bytes"):
        gather(labeled, unlabeled=[broken])


def test_frames_are_the_same_after_they_were_saved(tmp_path: Path, labeled: Dataset) -> None:
    video = make_video(tmp_path / "clip.mp4", 6)
    gather(labeled, unlabeled=[video]).save(tmp_path / "split")
    again = TrainingData.open(tmp_path / "split").unlabeled
    assert [image.frame for image in again][-6:] == list(range(6))
    assert {again.file(image).resolve() for image in again.images[-6:]} == {video.resolve()}


def test_a_real_project_is_a_whole_command(data: Path, tmp_path: Path) -> None:
    mouse = gather(data / "mirror_mouse")
    video = next((data / "mirror_mouse" / "videos").glob("*.mp4"))
    assert len(mouse.labeled) + len(mouse.val) == 90
    assert len(_frames(mouse.unlabeled, video)) == FRAMES_OF_A_VIDEO
    assert mouse.problems == []


def test_frames_without_a_row_count_as_unlabelled(data: Path, tmp_path: Path) -> None:
    source = data / "ultrasound" / "labeled-data" / "TaL_1to8003"
    folder = tmp_path / "project" / "labeled-data" / source.name
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.h5"))
    table = folder / "CollectedData_AW.csv"
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(lines[:-5]), encoding="utf-8")
    parts = gather(tmp_path / "project")
    assert len(parts.unlabeled) >= 5
    assert len(parts.labeled) + len(parts.val) + len(parts.unlabeled) == 18
