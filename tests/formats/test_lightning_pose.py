from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_data import SKELETON, data_set, instance, write_image

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.formats import detect_format, open_dataset, save_dataset
from video_files import make_video

HEADER = "scorer,A,A,A,A\nbodyparts,nose,nose,tail,tail\ncoords,x,y,x,y\n"


def test_real_data(data: Path) -> None:
    dataset = open_dataset(data / "mirror_mouse")
    assert detect_format(data / "mirror_mouse").name == "lightning-pose"
    assert (len(dataset), len(dataset.labeled)) == (93, 90)
    assert [image.path for image in dataset.unlabeled] == [
        f"labeled-data/img{n}.png" for n in ("00", "91", "92")
    ]
    assert [video.name for video in dataset.videos] == ["test_vid.mp4"]
    first = dataset[0]
    assert first.path == "labeled-data/img01.png"
    assert first.instances[0].points[0].tolist() == [77.75, 36.75]  # 77.25, 36.25 in the file
    assert first.instances[0].annotated.sum() == 15
    # The names do not tell which paws are a pair: none is guessed, and that is said.
    assert dataset.skeleton is not None
    assert dataset.skeleton.flip_pairs == ()
    assert "no left-right partner was found by name for paw1LH_top, paw2LF_top" in str(
        dataset.problems
    )
    paired = dataset.with_flip_pairs([("paw1LH_top", "paw4RH_top"), ("paw2LF_top", "paw3RF_top")])
    assert paired.skeleton is not None
    assert paired.skeleton.flip_pairs == ((0, 3), (1, 2))


def test_round_trip_of_real_data(data: Path, tmp_path: Path) -> None:
    dataset = open_dataset(data / "mirror_mouse")
    assert save_dataset(dataset, tmp_path / "out", "lightning-pose") == [
        "1 videos are not mentioned"
    ]
    again = open_dataset(tmp_path / "out")
    assert len(again) == 93
    by_name = {Path(i.path).name: i for i in again.labeled}
    for image in dataset.labeled:
        twin = by_name[Path(image.path).name]
        np.testing.assert_allclose(image.instances[0].points, twin.instances[0].points, atol=0.01)


def test_several_tables(tmp_path: Path) -> None:
    write_image(tmp_path / "labeled-data" / "v" / "a.png")
    row = "labeled-data/v/a.png,1,2,3,4\n"
    for name in ("top", "bottom"):
        (tmp_path / f"CollectedData_{name}.csv").write_text(HEADER + row)
    with pytest.raises(DataError, match=r"but CollectedData_bottom\.csv, CollectedData_top\.csv"):
        open_dataset(tmp_path)
    (tmp_path / "CollectedData.csv").write_text(HEADER + row)
    dataset = open_dataset(tmp_path)
    assert dataset[0].group == "v"
    assert "also there" in dataset.problems[0]


def test_only_a_header(tmp_path: Path) -> None:
    (tmp_path / "CollectedData.csv").write_text(HEADER)
    with pytest.raises(DataError, match="there is no row below the header"):
        open_dataset(tmp_path)


def test_missing_images(tmp_path: Path) -> None:
    (tmp_path / "CollectedData.csv").write_text(HEADER + "labeled-data/v/a.png,1,2,3,4\n")
    with pytest.raises(DataError, match=r"none of the 1 images or videos .* labeled-data/v/a\.png"):
        open_dataset(tmp_path)


def predictions(video: Path) -> Dataset:
    images = [
        Image(
            video.as_posix(),
            frame=frame,
            instances=[instance([(1, 2), (3, 4), (5, 6)], confidence=np.array([0.5, 1, 0]))],
        )
        for frame in (0, 1, 4)
    ]
    return Dataset(SKELETON, images, video.parent)


@pytest.mark.parametrize("ending", [".csv", ".h5"])
def test_predictions_on_a_video(tmp_path: Path, ending: str) -> None:
    video = make_video(tmp_path / "clip.mp4", 5)
    table = tmp_path / f"clip-run1{ending}"
    assert save_dataset(predictions(video), table, "lightning-pose") == [
        "the skeleton loses its edges"
    ]
    again = open_dataset(table)
    assert [image.frame for image in again] == [0, 1, 4]
    assert again.file(again[0]) == video.resolve()
    first = again[0].instances[0]
    assert first.points.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert first.confidence is not None
    assert first.confidence.tolist() == [0.5, 1, 0]
    assert first.score == pytest.approx(0.5)
    video.unlink()
    with pytest.raises(DataError, match="no video whose name the table's begins with"):
        open_dataset(table)


def test_a_table_of_two_videos_is_refused(tmp_path: Path) -> None:
    both = predictions(tmp_path / "a.mp4")
    both.images += predictions(tmp_path / "b.mp4").images
    with pytest.raises(DataError, match="these are of 2 videos"):
        save_dataset(both, tmp_path / "out.csv", "deeplabcut")
    assert not (tmp_path / "out.csv").exists()


def test_a_table_of_images_names_them_where_they_are(tmp_path: Path) -> None:
    dataset = data_set(tmp_path / "in", [Image("a.png", instances=[instance([(1, 2)] * 3)])])
    save_dataset(dataset, tmp_path / "out" / "labels.csv", "deeplabcut")
    again = open_dataset(tmp_path / "out" / "labels.csv")
    assert again.file(again[0]).resolve() == (tmp_path / "in" / "a.png").resolve()
