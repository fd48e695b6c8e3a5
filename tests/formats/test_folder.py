"""A plain folder of images: all of them, in natural order, unlabelled."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_data import make_image

from pointillist.errors import DataError
from pointillist.formats import open_dataset
from pointillist.formats.folder import read_files


def test_all_images_below_a_folder_in_natural_order(tmp_path: Path) -> None:
    for name in ("b/10.png", "b/9.jpg", "a.png"):
        make_image(tmp_path / name)
    (tmp_path / "readme.txt").touch()
    dataset = open_dataset(tmp_path)
    assert [image.path for image in dataset] == ["a.png", "b/9.jpg", "b/10.png"]
    assert [image.id for image in dataset] == [1, 2, 3]
    assert dataset.skeleton is None
    assert dataset.labeled == []
    assert all(dataset.file(image).is_file() for image in dataset)


def test_one_image_file_is_a_data_set_too(tmp_path: Path) -> None:
    make_image(tmp_path / "a.png")
    dataset = open_dataset(tmp_path / "a.png")
    assert [dataset.file(image) for image in dataset] == [(tmp_path / "a.png").absolute()]


def test_files_keep_their_order(tmp_path: Path) -> None:
    files = [make_image(tmp_path / name) for name in ("b.png", "a.png", "c/d.png")]
    dataset = read_files(files)
    assert [dataset.file(image) for image in dataset] == [file.absolute() for file in files]


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no image in this folder.*Image files end in"):
        open_dataset(tmp_path)
    (tmp_path / "a.mp4").touch()
    with pytest.raises(DataError, match=r"there is no image in this folder.*Name its videos"):
        open_dataset(tmp_path)


def test_missing_or_no_files_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: there is no such image file"):
        read_files([tmp_path / "gone.png"])
    with pytest.raises(DataError, match="no image is given"):
        read_files([])
