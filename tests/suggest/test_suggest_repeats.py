"""Near repeats: neighbouring frames, and pictures that look alike in the same pose."""

from __future__ import annotations

import numpy as np

from pointillist.identity import Key
from pointillist.suggest.observation import Observations
from pointillist.suggest.repeats import NEIGHBOURS, Repeats


def repeats(keys: list[Key], grey: list[float], pose: list[float]) -> Repeats:
    """Images of one grey value each, with one point at (pose, 0)."""
    points = np.zeros((len(keys), 1, 1, 2))
    points[:, 0, 0, 0] = pose
    thumbnail = np.repeat(np.array(grey)[:, None], 4, axis=1)
    empty = np.zeros((len(keys), 1))
    return Repeats(keys, Observations(points, empty[..., None], empty, empty, thumbnail))


def test_neighbouring_frames_of_one_video() -> None:
    keys: list[Key] = [("a", 100), ("a", 100 + NEIGHBOURS - 1), ("a", 100 + NEIGHBOURS), ("b", 100)]
    far = [0.0, 0.3, 0.6, 0.9]
    assert repeats(keys, far, far).of(0).tolist() == [1]
    assert repeats(keys, far, far).of(1).tolist() == [0, 2]


def test_still_images_of_one_name_are_not_frames() -> None:
    assert repeats([("a", None), ("a", None)], [0.0, 0.5], [0.0, 0.5]).of(0).tolist() == []


def test_alike_needs_the_picture_and_the_pose() -> None:
    keys: list[Key] = [(name, None) for name in "abcd"]
    found = repeats(keys, grey=[0.50, 0.51, 0.50, 0.60], pose=[0.50, 0.51, 0.60, 0.50])
    assert found.of(0).tolist() == [1]  # c has moved, d looks different
    assert found.of(3).tolist() == []
