"""The built-in data as a whole."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pointillist.dataset import HIDDEN, VISIBLE
from pointillist.errors import ConfigError, DataError
from pointillist.formats import open_dataset
from pointillist.images import read_image
from pointillist.synthetic import SKELETON, draw_creature, make_dataset


def test_the_same_seed_gives_the_same_bytes_in_any_order_and_process() -> None:
    first = {seed: draw_creature(seed, (96, 64))[0] for seed in (3, 11)}
    again = {seed: draw_creature(seed, (96, 64))[0] for seed in (11, 3)}
    for seed, picture in first.items():
        np.testing.assert_array_equal(picture, again[seed])
    assert (first[3] != first[11]).any()
    script = (
        "import hashlib; from pointillist.synthetic import draw_creature; "
        "picture, instance = draw_creature(11, (96, 64)); "
        "print(hashlib.sha256(picture.tobytes() + instance.points.tobytes()).hexdigest())"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()
    here = first[11].tobytes() + draw_creature(11, (96, 64))[1].points.tobytes()
    assert elsewhere == hashlib.sha256(here).hexdigest()


@pytest.mark.parametrize("size", [(128, 128), (96, 64), (50, 120)])
def test_shapes_boxes_and_points(size: tuple[int, int]) -> None:
    width, height = size
    for seed in range(25):
        picture, instance = draw_creature(seed, size)
        assert picture.shape == (height, width, 3)
        assert picture.dtype == np.uint8
        assert instance.box is not None
        assert instance.area is not None
        x, y, w, h = instance.box
        assert min(x, y) >= 0
        assert x + w <= width
        assert y + h <= height
        assert 0 < instance.area < w * h
        points = instance.points[instance.annotated]
        # Every keypoint lies in the silhouette, hence in its tight box.
        assert (points >= (x, y)).all()
        assert (points <= (x + w, y + h)).all()
        assert len(points) >= 8


def test_pose_view_and_visibility_vary() -> None:
    instances = [draw_creature(seed, (64, 64))[1] for seed in range(150)]
    seen = np.stack([instance.visibility for instance in instances])
    points = np.stack([instance.points for instance in instances])
    assert 0.5 < np.mean(seen == VISIBLE) < 0.85
    assert 0.15 < np.mean(seen == HIDDEN) < 0.5
    assert 0 < np.mean(seen == 0) < 0.04
    for k in range(len(SKELETON)):
        assert (seen[:, k] == VISIBLE).any()
        assert (seen[:, k] == HIDDEN).any()
    # It faces left and right about as often.
    facing = points[:, SKELETON.index("withers"), 0] - points[:, SKELETON.index("tail_base"), 0]
    assert 0.35 < np.nanmean(facing > 0) < 0.65
    # No point has a fixed place in the box.
    boxes = np.array([instance.box for instance in instances])
    in_box = (points - boxes[:, None, :2]) / boxes[:, None, 2:]
    assert (np.nanstd(in_box, axis=0) > (0.12, 0.09)).all()
    assert np.std(boxes[:, 2] / boxes[:, 3]) > 0.3
    assert np.std(boxes[:, 2:].max(axis=1)) > 5


def test_make_dataset_can_be_opened(tmp_path: Path) -> None:
    made = make_dataset(tmp_path / "creatures", 6, seed=4, size=(64, 48), labeled=2)
    read = open_dataset(tmp_path / "creatures")
    for dataset in (made, read):
        assert len(dataset) == 6
        assert [image.labeled for image in dataset] == [True] * 2 + [False] * 4
        assert [image.path for image in dataset][:2] == ["images/000000.jpg", "images/000001.jpg"]
        # The boxes of those without labels stay: a crop needs them.
        assert all(len(image.instances) + len(image.boxes) == 1 for image in dataset)
    assert read.skeleton == SKELETON
    assert read.problems == []
    for one, other in zip(made.labeled, read.labeled, strict=True):
        np.testing.assert_allclose(
            one.instances[0].points, other.instances[0].points, atol=0.01, equal_nan=True
        )
        np.testing.assert_array_equal(one.instances[0].visibility, other.instances[0].visibility)
    for image in read:
        assert read_image(read.file(image)).shape == (48, 64, 3)


def test_an_image_depends_on_the_seed_and_its_place_alone(tmp_path: Path) -> None:
    few = make_dataset(tmp_path / "few", 2, seed=9, size=(48, 48))
    more = make_dataset(tmp_path / "more", 3, seed=9, size=(48, 48), labeled=0)
    other = make_dataset(tmp_path / "other", 2, seed=10, size=(48, 48))
    for i in range(2):
        assert few.file(few[i]).read_bytes() == more.file(more[i]).read_bytes()
        assert few.file(few[i]).read_bytes() != other.file(other[i]).read_bytes()


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="31x64 is too small"):
        draw_creature(0, (31, 64))
    with pytest.raises(ConfigError, match="-1: it must not be negative"):
        draw_creature(-1)
    with pytest.raises(ConfigError, match="3 labelled of 2 images"):
        make_dataset(tmp_path / "new", 2, labeled=3)
    with pytest.raises(ConfigError, match="0 labelled of 0 images"):
        make_dataset(tmp_path / "new", 0)
    assert not (tmp_path / "new").exists()
    (tmp_path / "mine.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(DataError, match="not an empty folder"):
        make_dataset(tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
