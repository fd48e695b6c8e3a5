from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from pointillist import video_sampling
from pointillist.errors import DataError
from pointillist.video_frames import read_frame
from pointillist.video_sampling import sample_frames, varied, video_dataset
from video_files import make_video, number_of


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POINTILLIST_CACHE", str(tmp_path / "cache"))


def scenes(path: Path, lengths: list[int]) -> Path:
    """A video of scenes of one colour each."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for scene, length in enumerate(lengths):
            colour = np.zeros((48, 64, 3), np.uint8)
            colour[:, :, scene % 3] = 80 + 50 * (scene // 3)
            for _ in range(length):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(colour, format="rgb24")))
        out.mux(stream.encode())
    return path


def test_a_short_scene_is_not_missed(tmp_path: Path) -> None:
    # Every 25th frame would see the first scene six times and never the three-frame one.
    lengths = [150, 3, 40, 5]
    starts = np.cumsum([0, *lengths])
    chosen = sample_frames(scenes(tmp_path / "a.mp4", lengths), 4)
    assert [int(np.searchsorted(starts, i, side="right")) - 1 for i in chosen] == [0, 1, 2, 3]


def test_the_same_frames_again_and_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(tmp_path / "a.mp4", 60)
    first = sample_frames(path, 7, seed=3, cache=tmp_path / "one")
    assert len(first) == len(set(first)) == 7
    assert first == sorted(first)
    assert sample_frames(path, 7, seed=3, cache=tmp_path / "two") == first
    monkeypatch.setattr(video_sampling, "VideoReader", None)  # it may not be opened any more
    assert sample_frames(path, 7, seed=3, cache=tmp_path / "one") == first


def test_a_new_file_of_the_same_name_is_looked_at_again(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 60)
    sample_frames(path, 50)
    make_video(path, 10)
    assert sample_frames(path, 50) == list(range(10))


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    path = make_video(tmp_path / "a.mp4", 5)
    assert sample_frames(path, 9, cache=tmp_path / "file") == [0, 1, 2, 3, 4]


def test_equal_rows_are_filled_up() -> None:
    features = np.zeros((20, 3), np.float32)
    features[7] = 1
    chosen = varied(features, 5)
    assert len(set(chosen)) == 5
    assert 7 in chosen


def test_nonsense_counts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 frames cannot be sampled"):
        sample_frames(make_video(tmp_path / "a.mp4", 5), 0)


def test_data_set_of_frames(tmp_path: Path) -> None:
    good = make_video(tmp_path / "good.mp4", 30)
    bad = tmp_path / "bad.mp4"
    bad.touch()
    dataset = video_dataset([good, bad], 4)
    assert dataset.skeleton is None
    assert len(dataset) == 4
    assert {(i.group, i.width, i.height, i.labeled) for i in dataset} == {("good", 160, 48, False)}
    for image in dataset:
        assert image.frame is not None
        assert number_of(read_frame(dataset.file(image), image.frame)) == image.frame
    assert len(dataset.problems) == 1
    assert "bad.mp4: the video is empty" in dataset.problems[0]
    with pytest.raises(DataError, match=r"no frame can be had: .*0 bytes"):
        video_dataset([bad], 4)
    with pytest.raises(DataError, match="no video is given"):
        video_dataset([], 4)


def test_a_video_that_ends_early_is_told(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", 60, gop=10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    dataset = video_dataset([path], 4)
    assert len(dataset) == 4
    assert "ends early" in dataset.problems[0]


def test_real_video(data: Path, tmp_path: Path) -> None:
    path = data / "mirror_mouse" / "videos" / "test_vid.mp4"
    chosen = sample_frames(path, 20)
    assert len(set(chosen)) == 20
    assert chosen == sorted(chosen)
    # Variety over the whole video, not one stretch of it.
    assert chosen[-1] - chosen[0] > 500
