"""Coat, light and surroundings."""

from __future__ import annotations

import numpy as np
from creature_views import body_of

from pointillist.synthetic.anatomy import PARTS, Body
from pointillist.synthetic.drawing import (
    BACKGROUND,
    FRONT,
    SUPERSAMPLING,
    Camera,
    Outline,
    outline,
    piece_map,
)
from pointillist.synthetic.scene import paint_front, paint_picture, sample_coat

SIZE = (120, 90)


def _view(seed: int) -> tuple[Body, Outline, np.ndarray]:
    body = body_of(seed)
    camera = Camera(yaw=70, elevation=10, roll=0, distance=5, scale=35, center=(60, 40))
    flat = outline(body, camera)
    return body, flat, piece_map(flat, SIZE)


def _paint(seed: int, pieces: np.ndarray, flat: Outline, body: Body) -> np.ndarray:
    shadow = np.array([(30.0, 70.0), (90.0, 70.0), (60.0, 80.0)])
    return paint_picture(np.random.default_rng(seed), pieces, flat, body, shadow, SIZE)


def test_the_picture_shows_the_creature_where_the_map_has_it() -> None:
    margin = 3  # pixels that the camera's blur and the samples on the edge may spread over
    found = []
    for seed in range(12):
        body, flat, pieces = _view(seed)
        with_it = _paint(seed, pieces, flat, body)
        without = _paint(seed, np.zeros_like(pieces), flat, body)
        assert with_it.shape == (SIZE[1], SIZE[0], 3)
        assert with_it.dtype == np.uint8
        differs = (with_it != without).any(axis=2)
        rows, columns = np.nonzero(pieces)
        low = np.array((columns.min(), rows.min())) / SUPERSAMPLING
        high = np.array((columns.max() + 1, rows.max() + 1)) / SUPERSAMPLING
        y, x = np.nonzero(differs)
        # Same seed, same surroundings, same noise: only the creature makes a difference.
        assert (np.array((x.min(), y.min())) >= low - margin).all()
        assert (np.array((x.max(), y.max())) <= high + margin).all()
        full = (pieces != BACKGROUND).reshape(SIZE[1], 2, SIZE[0], 2).all(axis=(1, 3))
        found.append(np.mean(differs[full]))
    assert np.mean(found) > 0.9


def test_coats_light_and_surroundings_vary() -> None:
    body, flat, pieces = _view(3)
    pictures = np.stack([_paint(seed, pieces, flat, body) for seed in range(40)]).astype(float)
    inside = (pieces != BACKGROUND)[::SUPERSAMPLING, ::SUPERSAMPLING]
    for region in (inside, ~inside):
        mean = pictures[:, region].mean(axis=1)  # (40, 3)
        assert (mean.std(axis=0) > 20).all()
    assert {sample_coat(np.random.default_rng(seed)).kind for seed in range(40)} == {
        "plain",
        "stripes",
        "spots",
        "patches",
        "gradient",
    }


def test_eyes_are_dark_on_most() -> None:
    eye = PARTS.index("left_eye")
    coats = [sample_coat(np.random.default_rng(seed)) for seed in range(60)]
    assert all(coat.part_mix[eye] == 1 for coat in coats)
    assert 0.4 < np.mean([coat.part_colors[eye].max() < 0.25 for coat in coats]) < 0.9


def test_coats_are_the_same_left_and_right() -> None:
    for seed in range(20):
        coat = sample_coat(np.random.default_rng(seed))
        for i, part in enumerate(PARTS):
            other = part.replace("left", "right")
            np.testing.assert_array_equal(coat.part_colors[i], coat.part_colors[PARTS.index(other)])


def test_stalks_stand_before_some_creatures() -> None:
    count = 0
    for seed in range(80):
        pieces = np.full((180, 240), 1, dtype=np.uint8)
        paint_front(np.random.default_rng(seed), pieces, SIZE)
        assert set(np.unique(pieces)) <= {1, FRONT}
        count += (pieces == FRONT).any()
    assert 10 < count < 35
