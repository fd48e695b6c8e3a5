from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pointillist.errors import DataError
from pointillist.video import VideoReader
from pointillist.video_writing import VideoWriter
from video_files import number_of, numbered_frame


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_frames_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    with VideoWriter(path, 30, (160, 48)) as writer:
        for i in range(25):
            writer.write(numbered_frame(i))
    reader = VideoReader(path)
    assert reader.size == (160, 48)
    assert reader.fps == pytest.approx(30)
    assert [number_of(f) for f in reader] == list(range(25))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_odd_sizes_move_no_pixel(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    # Blocks of 8 pixels survive the halved colour resolution.
    frame = np.kron(rng.integers(0, 256, (7, 9, 1)), np.ones((8, 8, 3))).astype(np.uint8)[:51, :67]
    with VideoWriter(tmp_path / "out.mp4", 12.5, (67, 51)) as writer:
        writer.write(frame)
    reader = VideoReader(tmp_path / "out.mp4")
    assert reader.size == (68, 52)
    assert np.abs(reader[0][:51, :67].astype(int) - frame).mean() < 3


def _write_and_be_stopped(path: Path) -> None:
    with VideoWriter(path, 30, (160, 48)) as writer:
        writer.write(numbered_frame(1))
        raise KeyboardInterrupt


def test_nothing_is_left_after_an_exception(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"what was there before")
    with pytest.raises(KeyboardInterrupt):
        _write_and_be_stopped(path)
    assert path.read_bytes() == b"what was there before"
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_a_frame_of_another_size(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"shape \(48, 160, 3\).*where \(48, 100, 3\)"),
        VideoWriter(tmp_path / "out.mp4", 30, (100, 48)) as writer,
    ):
        writer.write(numbered_frame(1))
    assert not list(tmp_path.iterdir())


def test_an_unknown_container(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"'.csv' is no video file that can be written"),
        VideoWriter(tmp_path / "out.csv", 30, (100, 48)),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_no_frame_no_file(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match="no frame was written"),
        VideoWriter(tmp_path / "out.mp4", 30, (100, 48)),
    ):
        pass
    assert not list(tmp_path.iterdir())
