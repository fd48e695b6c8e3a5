from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import sleap_io
import yaml
from small_data import SKELETON, data_set, instance, points_of, write_image

from pointillist.dataset import Image
from pointillist.errors import DataError
from pointillist.formats import detect_format, open_dataset, save_dataset
from pointillist.formats import tables as tables_module
from pointillist.formats.moved import find_images
from video_files import make_video

HEADER = "scorer,A,A,A,A\nbodyparts,nose,nose,tail,tail\ncoords,x,y,x,y\n"


def project(root: Path, config: dict | None = None) -> Path:
    """Two recordings: one with two rows (one of them empty) and a third image; one without rows."""
    for name in ("a", "b", "c"):
        write_image(root / "labeled-data" / "v1" / f"{name}.png")
    write_image(root / "labeled-data" / "v2" / "d.png")
    write_image(root / "labeled-data" / "v1_labeled" / "a.png")
    rows = "labeled-data\\v1\\a.png,1,2,3,4\nlabeled-data\\v1\\b.png,,,,\n"
    (root / "labeled-data" / "v1" / "CollectedData_A.csv").write_text(HEADER + rows)
    if config is not None:
        (root / "config.yaml").write_text(yaml.safe_dump(config))
    return root


def test_rows_without_a_number_and_images_without_a_row_are_unlabelled(tmp_path: Path) -> None:
    dataset = open_dataset(project(tmp_path / "p"))
    assert detect_format(tmp_path / "p").name == "deeplabcut"
    assert [(i.path, i.labeled, i.group) for i in dataset] == [
        ("labeled-data/v1/a.png", True, "v1"),
        ("labeled-data/v1/b.png", False, "v1"),
        ("labeled-data/v1/c.png", False, "v1"),
        ("labeled-data/v2/d.png", False, "v2"),
    ]
    assert dataset[0].instances[0].points.tolist() == [[1.5, 2.5], [3.5, 4.5]]
    assert dataset.problems == []
    assert dataset.missing_absent


def test_config_gives_order_edges_pairs_and_videos(tmp_path: Path) -> None:
    config = {
        "Task": "reach",
        "scorer": "A",
        "bodyparts": ["tail", "nose", "ear"],
        "skeleton": [["tail", "nose"], ["nose", "hoof"]],
        "flip_pairs": [["ear", "tail"]],
        "video_sets": {"C:\\old\\machine\\v1.MP4": {"crop": "0, 64, 0, 48"}, "/gone/v2.avi": {}},
    }
    root = project(tmp_path / "p", config)
    (root / "videos").mkdir()
    make_video(root / "videos" / "v1.mp4", 3)
    dataset = open_dataset(root / "config.yaml")
    assert dataset.skeleton is not None
    assert dataset.skeleton.keypoints == ("tail", "nose", "ear")
    assert dataset.skeleton.edges == ((0, 1),)
    assert dataset.skeleton.flip_pairs == ((2, 0),)
    assert dataset.skeleton.name == "reach"
    assert dataset[0].instances[0].points[:2].tolist() == [[3.5, 4.5], [1.5, 2.5]]
    assert dataset[0].instances[0].annotated.tolist() == [True, True, False]
    assert [video.name for video in dataset.videos] == ["v1.mp4"]
    assert dataset.problems == [
        "labeled-data/v1/CollectedData_A.csv differs from the config: it lacks ear",
        "the config's skeleton names unknown keypoints: hoof",
        "1 video of the config is not there nor in 'videos': v2.avi",
    ]


def test_several_animals(tmp_path: Path) -> None:
    root = project(
        tmp_path / "p",
        {
            "multianimalproject": True,
            "multianimalbodyparts": ["nose"],
            "uniquebodyparts": ["box"],
            "bodyparts": "MULTI!",
        },
    )
    text = (
        "scorer,,,A,A,A,A,A,A\nindividuals,,,m1,m1,m2,m2,single,single\n"
        "bodyparts,,,nose,nose,nose,nose,box,box\ncoords,,,x,y,x,y,x,y\n"
        "labeled-data,v1,a.png,1,2,3,4,5,6\nlabeled-data,v1,b.png,,,7,8,,\n"
    )
    (root / "labeled-data" / "v1" / "CollectedData_A.csv").write_text(text)
    dataset = open_dataset(root)
    assert [i.track for i in dataset[0].instances] == ["m1", "m2", "single"]
    assert [i.annotated.tolist() for i in dataset[0].instances] == [
        [True, False],
        [True, False],
        [False, True],
    ]
    # Where there are several animals each needs a box to be cropped by.
    assert dataset[0].instances[1].box_from_points
    assert [i.track for i in dataset[1].instances] == ["m2"]
    assert not dataset.missing_absent  # its own training leaves them out, too


def test_two_scorers(tmp_path: Path) -> None:
    root = project(tmp_path / "p")
    folder = root / "labeled-data" / "v1"
    (folder / "CollectedData_B.csv").write_text(
        HEADER.replace("A", "B") + "labeled-data/v1/a.png,9,9,9,9\n"
    )
    with pytest.raises(DataError, match=r"v1: .*labels of several scorers: A, B\. Name one"):
        open_dataset(root)
    (root / "config.yaml").write_text(
        yaml.safe_dump({"scorer": "B", "bodyparts": ["nose", "tail"]})
    )
    dataset = open_dataset(root)
    assert dataset[0].instances[0].points[0].tolist() == [9.5, 9.5]
    assert dataset.problems == [
        "labeled-data/v1/CollectedData_B.csv: labels of other scorers were not read: A"
    ]
    assert len(open_dataset(folder / "CollectedData_A.csv")) == 3


def test_two_folders_with_different_points(tmp_path: Path) -> None:
    root = project(tmp_path / "p")
    other = HEADER.replace("tail,tail", "paw,paw") + "labeled-data/v2/d.png,1,2,3,4\n"
    (root / "labeled-data" / "v2" / "CollectedData_A.csv").write_text(other)
    with pytest.raises(
        DataError,
        match=r"keypoints are not those of labeled-data/v1/.*: it has paw and it lacks tail",
    ):
        open_dataset(root)
    (root / "config.yaml").write_text(yaml.safe_dump({"bodyparts": ["nose", "tail", "paw"]}))
    dataset = open_dataset(root)
    assert len(dataset.labeled) == 2
    assert len(dataset.problems) == 2
    assert not dataset.missing_absent  # nobody could label a paw in the one, or a tail in the other


def test_broken_config(tmp_path: Path) -> None:
    root = project(tmp_path / "p")
    (root / "config.yaml").write_text("bodyparts:\n- nose\n  - : [\n")
    with pytest.raises(DataError, match=r"config\.yaml, row \d: this is not valid YAML"):
        open_dataset(root)


def test_nothing_labelled(tmp_path: Path) -> None:
    root = project(tmp_path / "p", {"bodyparts": ["nose"]})
    (root / "labeled-data" / "v1" / "CollectedData_A.csv").unlink()
    with pytest.raises(DataError, match="no frame of this project is labelled"):
        open_dataset(root)


def test_a_renamed_recording_is_found(tmp_path: Path) -> None:
    root = project(tmp_path / "p")
    (root / "labeled-data" / "v1").rename(root / "labeled-data" / "day1")
    dataset = open_dataset(root)
    assert dataset[0].path == "labeled-data/day1/a.png"
    assert dataset[0].labeled
    assert dataset.problems == []


def test_images_that_moved_are_found_by_name_and_that_is_said(tmp_path: Path) -> None:
    root = project(tmp_path / "p")
    (root / "pictures").mkdir()
    shutil.move(root / "labeled-data" / "v1" / "a.png", root / "pictures" / "a.png")
    shutil.rmtree(root / "labeled-data" / "v1_labeled")
    dataset = open_dataset(root)
    assert dataset.file(dataset[0]).is_file()
    assert "labeled-data/v1/a.png -> pictures/a.png" in dataset.problems[0]


def test_images_that_are_nowhere(tmp_path: Path) -> None:
    root, other = project(tmp_path / "p"), tmp_path / "other" / "v1"
    other.mkdir(parents=True)
    for name in ("a", "b"):
        shutil.move(root / "labeled-data" / "v1" / f"{name}.png", other)
    shutil.rmtree(root / "labeled-data" / "v1_labeled")
    with pytest.raises(
        DataError, match=r"none of the 2 images or videos is where the annotations say"
    ):
        open_dataset(root)
    dataset = open_dataset(root, images=tmp_path / "other")
    assert dataset.file(dataset[0]) == other / "a.png"


def test_two_files_of_a_name_are_not_guessed_between(tmp_path: Path) -> None:
    dataset = open_dataset(project(tmp_path / "p"))
    (dataset.root / dataset[0].path).unlink()
    for folder in ("x", "y"):
        write_image(tmp_path / "q" / folder / "a.png")
    found = find_images(dataset, tmp_path / "q")
    assert found[0].path == dataset[0].path
    assert "cannot be told apart" in found.problems[-1]
    # A folder that agrees with the recorded path decides.
    write_image(tmp_path / "q" / "y" / "v1" / "a.png")
    assert find_images(dataset, tmp_path / "q")[0].path.endswith("q/y/v1/a.png")


def test_all_images_ambiguous(tmp_path: Path) -> None:
    dataset = open_dataset(project(tmp_path / "p"))
    dataset = dataset.subset(dataset.labeled)
    (dataset.root / dataset[0].path).unlink()
    for folder in ("x", "y"):
        write_image(tmp_path / "q" / folder / "a.png")
    with pytest.raises(DataError, match="cannot be told apart"):
        find_images(dataset, tmp_path / "q")


def test_written_project(tmp_path: Path) -> None:
    images = [
        Image("one/a.png", instances=[instance([(1.25, 2.5), None, (30, 40)])], group="rec 1"),
        Image("two/a.png", instances=[instance([(3, 4), (5, 6), (7, 8)])], group="rec 1"),
        Image("two/b.png", group="rec/2"),
    ]
    dataset = data_set(tmp_path / "in", images)
    assert save_dataset(dataset, tmp_path / "out", "deeplabcut") == []
    again = open_dataset(tmp_path / "out")
    assert again.skeleton == SKELETON
    assert [(i.path, i.group) for i in again] == [
        ("labeled-data/rec_1/a.png", "rec_1"),
        ("labeled-data/rec_1/two-a.png", "rec_1"),
        ("labeled-data/rec_2/b.png", "rec_2"),
    ]
    for a, b in zip(dataset.labeled, again.labeled, strict=True):
        np.testing.assert_allclose(a.instances[0].points, b.instances[0].points, atol=0.001)
    # sleap-io, the other reader of such projects, counts pixel centres too.
    labels = sleap_io.load_file(tmp_path / "out")
    frame = next(f for f in labels if f.numpy()[0, labels.skeleton.index("left_ear")][0] == 4.5)
    assert frame.numpy()[0, labels.skeleton.index("nose")].tolist() == [2.5, 3.5]
    with pytest.raises(DataError, match="there is a project already"):
        save_dataset(dataset, tmp_path / "out", "deeplabcut")


def test_written_animals_keep_their_tracks(tmp_path: Path) -> None:
    two = [instance([(1, 2), (3, 4), (5, 6)], track=t) for t in ("zoe", "max")]
    dataset = data_set(tmp_path / "in", [Image("a.png", instances=two)])
    save_dataset(dataset, tmp_path / "out", "deeplabcut")
    again = open_dataset(tmp_path / "out")
    assert [i.track for i in again[0].instances] == ["zoe", "max"]
    config = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    assert config["individuals"] == ["zoe", "max"]
    assert config["multianimalbodyparts"] == list(SKELETON.keypoints)


def test_written_unique_points_are_columns_of_single_alone(tmp_path: Path) -> None:
    animals = [instance([(1, 2), (3, 4), None], track=t) for t in ("zoe", "max")]
    box = instance([None, None, (9, 9)], track="single")
    images = [
        Image("a.png", instances=[*animals, box], group="r1"),
        Image("b.png", instances=animals, group="r2"),
    ]
    save_dataset(data_set(tmp_path / "in", images), tmp_path / "out", "deeplabcut")
    config = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    assert config["individuals"] == ["zoe", "max"]
    assert config["multianimalbodyparts"] == ["nose", "left_ear"]
    assert config["uniquebodyparts"] == ["right_ear"]
    for group in ("r1", "r2"):
        folder = tmp_path / "out" / "labeled-data" / group
        header = (folder / "CollectedData_pointillist.csv").read_text().splitlines()[1:3]
        columns = list(zip(*(line.split(",")[3:] for line in header), strict=True))
        assert [part for name, part in columns if name == "single"] == ["right_ear"] * 2
        assert ("zoe", "right_ear") not in columns
    found = open_dataset(tmp_path / "out")[0].instances
    assert [i.track for i in found] == ["zoe", "max", "single"]
    assert found[2].annotated.tolist() == [False, False, True]


def test_what_is_lost_is_said(tmp_path: Path) -> None:
    made = instance([(1, 2), (3, 4), None], box=(0, 0, 9, 9))
    made.visibility[0] = 1
    dataset = data_set(tmp_path / "in", [Image("a.png", instances=[made])])
    assert save_dataset(dataset, tmp_path / "out", "deeplabcut") == [
        "1 objects lose their box",
        "1 objects have hidden points, which become visible ones",
    ]


def test_without_pytables_the_csv_is_written_and_the_h5_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables_module.importlib.util, "find_spec", lambda name: None)
    dataset = data_set(tmp_path / "in", [Image("a.png", instances=[instance([(1, 2)] * 3)])])
    notes = save_dataset(dataset, tmp_path / "out", "deeplabcut")
    assert len(notes) == 1
    assert "pip install 'pointillist[layouts]'" in notes[0]
    assert len(open_dataset(tmp_path / "out").labeled) == 1


def test_a_missing_image_leaves_no_project(tmp_path: Path) -> None:
    dataset = data_set(tmp_path / "in", [Image("a.png", instances=[instance([(1, 2)] * 3)])])
    (tmp_path / "in" / "a.png").unlink()
    with pytest.raises(DataError, match=r"a\.png"):
        save_dataset(dataset, tmp_path / "out", "deeplabcut")
    assert not (tmp_path / "out" / "config.yaml").exists()


def test_frames_of_a_video_become_images(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", 6)
    images = [Image(video.as_posix(), instances=[instance([(1, 2)] * 3)], frame=f) for f in (2, 5)]
    dataset = data_set(tmp_path / "in", []).subset(images)
    notes = save_dataset(dataset, tmp_path / "out", "deeplabcut")
    assert notes == ["2 frames of videos become image files"]
    assert sorted(points_of(open_dataset(tmp_path / "out"))) == ["img000002.png", "img000005.png"]


def test_real_project(data: Path, tmp_path: Path) -> None:
    dataset = open_dataset(data / "ultrasound")
    assert (len(dataset), len(dataset.labeled), len(dataset.videos)) == (400, 400, 0)
    assert len({image.group for image in dataset}) == 20
    assert dataset.problems == []
    assert all(dataset.file(image).is_file() for image in dataset)
    # The file itself, cell by cell.
    file = data / "ultrasound" / "labeled-data" / "Ultrax_TD_003" / "CollectedData_AW.csv"
    rows = list(csv.reader(file.open(encoding="utf-8")))[3:]
    ours = {Path(i.path).name: i for i in dataset if i.group == "Ultrax_TD_003"}
    for row in rows:
        cells = np.array([float(c) if c else np.nan for c in row[1:]]).reshape(-1, 2)
        points = ours[row[0].rsplit("\\", 1)[-1]].instances[0].points
        np.testing.assert_allclose(points, cells + 0.5)
    # CSV and HDF5 of the project say the same.
    twin = open_dataset(file.with_suffix(".h5"))
    for image in twin.labeled:
        expected = ours[Path(image.path).name].instances[0].points
        np.testing.assert_allclose(image.instances[0].points, expected, atol=1e-9)


def test_round_trip_of_the_real_project(data: Path, tmp_path: Path) -> None:
    dataset = open_dataset(data / "ultrasound")
    few = dataset.subset([i for i in dataset if i.group in ("Ultrax_TD_003", "TaL_1to8003")])
    assert save_dataset(few, tmp_path / "out", "deeplabcut") == []
    again = {i.path: i for i in open_dataset(tmp_path / "out")}
    assert again.keys() == {i.path for i in few}
    for image in few:
        np.testing.assert_allclose(
            again[image.path].instances[0].points, image.instances[0].points, atol=0.01
        )
