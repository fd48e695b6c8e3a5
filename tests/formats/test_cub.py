"""CUB-200-2011: ids with gaps, parts that are not visible, species as groups."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_data import assert_same_points, datasets, make_image

from pointillist.dataset import HIDDEN, NOT_ANNOTATED, VISIBLE, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.formats import open_dataset
from pointillist.formats.cub import read, write
from pointillist.skeleton import Skeleton

FILES = {
    "images.txt": "2 001.Auk/a b.jpg\n5 002.Gull/c.jpg\n",
    "parts/parts.txt": "1 back\n2 left eye\n4 right eye\n",
    "parts/part_locs.txt": "2 1 3.5 4.25 1\n2 2 0.0 0.0 0\n5 4 1.0 2.0 1\n",
    "bounding_boxes.txt": "2 1.0 2.0 6.0 3.0\n5 0.0 0.0 8.0 6.0\n",
    "classes.txt": "1 001.Auk\n2 002.Gull\n",
    "image_class_labels.txt": "2 1\n5 2\n",
}


def lay_out(folder: Path, **changes: str) -> Path:
    """Writes FILES, with some replaced: keys are file stems."""
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(changes.get(file.stem, text), encoding="utf-8")
    return folder


def test_reads_parts_boxes_and_species(tmp_path: Path) -> None:
    dataset = open_dataset(lay_out(tmp_path))
    assert [(i.id, i.path, i.group) for i in dataset] == [
        (2, "images/001.Auk/a b.jpg", "001.Auk"),
        (5, "images/002.Gull/c.jpg", "002.Gull"),
    ]
    assert dataset.skeleton == Skeleton(
        ("back", "left eye", "right eye"), flip_pairs=((1, 2),), name="bird"
    )
    first, second = (image.instances[0] for image in dataset)
    np.testing.assert_array_equal(first.points[0], (3.5, 4.25))
    assert list(first.visibility) == [VISIBLE, NOT_ANNOTATED, NOT_ANNOTATED]
    assert (first.box, first.box_from_points) == ((1, 2, 6, 3), False)
    assert list(second.annotated) == [False, False, True]
    assert first.absent is not None
    assert list(first.absent) == [False, True, False]  # there is no line on the third part
    assert second.absent is None


def test_where_nothing_is_visible_nothing_is_marked_absent(tmp_path: Path) -> None:
    """That is an image without labels, not one without a bird."""
    lay_out(tmp_path, part_locs="2 1 0 0 0\n2 2 0 0 0\n5 4 1.0 2.0 1\n")
    bird = read(tmp_path)[0].instances[0]
    assert (bird.labeled, bird.absent) == (False, None)


def test_boxes_and_species_may_be_missing(tmp_path: Path) -> None:
    lay_out(tmp_path)
    for name in ("bounding_boxes.txt", "image_class_labels.txt", "classes.txt"):
        (tmp_path / name).unlink()
    dataset = read(tmp_path)
    assert dataset[0].instances[0].box is None
    assert dataset[0].group is None


def test_species_without_names_are_numbers(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "classes.txt").unlink()
    assert [image.group for image in read(tmp_path)] == ["1", "2"]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("images", "", r"images\.txt: there are no images"),
        ("images", "2 a.jpg\n2 b.jpg\n", r"images\.txt, row 2: two images have the id 2"),
        ("images", "2\n", r"images\.txt, row 1: 1 columns where 2 are needed"),
        ("images", "x a.jpg\n", "row 1: the image id is not a whole number but 'x'"),
        ("parts", "1 back\n1 eye\n", r"parts\.txt, row 2: two parts have the id 1"),
        ("parts", "1 back\n2 back\n", r"parts\.txt: keypoint 'back' is named twice"),
        ("parts", "\n", r"parts\.txt: a skeleton needs at least one keypoint"),
        ("part_locs", "3 1 1 1 1\n", r"part_locs\.txt, row 1: there is no image with the id 3"),
        ("part_locs", "2 3 1 1 1\n", r"part_locs\.txt, row 1: there is no part with the id 3"),
        ("part_locs", "2 1 1 1\n", r"part_locs\.txt, row 1: 4 columns where 5 are needed"),
        ("part_locs", "\n2 1 a 1 1\n", r"part_locs\.txt, row 2: x, y and visible are not numbers"),
        ("part_locs", "2 1 1 1 7\n", r"part_locs\.txt, row 1: visible is 7, not 0 or 1"),
        ("part_locs", "2 1 nan 1 1\n", r"row 1: keypoint 'back' is annotated at \(nan, 1\)"),
        ("part_locs", "2 1 1 1 1\n2 1 1 1 1\n", r"row 2: image 2 has part 1 twice"),
        ("bounding_boxes", "2 1 1 inf 1\n", r"bounding_boxes\.txt, row 1: 'box' must be four"),
        ("bounding_boxes", "9 1 1 1 1\n", r"row 1: there is no image with the id 9"),
        ("image_class_labels", "2 9\n", r"labels\.txt, row 1: there is no class with the id 9"),
    ],
)
def test_broken_lines_are_named(tmp_path: Path, file: str, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(lay_out(tmp_path, **{file: text}))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (lay_out(tmp_path) / "parts" / "parts.txt").unlink()
    with pytest.raises(DataError, match=r"parts\.txt: CUB needs this file, and it is missing"):
        read(tmp_path)


SKELETON = Skeleton(("back", "left eye", "right eye"), flip_pairs=((1, 2),), name="bird")


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_round_trip_keeps_points_boxes_and_groups(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        dataset = data.draw(
            datasets(root, SKELETON, levels=(NOT_ANNOTATED, VISIBLE), most=1, least_points=1)
        )
        for i, image in enumerate(dataset):
            make_image(root / image.path)
            image.group = f"{i % 2 + 1:03d}.Bird"
            for bird in image.instances:  # CUB knows no undecided ones
                bird.absent = None if bird.annotated.all() else ~bird.annotated
        assert write(dataset, root / "out") == []
        again = open_dataset(root / "out")
        assert all(again.file(image).is_file() for image in again)
    assert again.skeleton == SKELETON
    assert [i.group for i in again] == [i.group for i in dataset]
    for ours, theirs in zip(dataset, again, strict=True):
        assert len(ours.instances) == len(theirs.instances)
        for a, b in zip(ours.instances, theirs.instances, strict=True):
            assert_same_points(a, b)
            assert np.array_equal(a.absent, b.absent) if a.absent is not None else b.absent is None
            assert b.box == pytest.approx(a.box, abs=0.01)


def test_writing_names_images_apart_and_says_what_it_cannot_keep(tmp_path: Path) -> None:
    for name in ("one/a.png", "two/A.png"):
        make_image(tmp_path / name)
    bird = Instance(
        np.ones((3, 2)), np.array([HIDDEN, 0, 0]), absent=np.array([False, True, False])
    )
    images = [
        Image("one/a.png", instances=[bird, bird], group="grey heron"),
        Image("two/A.png", group="grey heron"),
    ]
    notes = write(Dataset(SKELETON, images, root=tmp_path), tmp_path / "out")
    again = read(tmp_path / "out")
    assert [image.path for image in again] == [
        "images/001.grey_heron/a.png",
        "images/001.grey_heron/a_2.png",
        "images/001.grey_heron/A_3.png",
    ]
    assert [image.labeled for image in again] == [True, True, False]
    assert notes == [
        "1 images with several objects are there once for each object",
        "2 hidden keypoints are written as visible: CUB knows no hidden ones",
        "2 keypoints that are not annotated are written as not visible: CUB knows no undecided "
        "ones",
    ]
    kept = again[0].instances[0].absent
    assert kept is not None
    assert list(kept) == [False, True, True]


def test_real_cub(data: Path) -> None:
    dataset = open_dataset(data / "cub" / "CUB_200_2011")
    assert len(dataset) == 2589
    assert len(dataset.skeleton) == 15
    assert len(dataset.skeleton.flip_pairs) == 3
    assert len({image.group for image in dataset}) == 45
    first = dataset[0].instances[0]
    # part_locs.txt: "1 1 0.00 0.00 0", "1 2 171.03 99.77 1".
    assert not first.annotated[0]
    assert first.absent is not None
    assert list(first.absent) == list(~first.annotated)
    np.testing.assert_array_equal(first.points[1], (171.03, 99.77))
    assert first.box == (32.9, 14.8, 178.2, 166.6)
