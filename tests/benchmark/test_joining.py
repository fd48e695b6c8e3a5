"""Several files as one data set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core_cases import SKELETON, dots_dataset
from pointillist.benchmark.joining import join_parts
from pointillist.dataset import NOT_ANNOTATED, VISIBLE, Dataset, Instance
from pointillist.errors import DataError
from pointillist.skeleton import Skeleton
from pointillist.split import split_dataset


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    folder = tmp_path_factory.mktemp("parts")
    return {
        name: dots_dataset(folder / name, count, seed=count)
        for name, count in (("train", 8), ("test", 3), ("unlabeled", 4))
    }


def test_images_know_their_part_and_where_they_lie(parts: dict[str, Dataset]) -> None:
    joined = join_parts(parts)
    assert [image.group for image in joined] == ["train"] * 8 + ["test"] * 3 + ["unlabeled"] * 4
    assert len({joined.file(image) for image in joined}) == 15
    assert all(joined.file(image).is_file() for image in joined)
    assert parts["train"].images[0].group is None  # what was given stays


def test_unlabelled_images_lose_their_labels(parts: dict[str, Dataset]) -> None:
    joined = join_parts(parts)
    assert [len(image.instances) for image in joined] == [1] * 11 + [0] * 4


def test_the_same_images_are_validated_on_every_time(parts: dict[str, Dataset]) -> None:
    chosen = [
        [image.path for image in join_parts(parts, held_out={"val": 3}) if image.group == "val"]
        for _ in range(2)
    ]
    assert len(chosen[0]) == 3
    assert chosen[0] == chosen[1]
    split = split_dataset(
        join_parts(parts, held_out={"val": 3}),
        groups={"train": "train,unlabeled", "val": "val", "test": "test"},
        labeled="40%",
    )
    sizes = [len(p) for p in (split.labeled, split.unlabeled, split.val, split.test)]
    assert sizes == [2, 3 + 4, 3, 3]


def test_test_images_can_be_held_out_too(parts: dict[str, Dataset]) -> None:
    joined = join_parts({"train": parts["train"]}, held_out={"val": 2, "test": 3})
    groups = [image.group for image in joined]
    assert [groups.count(name) for name in ("train", "val", "test")] == [3, 2, 3]


def test_objects_without_a_point_are_left_out_but_not_of_the_test_images(
    parts: dict[str, Dataset],
) -> None:
    nobody = Instance(
        np.full((3, 2), np.nan), np.full(3, NOT_ANNOTATED), box=(1.0, 2.0, 30.0, 20.0)
    )
    somebody = Instance(np.full((3, 2), 9.0), np.full(3, VISIBLE))
    crowd = replace(somebody, crowd=True)

    def shown(*instances: Instance) -> Dataset:
        image = replace(parts["train"].images[0], instances=list(instances))
        return parts["train"].subset([image])

    for name, expected in (("train", 1), ("unlabeled", 0), ("test", 3)):
        given = parts | {name: shown(nobody, somebody, crowd)}
        (image,) = [i for i in join_parts(given, annotated_only=True) if i.group == name]
        assert len(image.instances) == expected
        assert image.boxes == []
    given = parts | {"unlabeled": shown(nobody, crowd)}
    assert not [i for i in join_parts(given, annotated_only=True) if i.group == "unlabeled"]
    (image,) = [i for i in join_parts(given) if i.group == "unlabeled"]
    assert image.boxes == [(1.0, 2.0, 30.0, 20.0)]


def test_what_cannot_be_joined(parts: dict[str, Dataset]) -> None:
    with pytest.raises(DataError, match="8 images cannot be held out: 8 are labelled"):
        join_parts(parts, held_out={"val": 3, "test": 5})
    other = Skeleton(("left", "right", "tail"))
    assert other != SKELETON
    with pytest.raises(DataError, match="other keypoints"):
        join_parts(parts | {"test": Dataset(other, [], parts["test"].root)})
