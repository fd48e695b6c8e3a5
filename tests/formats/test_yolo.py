from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sleap_io
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from small_data import SKELETON, data_set, instance, write_image

from pointillist.dataset import HIDDEN, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.formats import detect_format, open_dataset, save_dataset

CONFIG = {
    "path": "../elsewhere/data",
    "train": "images/train",
    "val": ["images/val"],
    "kpt_shape": [3, 3],
    "flip_idx": [0, 2, 1],
    "names": {0: "mouse"},
}
ROW = "0 0.5 0.5 0.25 0.5 0.25 0.5 2 0 0 0 0.75 1 1"


def folder(root: Path, row: str = ROW, **config: object) -> Path:
    write_image(root / "images" / "train" / "a.png", (64, 48))
    write_image(root / "images" / "train" / "b.png", (64, 48))
    write_image(root / "images" / "val" / "c.png", (64, 48))
    (root / "labels" / "train").mkdir(parents=True)
    (root / "labels" / "train" / "a.txt").write_text(row + "\n")
    (root / "data.yaml").write_text(yaml.safe_dump(CONFIG | config))
    return root


def test_shares_of_width_and_height(tmp_path: Path) -> None:
    dataset = open_dataset(folder(tmp_path))
    assert detect_format(tmp_path).name == "yolo"
    assert [(i.path, i.labeled) for i in dataset] == [
        ("images/train/a.png", True),
        ("images/train/b.png", False),
        ("images/val/c.png", False),
    ]
    found = dataset[0].instances[0]
    # 0.25 of 64 and 0.5 of 48; the second point is not annotated, the third hidden.
    assert found.points[[0, 2]].tolist() == [[16, 24], [48, 48]]
    assert found.visibility.tolist() == [2, 0, 1]
    assert found.box == (24, 12, 16, 24)
    assert dataset.skeleton is not None
    assert dataset.skeleton.keypoints == ("point0", "point1", "point2")
    assert dataset.skeleton.flip_pairs == ((1, 2),)


def test_two_dimensions_and_names(tmp_path: Path) -> None:
    row = "1 0.5 0.5 0.25 0.5 0.25 0.5 0 0 0.75 1"
    names = {"kpt_names": {0: ["nose", "right_ear", "left_ear"]}, "names": ["rat", "mouse"]}
    dataset = open_dataset(folder(tmp_path, row, kpt_shape=[3, 2], **names) / "data.yaml")
    found = dataset[0].instances[0]
    assert found.visibility.tolist() == [2, 0, 2]
    assert found.category == "mouse"
    assert dataset.skeleton is not None
    assert dataset.skeleton.flip_pairs == ((2, 1),)  # the left one first


def test_a_list_of_files(tmp_path: Path) -> None:
    root = folder(tmp_path, train="train.txt")
    (root / "train.txt").write_text("./images/train/b.png\n./images/train/a.png\n")
    assert [Path(i.path).name for i in open_dataset(root)] == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0 0.5 0.5", r"a\.txt, row 1: 3 numbers where 3 keypoints need 14"),
        (ROW.replace("0.75", "abc"), r"row 1: there is something that is not a number"),
        (ROW.replace("0.75", "nan"), r"row 1: NaN or infinite"),
        ("4" + ROW[1:], r"row 1: there is no class 4"),
        (ROW[:-1] + "7", r"row 1: a visibility is not 0, 1 or 2"),
    ],
)
def test_broken_rows(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_dataset(folder(tmp_path, row))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kpt_shape": [3]}, r"kpt_shape is \[3\]"),
        ({"flip_idx": [0, 1]}, "flip_idx does not name each of 3"),
        ({"flip_idx": [1, 2, 0]}, "flip_idx is no exchange of pairs"),
        ({"kpt_names": {0: ["a"]}}, "1 names for 3 keypoints"),
        ({"train": "images/gone"}, "there is no folder or list of images"),
        ({"train": None, "val": None}, "there is no image"),
    ],
)
def test_broken_config(tmp_path: Path, config: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_dataset(folder(tmp_path, **config))


points = st.none() | st.tuples(st.floats(0, 64, width=32), st.floats(0, 48, width=32))


@st.composite
def objects(draw: st.DrawFn) -> Instance:
    made = instance(draw(st.lists(points, min_size=3, max_size=3)), box=(1.5, 2.5, 30.0, 40.0))
    made.visibility[
        np.array(draw(st.lists(st.booleans(), min_size=3, max_size=3))) & made.annotated
    ] = HIDDEN
    return made


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(objects(), max_size=3), min_size=1, max_size=3))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    folder = tmp_path_factory.mktemp("yolo")
    dataset = data_set(folder / "in", [Image(f"{n}.png", instances=r) for n, r in enumerate(rows)])
    save_dataset(dataset, folder / "out", "yolo")
    again = open_dataset(folder / "out")
    assert again.skeleton == SKELETON
    for a, b in zip(dataset, again, strict=True):
        assert len(a.instances) == len(b.instances)
        for one, two in zip(a.instances, b.instances, strict=True):
            np.testing.assert_allclose(one.points, two.points, atol=0.01)
            assert one.visibility.tolist() == two.visibility.tolist()
            assert two.box == pytest.approx(one.box, abs=0.01)


def test_predictions_keep_their_confidence(tmp_path: Path) -> None:
    made = instance([(1, 2), (3, 4), (5, 6)], confidence=np.array([0.25, 0.5, 1]), score=0.75)
    dataset = data_set(tmp_path / "in", [Image("a.png", instances=[made])])
    save_dataset(dataset, tmp_path / "out", "yolo")
    text = (tmp_path / "out" / "train" / "labels" / "a.txt").read_text()
    assert len(text.split()) == 5 + 9 + 1
    found = open_dataset(tmp_path / "out")[0].instances[0]
    assert found.confidence is not None
    assert found.confidence.tolist() == [0.25, 0.5, 1]
    assert found.score == 0.75


def test_points_outside_the_image_are_left_out_and_told(tmp_path: Path) -> None:
    made = instance([(-3, 2), (3, 4), (5, 6)])
    dataset = data_set(tmp_path / "in", [Image("a.png", instances=[made])])
    notes = save_dataset(dataset, tmp_path / "out", "yolo")
    assert "1 image loses points outside of it, which YOLO refuses: a.png" in notes
    assert open_dataset(tmp_path / "out")[0].instances[0].annotated.tolist() == [False, True, True]


def test_written_folder_opens_in_sleap_io(tmp_path: Path) -> None:
    made = instance([(16, 24), None, (32, 12)])
    dataset = data_set(tmp_path / "in", [Image("a.png", instances=[made])])
    save_dataset(dataset, tmp_path / "out", "yolo")
    labels = sleap_io.load_ultralytics(str(tmp_path / "out"), split="train")
    np.testing.assert_allclose(
        labels[0].instances[0].points["xy"][[0, 2]], [[16, 24], [32, 12]], atol=0.01
    )


def test_nothing_is_written_over(tmp_path: Path) -> None:
    root = folder(tmp_path / "there")
    dataset = data_set(tmp_path / "in", [Image("a.png", instances=[instance([(1, 2)] * 3)])])
    with pytest.raises(DataError, match="there is a data set already"):
        save_dataset(dataset, root, "yolo")
    with pytest.raises(DataError, match="there is no skeleton"):
        save_dataset(Dataset(None, [Image("a.png")], tmp_path / "in"), tmp_path / "out", "yolo")
