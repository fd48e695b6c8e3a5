from __future__ import annotations

from pathlib import Path

from small_data import data_set

from pointillist.dataset import Image
from pointillist.formats.placing import folder_name, place_image, placed_names
from pointillist.images import read_image
from video_files import make_video, number_of


def test_no_two_files_of_a_name() -> None:
    paths = ["a/x.png", "b/x.png", "b/X.PNG", "c/x.jpg", "c/y.png"]
    names = placed_names([Image(path) for path in paths])
    assert names == ["x.png", "b-x.png", "b-2-X.PNG", "c-x.jpg", "y.png"]


def test_frames_are_named_by_their_number() -> None:
    frames = [Image("v/clip.mp4", frame=7), Image("w/other.mp4", frame=7)]
    assert placed_names(frames) == ["img000007.png", "other-img000007.png"]


def test_a_frame_is_written_as_it_is(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", 9)
    place_image(data_set(tmp_path, []), Image(video.as_posix(), frame=6), tmp_path / "f.png")
    assert number_of(read_image(tmp_path / "f.png")) == 6


def test_folder_names() -> None:
    assert folder_name("day 1/cage:2", "images") == "day_1_cage_2"
    assert folder_name(None, "images") == "images"
    assert folder_name("..", "images") == "images"
