from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sleap_io
from small_data import SKELETON, data_set, instance

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.formats import detect_format, open_dataset, save_dataset
from video_files import make_video


def test_round_trip_of_a_video(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", 10)
    images = [
        Image(video.as_posix(), instances=[instance([(1.25, 2), None, (3, 4)])], frame=2),
        Image(video.as_posix(), instances=[instance([(5, 6), (7, 8), (9, 10)])] * 2, frame=8),
        Image(video.as_posix(), frame=9),
    ]
    dataset = Dataset(SKELETON, images, tmp_path)
    assert save_dataset(dataset, tmp_path / "out.nwb", "nwb") == [
        "1 images without labels are left out"
    ]
    again = open_dataset(tmp_path / "out.nwb")
    assert detect_format(tmp_path / "out.nwb").name == "nwb"
    assert [(i.path, i.frame, len(i.instances)) for i in again] == [
        ("clip.mp4", 2, 1),
        ("clip.mp4", 8, 2),
    ]
    assert again.skeleton is not None
    assert again.skeleton.keypoints == SKELETON.keypoints
    assert again.skeleton.edges == SKELETON.edges
    assert again.skeleton.flip_pairs == SKELETON.flip_pairs  # found by name
    for a, b in zip(images, again, strict=False):
        np.testing.assert_allclose(a.instances[0].points, b.instances[0].points, atol=0.01)


def test_round_trip_of_images(tmp_path: Path) -> None:
    images = [Image(f"{n}.png", instances=[instance([(n, 2), None, (3, 4)])]) for n in (1, 2)]
    dataset = data_set(tmp_path / "in", images)
    save_dataset(dataset, tmp_path / "in" / "out.nwb", "nwb")
    again = open_dataset(tmp_path / "in" / "out.nwb")
    assert [i.path for i in again] == ["1.png", "2.png"]
    assert [i.instances[0].points[0, 0] for i in again] == [1, 2]


def test_predictions_are_read(tmp_path: Path) -> None:
    video = sleap_io.Video.from_filename(str(make_video(tmp_path / "clip.mp4", 3)))
    skeleton = sleap_io.Skeleton(["nose", "tail"], edges=[("nose", "tail")], name="mouse")
    frames = []
    for n in range(3):
        found = sleap_io.PredictedInstance.from_numpy(
            np.array([[n, 2.0], [3, 4]]),
            skeleton=skeleton,
            point_scores=np.array([0.25, 0.5]),
            score=0.5,
            track=sleap_io.Track("one") if n == 0 else frames[0].instances[0].track,
        )
        frames.append(sleap_io.LabeledFrame(video=video, frame_idx=n, instances=[found]))
    sleap_io.save_nwb(sleap_io.Labels(frames), str(tmp_path / "a.nwb"), nwb_format="predictions")
    dataset = open_dataset(tmp_path / "a.nwb")
    assert [i.frame for i in dataset] == [0, 1, 2]
    last = dataset[2].instances[0]
    assert last.points.tolist() == [[2.5, 2.5], [3.5, 4.5]]
    assert last.confidence == pytest.approx([0.25, 0.5])


def test_what_is_lost_is_said(tmp_path: Path) -> None:
    made = instance([(1, 2)] * 3, track="zoe", confidence=np.ones(3))
    dataset = data_set(tmp_path / "in", [Image("a.png", instances=[made])])
    assert save_dataset(dataset, tmp_path / "out.nwb", "nwb") == [
        "1 objects lose their track",
        "1 objects lose their confidence",
    ]


def test_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"a\.nwb: no poses can be read"):
        open_dataset(path)
    dataset = data_set(tmp_path / "in", [Image("a.png")])
    with pytest.raises(DataError, match="nothing is labelled"):
        save_dataset(dataset, tmp_path / "out.nwb", "nwb")
    assert not (tmp_path / "out.nwb").exists()
