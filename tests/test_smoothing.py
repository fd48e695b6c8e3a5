from __future__ import annotations

import numpy as np
import pytest

from pointillist.dataset import Image, Instance
from pointillist.skeleton import Skeleton
from pointillist.smoothing import Smoother, smooth_series

TWO = Skeleton(("nose", "tail"))


def _instance(x: float, y: float = 0.0) -> Instance:
    points = np.array([[x, y], [x + 40, y + 40]])
    return Instance(points, np.array([2, 2]), box=(x, y, 40, 40))


def _run(frames: list[Image]) -> list[tuple[Image, list[np.ndarray]]]:
    smoother = Smoother(TWO)
    ready = [item for frame in frames for item in smoother.add(frame)]
    return [*ready, *smoother.finish()]


def test_a_parabola_stays_and_a_jump_goes() -> None:
    t = np.arange(20.0)
    path = np.stack([t, 0.1 * t**2], axis=-1)[:, None]
    inner = slice(4, -4)  # the median flattens the ends
    assert smooth_series(path)[inner] == pytest.approx(path[inner])
    jumped = path.copy()
    jumped[10] += 50
    # The neighbours' median stands in: a step or two of the path, not the jump of 50.
    assert smooth_series(jumped)[10, 0] == pytest.approx(path[10, 0], abs=2)
    trembling = path + np.random.default_rng(0).normal(0, 1, path.shape)
    error = np.abs(smooth_series(trembling) - path)[inner].mean()
    assert error < 0.8 * np.abs(trembling - path)[inner].mean()


def test_short_series_are_left_alone() -> None:
    points = np.arange(24.0).reshape(6, 2, 2) ** 2
    assert (smooth_series(points) == points).all()


def test_piece_by_piece_is_the_same_as_all_at_once() -> None:
    rng = np.random.default_rng(0)
    path = rng.normal(0, 3, (700, 2)).cumsum(axis=0)
    frames = [Image("v.mp4", frame=i, instances=[_instance(x, y)]) for i, (x, y) in enumerate(path)]
    results = _run(frames)
    assert [image.frame for image, _ in results] == list(range(700))
    pieces = np.stack([smooth[0] for _, smooth in results])
    whole = smooth_series(np.stack([frame.instances[0].points for frame in frames]))
    assert pieces == pytest.approx(whole)


def test_few_frames_are_held() -> None:
    smoother = Smoother(TWO)
    held, most = 0, 0
    for i in range(2000):
        held += 1 - sum(1 for _ in smoother.add(Image("v", frame=i, instances=[_instance(i)])))
        most = max(most, held)
    assert most < 300


def test_a_gap_in_the_frames_ends_a_series() -> None:
    numbers = [*range(10), *range(15, 25)]
    jump = [Image("v", frame=i, instances=[_instance(0 if i < 12 else 500)]) for i in numbers]
    for image, smooth in _run(jump):
        assert smooth[0] == pytest.approx(image.instances[0].points)


def test_objects_keep_apart_when_their_order_changes() -> None:
    left, right = (lambda i: _instance(i)), (lambda i: _instance(300 - i))
    frames = []
    for i in range(30):
        pair = [left(i), right(i)]
        frames.append(Image("v", frame=i, instances=pair if i % 3 else pair[::-1]))
    for image, smooth in _run(frames)[4:-4]:
        for instance, points in zip(image.instances, smooth, strict=True):
            assert points == pytest.approx(instance.points)


def test_frames_without_objects_pass() -> None:
    frames = [Image("v", frame=i, instances=[_instance(5)] if i % 4 else []) for i in range(20)]
    assert [len(smooth) for _, smooth in _run(frames)] == [len(f.instances) for f in frames]
