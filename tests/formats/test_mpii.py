"""MPII: the community's JSON lists."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_data import assert_same_points, datasets

from pointillist.dataset import HIDDEN, NOT_ANNOTATED, VISIBLE, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.formats import detect_format, open_dataset
from pointillist.formats.mpii import JOINTS, SKELETON, read, write
from pointillist.skeleton import Skeleton


def person(**changes: Any) -> dict[str, Any]:
    """Joint k at pixel (k + 1, 20), all annotated; a person 100 pixels high around (50, 60)."""
    return {
        "image": "a.jpg",
        "joints": [[k + 1, 20] for k in range(16)],
        "joints_vis": [1] * 16,
        "center": [50, 60],
        "scale": 0.5,
    } | changes


def save(folder: Path, entries: Any) -> Path:
    file = folder / "mpii.json"
    file.write_text(json.dumps(entries), encoding="utf-8")
    return file


def test_pixels_count_from_one_and_flag_0_is_not_annotated(tmp_path: Path) -> None:
    entry = person(joints_vis=[0] + [1] * 15, joints=[[-1, -1]] + [[k + 1, 20] for k in range(15)])
    dataset = open_dataset(save(tmp_path, [entry]))
    (instance,) = dataset[0].instances
    assert instance.visibility[0] == NOT_ANNOTATED
    assert (instance.visibility[1:] == VISIBLE).all()
    np.testing.assert_array_equal(instance.points[1], (0.5, 19.5))
    # 200 pixels times 0.5 around MATLAB's (50, 60), which is (49.5, 59.5) here.
    assert instance.box == (-0.5, 9.5, 100, 100)
    assert not instance.box_from_points


def test_people_of_one_image_belong_together(tmp_path: Path) -> None:
    entries = [person(), person(image="b.jpg"), person(scale=1)]
    dataset = read(save(tmp_path, entries))
    assert [(i.path, len(i.instances), i.id) for i in dataset] == [("a.jpg", 2, 1), ("b.jpg", 1, 2)]


def test_without_joints_an_image_is_unlabelled_and_keeps_the_box(tmp_path: Path) -> None:
    entry = person()
    del entry["joints"], entry["joints_vis"]
    dataset = read(save(tmp_path, [entry, person(image="b.jpg", joints_vis=[0] * 16)]))
    assert [image.boxes for image in dataset] == [[(-0.5, 9.5, 100, 100)]] * 2
    assert dataset.labeled == []


def test_a_missing_scale_gives_the_extent_of_the_joints(tmp_path: Path) -> None:
    (instance,) = read(save(tmp_path, [person(center=[-1, -1], scale=-1)]))[0].instances
    assert instance.box == (0.5, 19.5, 15, 0)
    assert instance.box_from_points


@pytest.mark.parametrize(
    "head", [{"headbox": [10, 20, 40, 60]}, {"head_rect": [[10, 20], [40, 60]]}]
)
def test_head_boxes_are_corners(tmp_path: Path, head: dict[str, Any]) -> None:
    (instance,) = read(save(tmp_path, [person(**head)]))[0].instances
    assert instance.head_box == (9.5, 19.5, 30, 40)


def test_the_skeleton_knows_left_right_head_and_torso() -> None:
    assert len(SKELETON.flip_pairs) == 6
    assert [JOINTS[i] for i in SKELETON.head] == ["upper_neck", "head_top"]
    assert [JOINTS[i] for i in SKELETON.torso] == ["right_shoulder", "left_hip"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "the list is empty"),
        ({"a": 1}, "this is not a list of objects"),
        ([person(), person(image=None)], "row 2: the entry has no 'image'"),
        ([person(joints=[[1, 2]] * 14)], r"row 1: 'joints' has the shape \(14, 2\)"),
        ([person(joints=[["x", 2]] * 16)], "row 1: 'joints' is not a list of pairs"),
        (
            [person(joints=[[1, 2]] * 15 + [[float("nan"), 2]])],
            r"row 1: .*'left_wrist'.*\(nan, 2\)",
        ),
        ([person(joints_vis=[1] * 15)], "row 1: 'joints_vis' must be 16 numbers"),
        ([person(joints_vis=[2] * 16)], "row 1: 'joints_vis' must be 16 numbers"),
        ([person(center=[1])], "row 1: 'center' must be two numbers"),
        ([person(scale=float("inf"))], "row 1: 'center' and 'scale' must be finite"),
        ([person(scale="big")], "row 1: 'scale' is not a list of numbers"),
        ([person(headbox=[1, 2, 3])], "row 1: a head box must be four finite numbers"),
    ],
)
def test_broken_content_is_one_clear_line(tmp_path: Path, entries: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(save(tmp_path, entries))


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_round_trip_keeps_points_and_square_boxes(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        dataset = data.draw(
            datasets(root, SKELETON, levels=(NOT_ANNOTATED, VISIBLE), least_points=1)
        )
        for instance in (i for image in dataset for i in image.instances):
            # MPII marks a missing box by a negative centre, so that it holds none far outside.
            instance.box = (10.0, 20.0, 64.0, 64.0)
            instance.head_box = (1.5, 2.5, 7.25, 8.0)
        assert write(dataset, root / "out.json") == []
        again = read(root / "out.json")
    assert [i.path for i in again] == [i.path for i in dataset]
    for ours, theirs in zip(dataset, again, strict=True):
        for a, b in zip(ours.instances, theirs.instances, strict=True):
            assert_same_points(a, b)
            assert b.box == pytest.approx(a.box, abs=0.01)
            assert b.head_box == pytest.approx(a.head_box, abs=0.01)


def test_writing_orders_joints_by_name_and_says_what_it_cannot_keep(tmp_path: Path) -> None:
    backwards = Skeleton(JOINTS[::-1])
    points = np.arange(32, dtype=float).reshape(16, 2)
    shown = Instance(points, np.full(16, VISIBLE), box=(0, 0, 10, 20))
    shown.visibility[3] = HIDDEN
    images = [
        Image("a.jpg", instances=[shown], boxes=[(10, 10, 40, 40)]),
        Image("b.jpg"),
    ]
    notes = write(Dataset(backwards, images, root=tmp_path), tmp_path)
    again = read(tmp_path / "annotations.json")
    (instance,) = again[0].instances
    np.testing.assert_array_equal(instance.points, points[::-1])
    assert instance.box == (-5, 0, 20, 20)
    assert again[0].boxes == [(10, 10, 40, 40)]
    assert (again[1].path, again[1].labeled, again[1].boxes) == ("b.jpg", False, [])
    assert [note.split()[:2] for note in notes] == [["1", "boxes"], ["1", "hidden"]]


def test_other_skeletons_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="MPII holds exactly 16 keypoints"):
        write(Dataset(Skeleton(("nose",)), [Image("a.jpg")], root=tmp_path), tmp_path / "a.json")


def test_real_json(data: Path) -> None:
    file = data / "coco_style" / "mpii" / "test_mpii.json"
    assert detect_format(file).name == "mpii"
    dataset = open_dataset(file)
    assert dataset.problems == []
    assert sum(len(image.instances) for image in dataset) == 5
    assert all(dataset.file(image).is_file() for image in dataset)
    first = dataset[0].instances[0]
    # "joints": [[804.0, 711.0], ...], "center": [966.0, 340.0], "scale": 4.718488
    np.testing.assert_array_equal(first.points[0], (803.5, 710.5))
    assert first.box == pytest.approx((965.5 - 471.8488, 339.5 - 471.8488, 943.6976, 943.6976))


def test_the_same_people_as_coco_style_open_as_coco(data: Path) -> None:
    assert detect_format(data / "coco_style" / "mpii" / "test_mpii_trb.json").name == "coco"
