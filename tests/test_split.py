"""Splits: by position, by group, by chance; nested labelled subsets; nothing leaks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import ConfigError, DataError
from pointillist.formats import open_dataset
from pointillist.skeleton import Skeleton
from pointillist.split import parse_groups, parse_ranges, split_dataset, write_split

SKELETON = Skeleton(("nose", "tail"), name="fox")


def make(count: int, groups: list[str] | None = None, unlabeled: int = 0) -> Dataset:
    """Images 0.png, 1.png, ...; the last ones unlabelled."""
    images = []
    for i in range(count):
        fox = Instance(np.array([[1, 2], [3, 4]]), np.array([2, 2]), box=(0, 0, 5, 5))
        own = [fox] if i < count - unlabeled else []
        group = None if groups is None else groups[i % len(groups)]
        images.append(Image(f"{i}.png", instances=own, group=group, id=i + 1))
    return Dataset(SKELETON, images, root=Path("data"))


def names(dataset: Dataset) -> list[str]:
    return [image.path.removesuffix(".png") for image in dataset]


def test_by_position() -> None:
    split = split_dataset(make(10), ranges={"train": (0, 6), "val": "6:8", "test": "8:"})
    assert names(split.labeled) == list("012345")
    assert names(split.unlabeled) == []
    assert names(split.val) == ["6", "7"]
    assert names(split.test) == ["8", "9"]
    assert split.notes == []


def test_images_in_no_part_are_mentioned() -> None:
    split = split_dataset(make(10), ranges=parse_ranges(["train=0:6"]))
    assert split.notes == ["4 images are in no part"]


def test_without_parts_all_is_for_training() -> None:
    split = split_dataset(make(10, unlabeled=4))
    assert names(split.labeled) == list("012345")
    assert names(split.unlabeled) == list("6789")
    assert len(split.val) == len(split.test) == 0


def test_the_rest_is_what_no_other_part_takes() -> None:
    split = split_dataset(make(10), ranges=parse_ranges(["val=2:4", "test=9:10", "train=rest"]))
    assert names(split.labeled) == list("0145678")


def test_groups_by_the_number_their_name_starts_with() -> None:
    data = make(8, ["010.Owl", "002.Gull", "001.Auk", "030.Kite"])
    split = split_dataset(data, groups={"train": "1-2", "val": "10", "test": "11-99"})
    assert {image.group for image in split.labeled} == {"001.Auk", "002.Gull"}
    assert names(split.labeled) == ["1", "2", "5", "6"]
    assert {image.group for image in split.val} == {"010.Owl"}
    assert {image.group for image in split.test} == {"030.Kite"}


def test_groups_by_name_and_by_place_in_natural_order() -> None:
    data = make(8, ["clip10", "clip9", "clip1", "TaL_1to8"])
    split = split_dataset(data, groups={"train": "rest", "val": "2,TaL_1to8", "test": "clip10"})
    assert {image.group for image in split.val} == {"clip9", "TaL_1to8"}
    assert {image.group for image in split.test} == {"clip10"}
    assert {image.group for image in split.labeled} == {"clip1"}


def test_a_category_is_the_group_where_there_is_no_other() -> None:
    data = make(4)
    for image, species in zip(data, ("cat", "dog", "cat", "dog"), strict=True):
        image.instances[0].category = species
    split = split_dataset(data, groups={"train": "cat", "test": "dog"})
    assert names(split.labeled) == ["0", "2"]


def test_random_shares_are_disjoint_complete_and_repeat_for_a_seed() -> None:
    wanted = {"train": "70%", "val": "20%", "test": "10%"}
    first = split_dataset(make(30), ranges=wanted, seed=3)
    again = split_dataset(make(30), ranges=wanted, seed=3)
    other = split_dataset(make(30), ranges=wanted, seed=4)
    parts = [names(part) for part in (first.labeled, first.val, first.test)]
    assert [len(part) for part in parts] == [21, 6, 3]
    assert sorted((name for part in parts for name in part), key=int) == [str(i) for i in range(30)]
    assert parts == [names(part) for part in (again.labeled, again.val, again.test)]
    assert parts[0] != names(other.labeled)


def test_random_shares_of_groups_keep_groups_whole() -> None:
    data = make(40, [f"clip{i}" for i in range(10)])
    split = split_dataset(data, groups={"train": "80%", "val": "rest"}, seed=1)
    train, val = ({image.group for image in part} for part in (split.labeled, split.val))
    assert (len(train), len(val)) == (8, 2)
    assert not train & val
    assert split.notes == []


def test_torn_groups_are_mentioned() -> None:
    split = split_dataset(make(8, ["a", "b"]), ranges={"train": "0:5", "val": "5:8"})
    assert split.notes == ["2 groups are in more than one part: a, b"]


@pytest.mark.parametrize(("labeled", "count"), [("5%", 10), (10, 10), ("10", 10), ("0.6%", 1)])
def test_the_labelled_subset_has_the_size_asked_for(labeled: str | int, count: int) -> None:
    split = split_dataset(make(220, unlabeled=20), labeled=labeled)
    assert len(split.labeled) == count
    assert len(split.unlabeled) == 220 - count
    assert all(image.labeled for image in split.labeled)


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(1, 50), st.integers(1, 50))
def test_a_smaller_subset_lies_within_a_larger_one(seed: int, a: int, b: int) -> None:
    data = make(50)
    small, large = (
        set(names(split_dataset(data, labeled=n, seed=seed).labeled)) for n in sorted((a, b))
    )
    assert small <= large


def test_other_seeds_choose_others() -> None:
    chosen = {tuple(names(split_dataset(make(50), labeled=5, seed=s).labeled)) for s in range(5)}
    assert len(chosen) == 5


def test_unlabelled_images_have_no_label_and_keep_true_boxes() -> None:
    data = make(4)
    data[3].instances[0].box_from_points = True
    split = split_dataset(data, labeled=1, seed=0)
    assert all(image.instances == [] for image in split.unlabeled)
    boxes = {image.path: image.boxes for image in split.unlabeled}
    for image in data:
        if image.path in boxes:
            derived = image.instances[0].box_from_points
            assert boxes[image.path] == ([] if derived else [(0, 0, 5, 5)])
    assert all(image.labeled for image in data), "the data set itself keeps its labels"


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        (["train=0:6", "val=5:8"], "'train' and 'val' overlap: image number 5 is in both"),
        (["train=0:11"], "train=0:11 reaches beyond the 10 images"),
        (["train=6:6"], "train=6:6 holds no image"),
        (["train=7:6"], "train=7:6 holds no image"),
        (["train=0-6"], "train=0-6 is no range; ranges are 0:7500"),
        (["train=-1:6"], "train=-1:6 is no range"),
        (["train"], "'train' is not of the form train=0:7500"),
        (["train="], "'train=' is not of the form train=0:7500"),
        (["trian=0:6"], "there is no part 'trian'. did you mean 'train'?"),
        (["train=0:6", "train=6:8"], "'train' is given twice: '0:6' and '6:8'"),
        (["val=0:6"], "the split has no 'train'. Say train=rest"),
        (["train=120%"], "train=120% is not between 0% and 100%"),
        (["train=x%"], "train=x% is no percentage"),
        (["train=70%", "val=40%"], "train and val need 11 images by chance, but 10 are left"),
        (["val=0:10", "train=rest"], "there is no image for 'train'"),
        (["val=1%", "train=rest"], "there is no image for 'val'"),
        (["train=rest", "val=rest"], "only one part can be the rest, not train and val"),
    ],
)
def test_ranges_that_make_no_sense(ranges: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        split_dataset(make(10), ranges=parse_ranges(ranges))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["train=1-2", "val=2"], "'train' and 'val' overlap: group 'b' is in both"),
        (["train=1", "val=7"], "val: there is no group of number 7; there are 3, numbers 1 to 3"),
        (["train=1", "val=bb"], "val: there is no group 'bb'. did you mean 'b'?"),
        (["train=1:2"], "train: there is no group '1:2'"),
        (
            ["train=1,val=2"],
            "train: there is no group 'val=2'. Say --groups once for each part: "
            "--groups train=1-30 --groups val=31-37.",
        ),
    ],
)
def test_groups_that_make_no_sense(groups: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        split_dataset(make(9, ["a", "b", "c"]), groups=parse_groups(groups))


@pytest.mark.parametrize(
    ("labeled", "message"),
    [
        ("0", "labeled=0 is 0 images; there are 8 labelled training images"),
        (9, "labeled=9 is 9 images; there are 8 labelled"),
        ("1%", "labeled=1% is 0 images"),
        ("some", "labeled=some is neither a share such as 5% nor a number"),
        ("-3", "labeled=-3 is neither"),
    ],
)
def test_labelled_subsets_that_make_no_sense(labeled: str | int, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        split_dataset(make(10, unlabeled=2), labeled=labeled)


def test_by_range_and_by_group_at_once_is_an_error() -> None:
    with pytest.raises(ConfigError, match="by range or by group"):
        split_dataset(make(4, ["a"]), ranges={"train": "0:4"}, groups={"train": "a"})


def test_no_groups_and_no_labels_are_errors() -> None:
    with pytest.raises(DataError, match="no image of this data set has a group"):
        split_dataset(make(4), groups={"train": "1"})
    with pytest.raises(DataError, match="no training image has a label"):
        split_dataset(make(4, unlabeled=4))


def test_written_files_hold_the_parts_and_no_label_where_there_is_none(tmp_path: Path) -> None:
    data = make(20)
    data.root = tmp_path / "data"
    split = split_dataset(data, ranges={"train": "0:12", "val": "12:20"}, labeled="25%")
    written = write_split(split, tmp_path / "out")
    assert [file.name for file in written] == ["labeled.json", "unlabeled.json", "val.json"]
    assert not (tmp_path / "out" / "test.json").exists()
    content = json.loads((tmp_path / "out" / "unlabeled.json").read_text(encoding="utf-8"))
    assert content["annotations"] == []
    assert [image["boxes"] for image in content["images"]] == [[[0, 0, 5, 5]]] * 9
    unlabeled = open_dataset(tmp_path / "out" / "unlabeled.json")
    assert unlabeled.skeleton == SKELETON
    assert unlabeled[0].path.startswith("../data/")
    assert [len(open_dataset(file)) for file in written] == [3, 9, 8]


def test_a_split_is_not_written_over_another_one(tmp_path: Path) -> None:
    """Nor over the data that it was made of."""
    data = make(20)
    data.root = tmp_path / "data"
    write_split(split_dataset(data, ranges={"train": "0:12", "val": "12:20"}), tmp_path / "out")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    again = split_dataset(open_dataset(tmp_path / "out" / "val.json"), ranges={"train": "50%"})
    with pytest.raises(DataError, match=r"there is a split here already: labeled.json, val.json"):
        write_split(again, tmp_path / "out")
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before


def test_real_lsp_with_five_percent(data: Path, tmp_path: Path) -> None:
    dataset = open_dataset(data / "lsp")
    ranges = parse_ranges(["train=0:7500", "val=7500:8000", "test=8000:8500"])
    split = split_dataset(dataset, ranges=ranges, labeled="5%")
    assert [len(part) for part in (split.labeled, split.unlabeled, split.val, split.test)] == [
        375,
        7125,
        500,
        500,
    ]
    assert split.val[0].path == "images/im07501.jpg"
    # LSP's boxes come from its points, so that nothing is left of them.
    assert not any(image.boxes for image in split.unlabeled)
    write_split(split, tmp_path)
    again = open_dataset(tmp_path / "labeled.json")
    assert again.file(again[0]).is_file()
    assert len(again.labeled) == 375


def test_real_cub_by_species(data: Path) -> None:
    dataset = open_dataset(data / "cub" / "CUB_200_2011")
    groups = parse_groups(["train=1-30", "val=31-37", "test=38-45"])
    split = split_dataset(dataset, groups=groups)
    species = [
        {int(image.group[:3]) for image in part} for part in (split.labeled, split.val, split.test)
    ]
    assert species == [set(range(1, 31)), set(range(31, 38)), set(range(38, 46))]
    assert split.notes == []
