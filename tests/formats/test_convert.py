"""Converting: points arrive, images are found, nothing is written over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_data import assert_same_points, make_image

from pointillist.dataset import VISIBLE, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.formats import format_names, get_format, open_dataset
from pointillist.formats.convert import convert_dataset
from pointillist.formats.lsp import SKELETON as LSP
from pointillist.skeleton import Skeleton


@pytest.fixture
def people(tmp_path: Path) -> Dataset:
    """Two images with a person each, in a folder of their own."""
    images = []
    for i in range(2):
        make_image(tmp_path / "in" / "images" / "day" / f"{i}.jpg", seed=i)
        points = np.random.default_rng(i).uniform(0, 6, (14, 2))
        images.append(
            Image(
                f"images/day/{i}.jpg",
                instances=[Instance(points, np.full(14, VISIBLE))],
                id=i + 1,
            )
        )
    return Dataset(LSP, images, root=tmp_path / "in")


def check(dataset: Dataset, again: Dataset) -> None:
    assert len(again) == len(dataset)
    for ours, theirs in zip(dataset, again, strict=True):
        assert again.file(theirs).read_bytes() == dataset.file(ours).read_bytes()
        assert_same_points(ours.instances[0], theirs.instances[0])


@pytest.mark.parametrize("format", ["coco", "lsp", "cub"])
def test_there_and_back(people: Dataset, tmp_path: Path, format: str) -> None:
    convert_dataset(people, tmp_path / "out", format)
    middle = open_dataset(tmp_path / "out")
    assert middle.problems == []
    check(people, middle)
    convert_dataset(middle, tmp_path / "back.json", "coco")
    check(people, open_dataset(tmp_path / "back.json"))


def test_coco_gets_the_sizes_of_the_images(people: Dataset, tmp_path: Path) -> None:
    make_image(people.root / "gone.jpg").unlink()
    people.images.append(Image("gone.jpg", id=3))
    notes = convert_dataset(people, tmp_path / "out.json")
    assert len(notes) == 1
    assert "gone.jpg: there is no such image file" in notes[0]
    again = open_dataset(tmp_path / "out.json")
    assert [(i.width, i.height) for i in again] == [(8, 6), (8, 6), (None, None)]


def test_copied_images_lie_beside_the_annotations(people: Dataset, tmp_path: Path) -> None:
    outside = make_image(tmp_path / "elsewhere" / "0.jpg", seed=5)
    people.images.append(Image(outside.as_posix(), id=3))
    people.images.append(Image("../elsewhere/0.jpg", id=4))
    convert_dataset(people, tmp_path / "out", copy_images=True)
    again = open_dataset(tmp_path / "out")
    assert [image.path for image in again] == [
        "images/day/0.jpg",
        "images/day/1.jpg",
        "images/0.jpg",
        "images/0_2.jpg",
    ]
    assert again.root == tmp_path / "out"
    for ours, theirs in zip(people, again, strict=True):
        assert again.file(theirs).read_bytes() == people.file(ours).read_bytes()


def test_nothing_is_written_over(people: Dataset, tmp_path: Path) -> None:
    file = tmp_path / "in" / "notes.json"
    file.write_text("mine", encoding="utf-8")
    for out, format in ((file, "coco"), (tmp_path / "in", "lsp")):
        with pytest.raises(DataError, match="something here already"):
            convert_dataset(people, out, format)
    make_image(tmp_path / "new" / "images" / "day" / "0.jpg")
    with pytest.raises(DataError, match=r"0\.jpg: there is a file here already"):
        convert_dataset(people, tmp_path / "new" / "out.json", copy_images=True)
    assert file.read_text(encoding="utf-8") == "mine"


def test_layouts_that_cannot_be_written_say_so(people: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="format 'folder' can only be read"):
        convert_dataset(people, tmp_path / "out", "folder")
    with pytest.raises(DataError, match=r"there is no format 'coc'.*did you mean 'coco'"):
        convert_dataset(people, tmp_path / "out", "coc")


@pytest.mark.parametrize("format", ["lsp", "cub"])
def test_frames_of_videos_need_another_layout(tmp_path: Path, format: str) -> None:
    skeleton = LSP if format == "lsp" else Skeleton(("nose",))
    dataset = Dataset(skeleton, [Image("film.mp4", frame=3)], root=tmp_path)
    with pytest.raises(DataError, match="holds image files; this data set has frames"):
        convert_dataset(dataset, tmp_path / "out", format)


def test_every_format_says_what_it_is() -> None:
    for name in format_names():
        chosen = get_format(name)
        assert chosen.name == name
        assert chosen.title
        assert not (chosen.own_images and chosen.write is None)


def test_real_lsp_as_coco(data: Path, tmp_path: Path) -> None:
    dataset = open_dataset(data / "lsp")
    some = dataset.subset(dataset.images[:50])
    assert convert_dataset(some, tmp_path / "out.json") == []
    again = open_dataset(tmp_path / "out.json")
    assert again.skeleton == dataset.skeleton
    for ours, theirs in zip(some, again, strict=True):
        assert again.file(theirs).is_file()
        assert_same_points(ours.instances[0], theirs.instances[0])
        assert theirs.instances[0].box_from_points
