from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import sleap_io
from small_data import SKELETON, data_set, instance

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError, PointillistError
from pointillist.formats import detect_format, open_dataset, save_dataset
from pointillist.images import read_image
from pointillist.video_frames import read_frame
from video_files import make_video, number_of


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POINTILLIST_CACHE", str(tmp_path / "cache"))


def labels(folder: Path, predicted: bool = False) -> sleap_io.Labels:
    """Two labelled frames of a video as SLEAP has them, a prediction, and a suggestion."""
    folder.mkdir(parents=True, exist_ok=True)
    video = sleap_io.Video.from_filename(str(make_video(folder / "clip.mp4", 12)))
    skeleton = sleap_io.Skeleton(
        ["nose", "left_ear", "right_ear"],
        edges=[("nose", "left_ear")],
        symmetries=[("right_ear", "left_ear")],
    )
    points = np.array([[1.0, 2.0], [np.nan, np.nan], [30, 40]])
    user = sleap_io.Instance.from_numpy(points, skeleton=skeleton, track=sleap_io.Track("one"))
    moved = sleap_io.Instance.from_numpy(points + 1, skeleton=skeleton)
    moved.points["visible"][0] = False  # at an invented place: nobody has put it there
    guess = sleap_io.PredictedInstance.from_numpy(
        points, skeleton=skeleton, point_scores=np.array([0.25, 0, 0.5]), score=0.75
    )
    frames = [
        sleap_io.LabeledFrame(video=video, frame_idx=3, instances=[user, guess]),
        sleap_io.LabeledFrame(video=video, frame_idx=7, instances=[moved]),
    ]
    if predicted:
        frames = [sleap_io.LabeledFrame(video=video, frame_idx=3, instances=[guess])]
    suggestions = [sleap_io.SuggestionFrame(video=video, frame_idx=9)]
    return sleap_io.Labels(frames, suggestions=suggestions)


def test_labels_of_a_video(tmp_path: Path) -> None:
    labels(tmp_path).save(str(tmp_path / "a.slp"))
    dataset = open_dataset(tmp_path / "a.slp")
    assert detect_format(tmp_path / "a.slp").name == "sleap"
    assert [(i.path, i.frame, i.group, i.labeled) for i in dataset] == [
        ("clip.mp4", 3, "clip", True),
        ("clip.mp4", 7, "clip", True),
        ("clip.mp4", 9, "clip", False),
    ]
    first, second = dataset[0].instances, dataset[1].instances
    assert len(first) == len(second) == 1
    assert first[0].points[[0, 2]].tolist() == [[1.5, 2.5], [30.5, 40.5]]
    assert first[0].annotated.tolist() == [True, False, True]
    assert dataset.missing_absent
    assert second[0].annotated.tolist() == [False, False, True]
    assert (first[0].track, first[0].confidence) == ("one", None)
    assert dataset.skeleton is not None
    assert dataset.skeleton.flip_pairs == ((1, 2),)  # left first, though SLEAP's pairs are sets
    assert dataset.skeleton.edges == ((0, 1),)
    assert dataset.videos == [dataset.file(dataset[0])]
    assert dataset.problems == ["1 predictions were left out, as there are labels made by hand"]


def test_a_folder_with_one_file_and_with_two(tmp_path: Path) -> None:
    made = labels(tmp_path)
    made.save(str(tmp_path / "a.slp"))
    assert detect_format(tmp_path).name == "sleap"
    assert len(open_dataset(tmp_path).labeled) == 2
    made.save(str(tmp_path / "b.slp"))
    with pytest.raises(DataError, match=r"there are 2 \.slp files .* a\.slp, b\.slp"):
        open_dataset(tmp_path)


def test_predictions_alone(tmp_path: Path) -> None:
    labels(tmp_path, predicted=True).save(str(tmp_path / "a.slp"))
    dataset = open_dataset(tmp_path / "a.slp")
    assert not dataset.missing_absent  # what lacks was not found, which is no label
    found = dataset[0].instances[0]
    assert found.confidence is not None
    assert found.confidence.tolist() == [0.25, 0, 0.5]
    assert found.score == 0.75


def test_embedded_images_are_extracted(tmp_path: Path) -> None:
    made = labels(tmp_path)
    made.save(str(tmp_path / "a.pkg.slp"), embed=True, verbose=False)
    (tmp_path / "clip.mp4").unlink()
    dataset = open_dataset(tmp_path / "a.pkg.slp")
    assert [Path(i.path).name for i in dataset] == [f"img00000{n}.png" for n in (3, 7, 9)]
    assert [number_of(read_image(dataset.file(i))) for i in dataset] == [3, 7, 9]
    assert {i.group for i in dataset} == {"clip"}
    # The second time they are there already.
    for image in dataset:
        dataset.file(image).write_bytes(dataset.file(image).read_bytes())
    times = [dataset.file(i).stat().st_mtime_ns for i in dataset]
    assert [
        dataset.file(i).stat().st_mtime_ns for i in open_dataset(tmp_path / "a.pkg.slp")
    ] == times


def test_embedded_colours(tmp_path: Path) -> None:
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 2] = 255  # OpenCV's order is blue, green, red
    assert cv2.imwrite(str(tmp_path / "red.png"), red)
    skeleton = sleap_io.Skeleton(["nose"])
    frame = sleap_io.LabeledFrame(
        video=sleap_io.Video.from_filename([str(tmp_path / "red.png")]),
        frame_idx=0,
        instances=[sleap_io.Instance.from_numpy(np.ones((1, 2)), skeleton=skeleton)],
    )
    sleap_io.Labels([frame]).save(str(tmp_path / "a.pkg.slp"), embed=True, verbose=False)
    dataset = open_dataset(tmp_path / "a.pkg.slp")
    assert read_image(dataset.file(dataset[0]))[0, 0].tolist() == [255, 0, 0]


def test_a_video_that_moved(tmp_path: Path) -> None:
    labels(tmp_path / "old").save(str(tmp_path / "a.slp"))
    (tmp_path / "new").mkdir()
    (tmp_path / "old" / "clip.mp4").rename(tmp_path / "new" / "clip.mp4")
    dataset = open_dataset(tmp_path / "a.slp")
    assert dataset[0].path == "new/clip.mp4"
    assert "was found by name" in dataset.problems[-1]
    assert dataset[0].frame is not None
    assert number_of(read_frame(dataset.file(dataset[0]), dataset[0].frame)) == 3


def test_a_video_that_is_gone(tmp_path: Path) -> None:
    labels(tmp_path / "old").save(str(tmp_path / "a.slp"))
    (tmp_path / "old" / "clip.mp4").unlink()
    with pytest.raises(DataError, match=r"none of the 1 images or videos .*clip\.mp4"):
        open_dataset(tmp_path / "a.slp")


def test_not_a_sleap_file(tmp_path: Path) -> None:
    path = tmp_path / "a.slp"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"a\.slp: this is no SLEAP file"):
        open_dataset(path)


def test_without_sleap_io_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.slp").touch()
    monkeypatch.setitem(sys.modules, "sleap_io", None)
    with pytest.raises(PointillistError, match=r"Run: pip install 'pointillist\[layouts\]'"):
        open_dataset(tmp_path / "a.slp")


def mixed(folder: Path) -> Dataset:
    """Labels on images, predictions on frames of a video, one image without labels."""
    images = [
        Image(
            "r1/a.png",
            instances=[
                instance([(1.25, 2), None, (3, 4)], track="zoe"),
                instance([(9, 9), (8, 8), (7, 7)], track="max"),
            ],
            group="r1",
        ),
        Image("r1/b.png", group="r1"),
    ]
    dataset = data_set(folder, images)
    video = make_video(folder / "clip.mp4", 8)
    guess = instance([(5, 6), (7, 8), (9, 10)], confidence=np.array([0.25, 0.5, 1]), score=0.75)
    dataset.images.append(Image(video.as_posix(), instances=[guess], group="clip", frame=6))
    return dataset


def test_round_trip(tmp_path: Path) -> None:
    dataset = mixed(tmp_path / "in")
    labelled = dataset.subset(dataset.images[:2])
    assert save_dataset(labelled, tmp_path / "in" / "out.slp", "sleap") == [
        "2 images lose their group"
    ]
    again = open_dataset(tmp_path / "in" / "out.slp")
    assert again.skeleton == SKELETON
    assert [(i.path, i.group, i.labeled) for i in again] == [
        ("r1/a.png", "r1", True),
        ("r1/b.png", "r1", False),
    ]
    for a, b in zip(dataset[0].instances, again[0].instances, strict=True):
        np.testing.assert_allclose(a.points, b.points, atol=0.01)
        assert a.track == b.track


def test_written_predictions_open_in_sleap_io(tmp_path: Path) -> None:
    dataset = mixed(tmp_path / "in")
    save_dataset(dataset.subset(dataset.images[2:]), tmp_path / "out.slp", "sleap")
    read = sleap_io.load_slp(str(tmp_path / "out.slp"))
    frame = read[0]
    assert frame.frame_idx == 6
    assert frame.image.shape[:2] == (48, 160)
    found = frame.predicted_instances[0]
    assert found.points["xy"].tolist() == [[4.5, 5.5], [6.5, 7.5], [8.5, 9.5]]
    assert found.points["score"].tolist() == [0.25, 0.5, 1]
    assert found.score == pytest.approx(0.75)


def test_writing_is_refused_without_a_skeleton_or_with_another_ending(tmp_path: Path) -> None:
    dataset = mixed(tmp_path / "in")
    with pytest.raises(DataError, match=r"must end in \.slp"):
        save_dataset(dataset, tmp_path / "out.h5", "sleap")
    plain = Dataset(None, [Image("r1/b.png")], tmp_path / "in")
    with pytest.raises(DataError, match="there is no skeleton"):
        save_dataset(plain, tmp_path / "out.slp", "sleap")
    assert not list(tmp_path.glob("out*"))
