"""Files that moved: found by name, said, and never two images in one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.formats import open_dataset
from pointillist.formats.moved import find_images, search


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")


def named(root: Path, *paths: str) -> Dataset:
    return Dataset(None, [Image(path) for path in paths], root)


def test_the_folders_decide_between_equal_names(tmp_path: Path) -> None:
    """Every recording of DeepLabCut's has an img0001.png."""
    touch(tmp_path / "new" / "a" / "1.png", tmp_path / "new" / "b" / "1.png")
    found = find_images(named(tmp_path / "old", "x/b/1.png", "x\\a\\1.png"), tmp_path / "new")
    files = [(tmp_path / "old" / image.path).relative_to(tmp_path / "new") for image in found]
    assert files == [Path("b/1.png"), Path("a/1.png")]
    assert found.problems[0].startswith(
        f"2 files have moved and were found by name below {tmp_path / 'new'}: x/b/1.png -> "
    )


def test_one_file_is_never_two_images(tmp_path: Path) -> None:
    touch(tmp_path / "new" / "a" / "1.png")
    result = search(["a/1.png", "b/1.png"], [tmp_path])
    assert result.found == {"a/1.png": (tmp_path / "new" / "a" / "1.png", tmp_path)}
    assert result.lost == ["b/1.png"]
    equal = search(["b/1.png", "c/1.png"], [tmp_path])
    assert equal.found == {}
    assert [line.partition(" ")[0] for line in equal.torn] == ["b/1.png", "c/1.png"]
    assert "2 images fit" in equal.torn[0]


def test_a_file_that_another_image_stands_for_is_not_taken(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "1.png")
    found = find_images(named(tmp_path, "a/1.png", "b/1.png"), tmp_path)
    assert [image.path for image in found] == ["a/1.png", "b/1.png"]
    assert found.problems == [f"1 file is missing, also below {tmp_path}: b/1.png"]


def test_pictures_with_labels_drawn_in_are_not_taken(tmp_path: Path) -> None:
    """DeepLabCut makes them of every image, under the same name."""
    touch(tmp_path / "rec_labeled" / "1.png")
    with pytest.raises(DataError, match=r"rec/1\.png.*--images"):
        find_images(named(tmp_path, "rec/1.png"), tmp_path)
    assert search(["rec_labeled/1.png"], [tmp_path]).found  # unless they are what is meant


def test_the_named_folder_comes_before_the_datas_own(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    touch(own / "x" / "1.png", other / "y" / "1.png")
    found = find_images(named(own, "1.png"), own, other)
    assert found.file(found[0]) == (other / "y" / "1.png").resolve()


def test_a_folder_within_the_other_is_not_two(tmp_path: Path) -> None:
    touch(tmp_path / "in" / "1.png")
    found = find_images(named(tmp_path, "1.png"), tmp_path, tmp_path / "in")
    assert found[0].path == "in/1.png"


def coco(folder: Path, *names: str) -> Path:
    """An annotation file without annotations, which a training needs the images of."""
    content = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
        "categories": [{"id": 1, "name": "dot", "keypoints": ["centre"]}],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labels.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "labels.json"


def test_coco_looks_below_its_folder_where_no_image_is_in_the_usual_places(tmp_path: Path) -> None:
    file = coco(tmp_path, "1.png")
    touch(tmp_path / "photos" / "june" / "1.png")
    dataset = open_dataset(file)
    assert dataset.file(dataset[0]).is_file()
    assert "1 file has moved and was found by name" in dataset.problems[0]


def test_coco_without_its_images_can_be_opened_still(tmp_path: Path) -> None:
    dataset = open_dataset(coco(tmp_path / "in", "1.png"))
    assert len(dataset) == 1
    assert "no image was found (such as 1.png)" in dataset.problems[0]
    touch(tmp_path / "elsewhere" / "1.png")
    found = open_dataset(tmp_path / "in", images=tmp_path / "elsewhere")
    assert found.file(found[0]).is_file()
    assert len(found.problems) == 1
    with pytest.raises(DataError, match="none of the 1 images"):
        open_dataset(tmp_path / "in", images=tmp_path / "in")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder to look for images in"):
        open_dataset(coco(tmp_path, "1.png"), images=tmp_path / "nowhere")
