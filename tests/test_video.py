from __future__ import annotations

import random
from pathlib import Path

import av
import numpy as np
import pytest

from pointillist.errors import DataError
from pointillist.video import VideoReader
from video_files import BLOCK, HEIGHT, WIDTH, make_video, number_of, numbered_frame, turn

KINDS = {
    "h264": {"path": "a.mp4"},
    "b-frames": {"path": "a.mp4", "b_frames": 3, "gop": 12},
    "open-gop": {
        "path": "a.mkv",
        "b_frames": 3,
        "gop": 8,
        "options": {"x264-params": "open-gop=1"},
    },
    "one key frame": {"path": "a.mp4", "b_frames": 2, "gop": 1000},
    "every frame a key frame": {"path": "a.avi", "codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "mpeg4 avi with b-frames": {"path": "a.avi", "codec": "mpeg4", "b_frames": 2},
    "h264 avi with b-frames": {"path": "a.avi", "b_frames": 2},
    "transport stream": {"path": "a.ts", "b_frames": 2, "gop": 10},
    "raw stream without times": {"path": "a.h264", "gop": 10, "b_frames": 2, "container": "h264"},
    "variable rate": {
        "path": "a.mp4",
        "b_frames": 2,
        "gop": 9,
        "times_ms": [40 * i + (i * i) % 31 for i in range(40)],
    },
    "webm-like": {"path": "a.mkv", "b_frames": 2, "gop": 1000},
    "grey16": {"path": "a.mkv", "codec": "ffv1", "pix_fmt": "gray16le"},
    "grey8": {"path": "a.mkv", "codec": "ffv1", "pix_fmt": "gray"},
    "ten bits": {"path": "a.mkv", "codec": "ffv1", "pix_fmt": "yuv420p10le"},
}


@pytest.fixture(params=KINDS, ids=lambda k: k.replace(" ", "-"))
def video(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    options = dict(KINDS[request.param])
    return make_video(tmp_path / str(options.pop("path")), 40, **options)  # type: ignore[arg-type]


def test_every_frame_by_iteration(video: Path) -> None:
    reader = VideoReader(video)
    assert reader.frames == 40
    assert reader.size == (WIDTH, HEIGHT)
    assert [(i, number_of(f)) for i, f in reader.iterate()] == [(i, i) for i in range(40)]
    assert reader.problem is None


def test_every_frame_by_index_in_any_order(video: Path) -> None:
    reader = VideoReader(video)
    order = [*range(40), 39, 0, 0, 5, 4, 3, 38, 20, 21, 22, 1]
    random.Random(3).shuffle(order)
    assert [number_of(reader[i]) for i in order] == order
    assert number_of(reader[-1]) == 39
    assert reader.problem is None


def test_iteration_from_the_middle(video: Path) -> None:
    for start in (1, 13, 39):
        found = [(i, number_of(f)) for i, f in VideoReader(video).iterate(start)]
        assert found == [(i, i) for i in range(start, 40)]


def test_iteration_and_index_do_not_disturb_each_other(tmp_path: Path) -> None:
    reader = VideoReader(make_video(tmp_path / "a.mp4", 30, b_frames=2))
    for i, frame in reader.iterate():
        assert number_of(frame) == i
        assert number_of(reader[29 - i]) == 29 - i


def test_times_of_a_variable_rate(tmp_path: Path) -> None:
    times = [0, 40, 50, 200, 1000, 1010, 3000]
    reader = VideoReader(make_video(tmp_path / "a.mp4", 7, times_ms=times))
    assert reader.times * 1000 == pytest.approx(times, abs=0.1)
    # On screen at 0.19 s is still the frame that appeared at 0.05 s.
    assert [number_of(reader.at(t)) for t in (0.0, 0.045, 0.19, 0.2, 0.99, 1.005, 99)] == [
        *(0, 1, 2, 3, 3, 4, 6)
    ]
    with pytest.raises(IndexError, match="before 0 s"):
        reader.at(-0.1)


def test_rate(tmp_path: Path) -> None:
    assert VideoReader(make_video(tmp_path / "a.mp4", 10)).fps == pytest.approx(25)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 3), (180, 2), (270, 1)])
def test_rotation_is_obeyed(tmp_path: Path, degrees: int, turns: int) -> None:
    reader = VideoReader(turn(make_video(tmp_path / "a.mp4", 5), degrees))
    upright = np.rot90(numbered_frame(3), turns)  # np.rot90 turns counter-clockwise
    frame = reader[3]
    assert reader.size == (upright.shape[1], upright.shape[0])
    assert frame.shape == upright.shape
    assert np.abs(frame.astype(int) - upright.astype(int)).mean() < 3


def test_deep_grey_is_scaled_by_its_range(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    ramp = np.linspace(0, 65535, 64 * 32).astype(np.uint16).reshape(32, 64)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "gray16le"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(ramp, format="gray16le")))
        out.mux(stream.encode())
    frame = VideoReader(path)[0]
    assert frame.dtype == np.uint8
    assert np.array_equal(frame, np.repeat((ramp >> 8).astype(np.uint8)[..., None], 3, axis=2))


def test_index_out_of_range_says_how_many_there_are(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 5)
    with pytest.raises(IndexError, match=r"has 5 frames; there is no frame 5"):
        VideoReader(path)[5]


def test_zero_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.touch()
    with pytest.raises(DataError, match=r"a\.mp4: the video is empty: it has 0 bytes"):
        VideoReader(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such video"):
        VideoReader(tmp_path / "a.mp4")


def test_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"these are words and no moving pictures" * 30)
    with pytest.raises(DataError, match="cannot be opened"):
        VideoReader(path)


def test_recording_that_was_never_closed(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 30)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])
    with pytest.raises(DataError, match=r"'moov' box.* is missing"):
        VideoReader(path)


def test_only_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        sound.sample_rate = 8000
        out.mux(stream.encode(sound))
        out.mux(stream.encode())
    with pytest.raises(DataError, match="there is no picture in this file, only sound"):
        VideoReader(path)


def test_cut_in_the_middle_gives_what_is_there_and_says_so(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 60, gop=10, container_options={"movflags": "+faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    reader = VideoReader(path)
    found = [(i, number_of(f)) for i, f in reader.iterate()]
    assert 10 < len(found) < 50
    # The last packet is cut and its picture may be damaged; every frame before it is right.
    assert found[:-1] == [(i, i) for i in range(len(found) - 1)]
    assert reader.problem is not None
    assert f"ends early: {reader.frames} of the 60 frames" in reader.problem


def test_cut_matroska(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", 60, gop=10)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    reader = VideoReader(path)
    assert 10 < reader.frames < 50
    assert reader.problem is not None
    assert "ends early" in reader.problem
    assert "of the 2.40 seconds" in reader.problem


def test_damage_in_the_middle_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.avi", 40, codec="mjpeg", pix_fmt="yuvj420p")
    with av.open(str(path)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    position, size = places[10]
    data[position : position + size] = bytes(size)
    path.write_bytes(data)
    reader = VideoReader(path)
    found = [(i, number_of(f)) for i, f in reader.iterate()]
    assert found == [(i, i) for i in range(40) if i != 10]
    assert reader.problem is not None
    assert "1 of 40 frames could not be decoded, the first of them frame 10" in reader.problem
    assert number_of(reader[9]) == 9
    with pytest.raises(DataError, match="frame 10 cannot be decoded"):
        reader[10]
    assert number_of(reader[11]) == 11


def test_start_without_a_key_frame_keeps_the_numbers_of_the_file(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.ts", 40, gop=10)
    with av.open(str(path)) as container:
        places = [p.pos for p in container.demux(video=0) if p.size]
    data = path.read_bytes()
    path.write_bytes(data[: 3 * 188] + data[places[5] :])  # the tables, then from frame 5 on
    reader = VideoReader(path)
    found = [(i, number_of(f)) for i, f in reader.iterate()]
    clean = [(i, n) for i, n in found if n >= 10]
    assert clean == [(n - 5, n) for n in range(10, 40)]
    assert number_of(reader[20]) == 25


def test_real_video(data: Path) -> None:
    reader = VideoReader(data / "mirror_mouse" / "videos" / "test_vid.mp4")
    assert (reader.frames, reader.size, reader.fps) == (994, (396, 406), 250)
    wanted = {0, 1, 300, 301, 700, 993}
    streamed = {i: f for i, f in reader.iterate() if i in wanted}
    for index in (993, 301, 0, 700, 1, 300):
        assert np.array_equal(reader[index], streamed[index])
    assert reader.problem is None
    assert reader.times[-1] == pytest.approx(993 / 250, abs=1e-3)


def test_block_pattern_is_readable() -> None:
    assert number_of(numbered_frame(677)) == 677
    assert numbered_frame(1)[0, BLOCK - 1, 0] == 255
