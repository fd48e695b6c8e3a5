"""LSP: both axis orders, both meanings of the flag, MATLAB's pixels."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat
from tiny_data import assert_same_points, datasets, make_image

from pointillist.dataset import HIDDEN, NOT_ANNOTATED, VISIBLE, Dataset, Image
from pointillist.errors import DataError
from pointillist.formats import open_dataset
from pointillist.formats.lsp import JOINTS, SKELETON, read, write
from pointillist.skeleton import Skeleton

ANKLE, HEAD = 0, 13


def joints(count: int = 2) -> np.ndarray:
    """(14, 3, count) as LSP extended has it: joint k of row r at (k + 1, r + 10), all annotated."""
    values = np.ones((14, 3, count))
    values[:, 0] = np.arange(1, 15)[:, None]
    values[:, 1] = np.arange(10, 10 + count)
    return values


def lay_out(folder: Path, values: np.ndarray, images: tuple[str, ...] = ()) -> Path:
    folder.mkdir(exist_ok=True)
    savemat(folder / "joints.mat", {"joints": values})
    for name in images:
        make_image(folder / name)
    return folder


TWO = ("images/im00001.jpg", "images/im00002.jpg")


def test_extended_flag_0_is_not_annotated_and_pixels_count_from_one(tmp_path: Path) -> None:
    values = joints()
    values[ANKLE, :, 1] = (0, -26, 0)
    dataset = open_dataset(lay_out(tmp_path / "lsp", values, TWO))
    first, second = (image.instances[0] for image in dataset)
    assert [image.path for image in dataset] == list(TWO)
    assert (first.visibility == VISIBLE).all()
    # MATLAB's pixel (1, 10) has its centre at (0.5, 9.5) here.
    np.testing.assert_array_equal(first.points[ANKLE], (0.5, 9.5))
    np.testing.assert_array_equal(first.points[HEAD], (13.5, 9.5))
    assert second.visibility[ANKLE] == NOT_ANNOTATED
    assert np.isnan(second.points[ANKLE]).all()
    # x from joint 1 (pixel 2) to joint 13 (pixel 14), y all in row 11.
    assert second.box == (1.5, 10.5, 12, 0)
    assert second.box_from_points
    assert dataset.problems == []


def test_original_flag_1_is_hidden_and_every_joint_is_annotated(tmp_path: Path) -> None:
    values = joints()
    values[:, 2] = 0
    values[HEAD, 2, 0] = 1
    folder = lay_out(
        tmp_path / "lsp", values.transpose(1, 0, 2), ("images/im0001.jpg", "images/im0002.jpg")
    )
    dataset = read(folder)
    visibility = dataset[0].instances[0].visibility
    assert visibility[HEAD] == HIDDEN
    assert (visibility[:HEAD] == VISIBLE).all()
    np.testing.assert_array_equal(dataset[1].instances[0].points[ANKLE], (0.5, 10.5))
    assert dataset.problems == []


def test_the_skeleton_knows_left_right_head_and_torso() -> None:
    assert len(SKELETON.flip_pairs) == 6
    assert [JOINTS[i] for i in SKELETON.head] == ["neck", "head_top"]
    assert [JOINTS[i] for i in SKELETON.torso] == ["right_shoulder", "left_hip"]


def test_a_row_without_joints_is_an_unlabelled_image(tmp_path: Path) -> None:
    values = joints()
    values[:, 2, 0] = 0
    dataset = read(lay_out(tmp_path, values, TWO))
    assert dataset[0].instances == []
    assert dataset[1].labeled


def test_a_single_image_may_lack_the_last_axis(tmp_path: Path) -> None:
    dataset = read(lay_out(tmp_path, joints(1)[:, :, 0], TWO[:1]))
    np.testing.assert_array_equal(dataset[0].instances[0].points[ANKLE], (0.5, 9.5))


def test_rows_and_images_that_do_not_match_are_reported(tmp_path: Path) -> None:
    names = ("images/im00001.jpg", "images/im00007.jpg", "images/cover.png")
    dataset = read(lay_out(tmp_path, joints(2), names))
    assert [image.path for image in dataset] == [
        "images/im00001.jpg",
        "images/im00002.jpg",
        "images/cover.png",
        "images/im00007.jpg",
    ]
    assert [image.labeled for image in dataset] == [True, True, False, False]
    assert dataset.problems == [
        "1 row of joints.mat has no image, row: 2",
        "2 images have no row in joints.mat and count as unlabelled: images/cover.png, "
        "images/im00007.jpg",
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones((14, 2, 5)), r"'joints' has the shape \(14, 2, 5\)"),
        (np.ones((16, 3, 5)), r"'joints' has the shape \(16, 3, 5\)"),
        (np.ones((14, 3, 0)), "'joints' is empty"),
        (np.array(["text"]), "'joints' is not an array of numbers"),
    ],
)
def test_other_shapes_are_refused(tmp_path: Path, values: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(lay_out(tmp_path, values))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((ANKLE, 0, 1), np.nan, r"row 2: keypoint 'right_ankle' is annotated at \(nan, 10.5\)"),
        ((HEAD, 1, 0), np.inf, r"row 1: keypoint 'head_top' is annotated at \(13.5, inf\)"),
        ((HEAD, 2, 0), 2, "row 1: a joint's flag is 2, not 0 or 1"),
    ],
)
def test_broken_rows_are_named(
    tmp_path: Path, place: tuple[int, ...], value: float, message: str
) -> None:
    values = joints()
    values[place] = value
    with pytest.raises(DataError, match=message):
        read(lay_out(tmp_path, values, TWO))


def test_files_that_are_no_joints_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "joints.mat"
    file.write_bytes(b"not MATLAB's, but long enough to have a header" * 10)
    with pytest.raises(DataError, match=r"joints\.mat: this MATLAB file cannot be read"):
        read(tmp_path)
    savemat(file, {"points": np.ones(3)})
    with pytest.raises(DataError, match="there is no variable 'joints'"):
        read(tmp_path)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"joints\.mat: "):
        read(tmp_path)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_round_trip_keeps_points(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        dataset = data.draw(
            datasets(root, SKELETON, levels=(NOT_ANNOTATED, VISIBLE), most=1, least_points=1)
        )
        for image in dataset:
            make_image(root / image.path)
        write(dataset, root / "out")
        again = open_dataset(root / "out")
        assert again.problems == []
    assert len(again) == len(dataset)
    for ours, theirs in zip(dataset, again, strict=True):
        assert len(ours.instances) == len(theirs.instances)
        for a, b in zip(ours.instances, theirs.instances, strict=True):
            assert_same_points(a, b)


def test_writing_orders_joints_by_name_and_says_what_it_cannot_keep(tmp_path: Path) -> None:
    source = read(lay_out(tmp_path / "in", joints(1), TWO[:1]))
    order = list(range(13, -1, -1))
    skeleton = Skeleton(tuple(JOINTS[k] for k in order))
    person = source[0].instances[0]
    person.points, person.visibility = person.points[order], person.visibility[order]
    person.visibility[0] = HIDDEN
    person.box_from_points = False
    make_image(tmp_path / "in" / "a.png")
    images = [Image("images/im00001.jpg", instances=[person, person]), Image("a.png")]
    dataset = Dataset(skeleton, images, root=tmp_path / "in")
    notes = write(dataset, tmp_path / "out")
    again = read(tmp_path / "out")
    assert [image.path for image in again] == [f"images/im0000{i}.jpg" for i in (1, 2, 3)]
    np.testing.assert_array_equal(again[0].instances[0].points[ANKLE], (0.5, 9.5))
    np.testing.assert_array_equal(again[1].instances[0].points[HEAD], (13.5, 9.5))
    assert not again[2].labeled
    assert [note.split()[0:2] for note in notes] == [
        ["1", "images"],
        ["2", "hidden"],
        ["2", "boxes"],
        ["1", "images"],
    ]


def test_other_skeletons_cannot_be_written(tmp_path: Path) -> None:
    dataset = Dataset(Skeleton(("nose",)), [Image("a.png")], root=tmp_path)
    with pytest.raises(DataError, match=r"LSP holds exactly 14 keypoints.*\['nose'\].*COCO"):
        write(dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_real_lsp_extended(data: Path) -> None:
    dataset = open_dataset(data / "lsp")
    assert dataset.problems == []
    assert len(dataset) == len(dataset.labeled) == 8500
    assert dataset[8499].path == "images/im08500.jpg"
    annotated = np.array([image.instances[0].annotated for image in dataset])
    # The file's own flags: 104,742 of 119,000 joints.
    assert annotated.sum() == 104742
    first = dataset[0].instances[0]
    assert not first.annotated[0]
    # The file has (26.031, 86.410) for joint 1 of row 1.
    np.testing.assert_allclose(first.points[1], (25.53094352, 85.91022512))
