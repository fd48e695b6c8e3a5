"""The camera, the painter's order, and what covers what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from creature_views import body_of, mirror_body, mirror_camera, spheres

from pointillist.dataset import HIDDEN, NOT_ANNOTATED, VISIBLE
from pointillist.synthetic.anatomy import OWN_PARTS, PARTS, SKELETON
from pointillist.synthetic.drawing import (
    BACKGROUND,
    FRONT,
    SUPERSAMPLING,
    Camera,
    outline,
    paint_stick,
    piece_map,
    sample_camera,
    visibility,
)

SIZE = (120, 90)  # not square


def test_a_camera_in_front_sees_the_left_on_the_right() -> None:
    camera = Camera(yaw=0, elevation=0, roll=0, distance=4, scale=10, center=(60, 45))
    points = np.array([(0, 0, 0), (0, 1, 0), (0, 0, 1), (2, 1, 0)], dtype=float)
    pixels, depth, zoom = camera.project(points)
    # The last point is at half the distance, and so twice as large.
    np.testing.assert_allclose(pixels, [(60, 45), (70, 45), (60, 35), (80, 45)], atol=1e-9)
    np.testing.assert_allclose(depth, [4, 4, 4, 2])
    np.testing.assert_allclose(zoom, [10, 10, 10, 20])


def test_a_camera_on_the_left_sees_the_front_on_the_left() -> None:
    camera = Camera(yaw=90, elevation=0, roll=0, distance=4, scale=10, center=(60, 45))
    pixels, _, _ = camera.project(np.array([(1.0, 0.0, 0.0)]))
    np.testing.assert_allclose(pixels, [(50, 45)], atol=1e-9)


def test_a_camera_above_sees_what_is_farther_higher() -> None:
    camera = Camera(yaw=0, elevation=90, roll=0, distance=4, scale=10, center=(60, 45))
    pixels, _, _ = camera.project(np.array([(-1.0, 0.0, 0.0)]))
    np.testing.assert_allclose(pixels, [(60, 35)], atol=1e-9)


def test_roll_is_clockwise() -> None:
    camera = Camera(yaw=0, elevation=0, roll=90, distance=4, scale=10, center=(60, 45))
    pixels, _, _ = camera.project(np.array([(0.0, 1.0, 0.0)]))  # to the right without roll
    np.testing.assert_allclose(pixels, [(60, 55)], atol=1e-9)


@pytest.mark.parametrize("center", [(60.0, 45.0), (31.3, 52.9), (77.75, 20.1)])
@pytest.mark.parametrize("radius", [3.0, 9.4])
def test_pixels_lie_where_the_points_say(center: tuple[float, float], radius: float) -> None:
    body = spheres([(0, 0, 0)], [radius], [0])
    camera = Camera(yaw=20, elevation=10, roll=5, distance=100, scale=1, center=center)
    pieces = piece_map(outline(body, camera), SIZE)
    rows, columns = np.nonzero(pieces)
    # A sample's centre lies half a sample from its edge.
    middle = (np.array((columns.mean(), rows.mean())) + 0.5) / SUPERSAMPLING
    np.testing.assert_allclose(middle, center, atol=0.1)
    area = len(rows) / SUPERSAMPLING**2
    assert area == pytest.approx(np.pi * radius**2, rel=0.1)


def test_a_stretched_piece_covers_the_hull_of_its_ends() -> None:
    body = spheres([(0, 0, 0)], [8], [0])
    stretched = replace(body, end=np.array([(0.0, 40.0, 0.0)]))
    camera = Camera(yaw=0, elevation=0, roll=0, distance=1e6, scale=1, center=(30, 45))
    area = np.count_nonzero(piece_map(outline(stretched, camera), SIZE)) / SUPERSAMPLING**2
    assert area == pytest.approx(np.pi * 8**2 + 40 * 16, rel=0.03)


def test_what_is_nearer_hides_what_is_farther() -> None:
    eye, body_part = PARTS.index("left_eye"), PARTS.index("belly")
    apart = Camera(yaw=0, elevation=0, roll=0, distance=100, scale=1, center=(60, 45))
    # The left eye, and a ball before it (x is towards this camera), behind it, beside it.
    left_eye = SKELETON.index("left_eye")
    for place, expected in (((10, 0, 0), HIDDEN), ((-10, 0, 0), VISIBLE), ((10, 20, 0), VISIBLE)):
        body = spheres([(0, 0, 0), place], [3, 6], [eye, body_part])
        flat = outline(body, apart)
        pieces = piece_map(flat, SIZE)
        points = apart.project(body.points)[0]
        seen = visibility(points, pieces, flat, body)
        assert seen[left_eye] == expected
        # The eye is nobody else's part, so the other keypoints there are covered by it.
        assert seen[SKELETON.index("nose")] == HIDDEN


def test_a_stick_in_front_hides_and_the_frame_cuts_off() -> None:
    nose = PARTS.index("nose")
    body = spheres([(0, 0, 0)], [5], [nose])
    camera = Camera(yaw=0, elevation=0, roll=0, distance=100, scale=1, center=(60, 45))
    flat = outline(body, camera)
    pieces = piece_map(flat, SIZE)
    k = SKELETON.index("nose")
    points = np.tile(camera.project(body.points)[0][:1], (len(SKELETON), 1))
    assert visibility(points, pieces, flat, body)[k] == VISIBLE
    paint_stick(pieces, np.array((60.0, 0.0)), np.array((60.0, 90.0)), 1.5, 1.5)
    assert pieces[90, 120] == FRONT
    assert visibility(points, pieces, flat, body)[k] == HIDDEN
    for outside in ((-0.01, 45), (120.01, 45), (60, -0.01), (60, 90.01)):
        points[k] = outside
        assert visibility(points, pieces, flat, body)[k] == NOT_ANNOTATED


@pytest.mark.parametrize("seed", range(30))
def test_visibility_agrees_with_the_drawing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    body = body_of(seed)
    camera = sample_camera(rng, body, SIZE)
    flat = outline(body, camera)
    pieces = piece_map(flat, SIZE)
    points, depths, _ = camera.project(body.points)
    seen = visibility(points, pieces, flat, body)
    for k, name in enumerate(SKELETON.keypoints):
        if seen[k] == NOT_ANNOTATED:
            assert (points[k] < 0).any() or (points[k] > SIZE).any()
            continue
        column, row = np.floor(points[k] * SUPERSAMPLING).astype(int)
        label = pieces[row, column]
        assert label != BACKGROUND, f"{name} lies outside the silhouette"
        # Without everything that is not its own the point's place shows one of its own parts.
        own = np.isin(body.part[flat.body_piece], [PARTS.index(p) for p in OWN_PARTS[name]])
        alone = type(flat)(**{field: value[own] for field, value in vars(flat).items()})
        assert piece_map(alone, SIZE)[row, column] != BACKGROUND, name
        if seen[k] == HIDDEN:
            # What covers it reaches nearer to the camera than the point.
            piece = label - 1
            thickness = max(body.start_radius[flat.body_piece[piece]],
                            body.end_radius[flat.body_piece[piece]])  # fmt: skip
            assert flat.depth[piece] - thickness < depths[k], name


@pytest.mark.parametrize("seed", range(10))
def test_the_mirrored_creature_is_the_mirrored_picture(seed: int) -> None:
    body = body_of(seed)
    camera = sample_camera(np.random.default_rng(seed), body, SIZE)
    mirrored, other = mirror_body(body), mirror_camera(camera, SIZE[0])
    points = camera.project(body.points)[0]
    expected = np.stack((SIZE[0] - points[:, 0], points[:, 1]), axis=1)[SKELETON.flip_order]
    np.testing.assert_allclose(other.project(mirrored.points)[0], expected, atol=1e-9)
    drawn = piece_map(outline(body, camera), SIZE)[:, ::-1]
    redrawn = piece_map(outline(mirrored, other), SIZE)
    # OpenCV rounds outlines in one direction: the silhouettes may differ by single samples.
    assert np.mean((drawn != BACKGROUND) != (redrawn != BACKGROUND)) < 0.004


def test_near_sides_are_seen_and_far_sides_hidden() -> None:
    seen_left: dict[str, list[bool]] = {name: [] for name in SKELETON.keypoints}
    for seed in range(60):
        body = body_of(seed)
        camera = Camera(yaw=90, elevation=5, roll=0, distance=6, scale=30, center=(60, 45))
        flat = outline(body, camera)
        seen = visibility(camera.project(body.points)[0], piece_map(flat, SIZE), flat, body)
        for name, value in zip(SKELETON.keypoints, seen, strict=True):
            if value != NOT_ANNOTATED:
                seen_left[name].append(value == VISIBLE)
    share = {name: np.mean(values) for name, values in seen_left.items()}
    for name in ("eye", "elbow", "knee"):
        assert share[f"left_{name}"] > 0.75
        assert share[f"left_{name}"] > share[f"right_{name}"] + 0.3


def test_the_creature_fills_the_frame_and_views_vary() -> None:
    sides, cut = [], 0
    for seed in range(150):
        body = body_of(seed)
        camera = sample_camera(np.random.default_rng(seed), body, SIZE)
        sides.append(np.sin(np.radians(camera.yaw)))
        points = camera.project(body.points)[0]
        inside = ((points >= 0) & (points <= SIZE)).all(axis=1)
        cut += not inside.all()
        assert inside.sum() >= 8
    sides = np.array(sides)
    assert 0.35 < np.mean(sides > 0) < 0.65  # from the left as often as from the right
    assert 0.5 < np.mean(np.abs(sides) > 0.8) < 0.9
    assert np.mean(np.abs(sides) < 0.5) > 0.08
    assert 1 <= cut < 0.15 * 150
