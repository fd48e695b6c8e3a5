"""Candidates, and what is labelled already."""

from __future__ import annotations

from pathlib import Path

import pytest

from core_cases import SKELETON, dots_dataset
from pointillist.config import Config
from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.formats import save_dataset
from pointillist.identity import keys_of
from pointillist.run import Run
from pointillist.suggest.repeats import NEIGHBOURS
from pointillist.suggest.sources import Sources, find_sources
from pointillist.training_data import TrainingData
from video_files import make_video


def names(images: Dataset) -> list[str]:
    return [Path(image.path).name for image in images]


def find(images: Path | Dataset | list[Path], folder: Path, frames: int = 300) -> Sources:
    """Sources for a run that has nothing but the split in its folder."""
    return find_sources(images, Run(folder, Config(), SKELETON), frames=frames, seed=0)


def test_what_the_run_was_trained_on_is_no_candidate(tmp_path: Path) -> None:
    everything = dots_dataset(tmp_path / "images", 6)
    labeled = everything.subset(everything[:3])
    val = everything.subset(everything[3:4])
    TrainingData(labeled, everything.subset([]), val).save(tmp_path / "run" / "split")
    # The folder is a plain one: nothing in it says what is labelled.
    found = find(tmp_path / "images", tmp_path / "run")
    assert names(found.unlabeled) == ["004.png", "005.png"]
    assert names(found.labeled) == ["000.png", "001.png", "002.png", "003.png"]
    assert found.left_out == {"are labelled": 4}
    assert not found.problems
    assert all(found.labeled.file(image).is_file() for image in found.labeled)


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize(
    "images", ["images", "images/annotations.json", "images/004.png", "images/clip.mp4"]
)
def test_relative_paths_lead_to_what_is_labelled(
    images: str, absolute: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = dots_dataset(tmp_path / "images", 6)
    given = [*everything[:3], *(image.without_labels() for image in everything[3:])]
    save_dataset(everything.subset(given), tmp_path / "images" / "annotations.json")
    make_video(tmp_path / "images" / "clip.mp4", 4)
    monkeypatch.chdir(tmp_path)
    folder = (tmp_path if absolute else Path()) / "images" / "run"
    data = everything.subset(everything[:2])
    TrainingData(data, data.subset([]), data.subset([])).save(folder / "split")
    found = find(Path(images), folder)
    assert names(found.labeled)[:2] == ["000.png", "001.png"]
    for part in (found.labeled, found.unlabeled):
        assert all(part.file(image).is_file() for image in part)
    assert not found.problems


def test_what_was_labelled_since_is_no_candidate_either(tmp_path: Path) -> None:
    given = dots_dataset(tmp_path / "images", 5, labeled=2)
    TrainingData(given.subset(given[:1]), given.subset([]), given.subset([])).save(
        tmp_path / "run" / "split"
    )
    found = find(given, tmp_path / "run")
    assert names(found.unlabeled) == ["002.png", "003.png", "004.png"]
    assert names(found.labeled) == ["000.png", "001.png"]


def test_each_image_counts_once(tmp_path: Path) -> None:
    dots_dataset(tmp_path / "images", 2, labeled=0)
    folder = tmp_path / "images"
    found = find([folder, folder / "000.png"], tmp_path / "none")
    assert sorted(names(found.unlabeled)) == ["000.png", "001.png"]


def test_a_run_without_its_split_says_so(tmp_path: Path) -> None:
    given = dots_dataset(tmp_path / "images", 2, labeled=1)
    found = find(given, tmp_path / "none")
    assert names(found.unlabeled) == ["001.png"]
    assert len(found.problems) == 1
    assert "not known" in found.problems[0]


def test_nothing_left_to_label(tmp_path: Path) -> None:
    given = dots_dataset(tmp_path / "images", 2)
    with pytest.raises(DataError, match="no unlabelled image"):
        find(given, tmp_path / "none")


def frames(folder: Path, numbers: range, labeled: int) -> Dataset:
    """Frames of a video that is never opened."""
    instance = Instance([[1, 1], [2, 2], [3, 3]], [2, 2, 2])  # type: ignore[arg-type]
    images = [Image("clip.mp4", 64, 48, frame=i) for i in numbers]
    images[labeled].instances.append(instance)
    return Dataset(SKELETON, images, folder)


def test_frames_beside_a_labelled_one_are_no_candidates(tmp_path: Path) -> None:
    found = find(frames(tmp_path, range(0, 100), labeled=50), tmp_path / "none")
    left = [image.frame for image in found.unlabeled]
    assert left == [*range(51 - NEIGHBOURS), *range(50 + NEIGHBOURS, 100)]
    assert found.left_out == {
        "are labelled": 1,
        "are neighbours of a labelled frame": 2 * (NEIGHBOURS - 1),
    }


def test_of_a_video_that_is_listed_frame_by_frame_some_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pointillist.video_sampling as sampling

    monkeypatch.setattr(sampling, "sample_frames", lambda path, count, seed: [7, 40, 41, 99])
    found = find(frames(tmp_path, range(0, 100, 1), labeled=50), tmp_path / "none", frames=10)
    # 40 and 41 are beside the labelled one.
    assert [image.frame for image in found.unlabeled] == [7, 99]
    assert found.left_out["are frames too like others of their video"] == 71 - 2


def test_videos_are_sampled(tmp_path: Path, data: Path) -> None:
    video = next((data / "mirror_mouse" / "videos").glob("*.mp4"))
    found = find(video, tmp_path / "none", frames=12)
    assert len(found.unlabeled) == 12
    assert len({image.frame for image in found.unlabeled}) == 12
    assert {image.path for image in found.unlabeled} == {video.resolve().as_posix()}


def test_keys_do_not_depend_on_the_root(tmp_path: Path) -> None:
    one = Dataset(None, [Image("a/b.png"), Image(str(tmp_path / "c.png"), frame=3)], tmp_path)
    other = Dataset(None, [Image("b.png"), Image("../c.png", frame=3)], tmp_path / "a")
    assert keys_of(one.root, one) == keys_of(other.root, other)


def test_labelled_data_from_a_file(tmp_path: Path) -> None:
    given = dots_dataset(tmp_path / "images", 3, labeled=1)
    save_dataset(given, tmp_path / "images" / "annotations.json")
    found = find(tmp_path / "images" / "annotations.json", tmp_path / "none")
    assert names(found.unlabeled) == ["001.png", "002.png"]
