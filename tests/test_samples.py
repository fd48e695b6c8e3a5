from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core_cases import SKELETON, dot_image
from pointillist.crops import CropSpec
from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.samples import (
    Sample,
    all_samples,
    decode_sample,
    labeled_samples,
    points_of,
    unlabeled_samples,
)

BOX = (1.0, 2.0, 30.0, 20.0)


def instance(*, labeled: bool = True, **options: object) -> Instance:
    points = np.full((3, 2), 5.0)
    return Instance(points, np.full(3, 2 if labeled else 0), **options)  # type: ignore[arg-type]


def dataset(*images: Image) -> Dataset:
    return Dataset(SKELETON, list(images), Path("root"))


def test_labeled_samples() -> None:
    both = Image("a.png", instances=[instance(box=BOX), instance(box=BOX, labeled=False)])
    crowd = Image("b.png", instances=[instance(box=BOX, crowd=True)])
    boxless = Image("c.png", instances=[instance()])
    samples = labeled_samples(dataset(both, crowd, boxless, Image("d.png")))
    assert [(s.file.name, s.box) for s in samples] == [("a.png", BOX), ("c.png", None)]
    assert samples[0].instance is both.instances[0]
    assert samples[0].file == Path("root/a.png")


def test_unlabeled_samples_have_boxes_but_nothing_else() -> None:
    images = [
        Image("a.png", instances=[instance(box=BOX), instance(box=(0, 0, 9, 9))]),
        Image("b.png", instances=[instance(box=BOX, box_from_points=True)]),
        Image("c.png", boxes=[BOX]),
        Image("d.png"),
    ]
    samples = unlabeled_samples(dataset(*images))
    expected = [("a.png", BOX), ("a.png", (0, 0, 9, 9)), ("b.png", None), ("c.png", BOX)]
    assert [(s.file.name, s.box) for s in samples] == [*expected, ("d.png", None)]
    assert all(s.instance is None and not s.image.instances for s in samples)


def test_all_samples_for_prediction() -> None:
    images = [
        Image("a.png", instances=[instance(box=BOX), instance(labeled=False, box=(0, 0, 9, 9))]),
        Image("b.png", boxes=[BOX, (0, 0, 9, 9)]),
        Image("c.png"),
    ]
    samples = all_samples(dataset(*images))
    boxes = [s.box for s in samples]
    assert boxes == [BOX, (0, 0, 9, 9), BOX, (0, 0, 9, 9), None]


def test_points_of() -> None:
    points, visibility = np.array([[1.0, 2], [3, 4], [9, 9]]), np.array([2, 1, 0])
    known = Instance(points, visibility, absent=np.array([False, False, True]))
    image = Image("a.png")
    samples = [Sample(Path("a.png"), image, None, known), Sample(Path("a.png"), image, None)]
    points, annotated, absent = points_of(samples, 3)
    assert points.shape == (2, 3, 2)
    assert annotated.tolist() == [[True, True, False], [False, False, False]]
    assert points[0, 1].tolist() == [3, 4]
    assert np.isnan(points[~annotated]).all()
    assert absent.tolist() == [[False, False, True], [False, False, False]]


def test_a_crop_maps_back_to_its_file(tmp_path: Path) -> None:
    import cv2

    picture = dot_image(60, 40, [(31.25, 17.5)], 3.0, 100 * np.ones((1, 3)))
    cv2.imwrite(str(tmp_path / "a.png"), picture[..., ::-1])
    sample = Sample(tmp_path / "a.png", Image("a.png"), (11, 7, 40, 20))
    crop = decode_sample(sample, CropSpec(32, 16, margin=1.2))
    assert crop.pixels.shape == (16, 32, 3)
    assert crop.file_size == (60, 40)
    # 48x24 pixels of the file from (7, 5) on, at a scale of 2/3.
    corners = crop.to_file @ np.array([[0, 32], [0, 16], [1, 1]])
    assert corners[:2].T.tolist() == pytest.approx(np.array([[7, 5], [55, 29]]))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    sample = Sample(tmp_path / "none.png", Image("none.png"), None)
    with pytest.raises(DataError, match=r"none\.png"):
        decode_sample(sample, CropSpec(32, 16, 1.5))
