"""Small data sets that the format tests make: image files, and hypothesis strategies."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from hypothesis import strategies as st

from pointillist.dataset import Dataset, Image, Instance
from pointillist.skeleton import Skeleton


def make_image(path: Path, width: int = 8, height: int = 6, seed: int = 0) -> Path:
    """Writes noise, in the format that the suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), pixels)
    return path


#: Far outside any image too: a point may be cut off by the frame.
coordinates = st.floats(-500, 5000, allow_nan=False, width=32)
boxes = st.tuples(coordinates, coordinates, st.floats(1, 2000), st.floats(1, 2000))


@st.composite
def instances(
    draw: st.DrawFn, keypoints: int, levels: tuple[int, ...] = (0, 1, 2), least: int = 0
) -> Instance:
    """An instance with a box of its own, of which at least ``least`` points are annotated."""
    visibility = draw(
        st.lists(st.sampled_from(levels), min_size=keypoints, max_size=keypoints).filter(
            lambda values: sum(v > 0 for v in values) >= least
        )
    )
    points = draw(
        st.lists(st.tuples(coordinates, coordinates), min_size=keypoints, max_size=keypoints)
    )
    return Instance(np.array(points), np.array(visibility), box=draw(boxes))


@st.composite
def datasets(
    draw: st.DrawFn,
    root: Path,
    skeleton: Skeleton,
    levels: tuple[int, ...] = (0, 1, 2),
    most: int = 2,
    least_points: int = 0,
) -> Dataset:
    """One to four images with up to ``most`` instances each; the files are made by the test."""
    count = draw(st.integers(1, 4))
    images = [
        Image(
            f"pictures/p{i}.png",
            width=8,
            height=6,
            instances=draw(st.lists(instances(len(skeleton), levels, least_points), max_size=most)),
            id=i + 1,
        )
        for i in range(count)
    ]
    return Dataset(skeleton, images, root=root)


def assert_same_points(ours: Instance, theirs: Instance, within: float = 0.01) -> None:
    """The same points are annotated, at the same places."""
    assert (ours.annotated == theirs.annotated).all()
    np.testing.assert_allclose(ours.points, theirs.points, atol=within)
