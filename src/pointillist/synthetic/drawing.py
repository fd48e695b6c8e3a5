"""From the creature to the picture plane: camera, painter's order, and what covers what."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from pointillist.dataset import HIDDEN, NOT_ANNOTATED, VISIBLE
from pointillist.synthetic.anatomy import OWN_PARTS, PARTS, SKELETON, Body

#: Samples per pixel, along x and along y, of which the picture is the mean.
SUPERSAMPLING = 2
#: Label of the background, and of things in front of the creature, in a map of pieces.
BACKGROUND, FRONT = 0, 255

_FRACTION_BITS = 4
_ARC = np.linspace(0.0, 1.0, 11)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks at the origin of creature coordinates.

    Args:
        yaw: where it stands, in degrees from straight ahead of the creature to its left.
        elevation: how high it stands, in degrees.
        roll: turn of the picture, in degrees, clockwise.
        distance: from the origin, in trunk lengths.
        scale: pixels per unit at that distance.
        center: x, y of the origin in the picture, in pixels.
    """

    yaw: float
    elevation: float
    roll: float
    distance: float
    scale: float = 1.0
    center: tuple[float, float] = (0.0, 0.0)

    def axes(self) -> np.ndarray:
        """(3, 3) rows: right, down and forward of the picture in creature coordinates."""
        yaw, elevation, roll = (math.radians(v) for v in (self.yaw, self.elevation, self.roll))
        forward = -np.array((
            math.cos(yaw) * math.cos(elevation),
            math.sin(yaw) * math.cos(elevation),
            math.sin(elevation),
        ))  # fmt: skip
        right = np.array((-math.sin(yaw), math.cos(yaw), 0.0))
        down = np.cross(forward, right)
        c, s = math.cos(roll), math.sin(roll)
        return np.stack((c * right - s * down, s * right + c * down, forward))

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(N, 3) points -> (N, 2) pixels, (N,) depth, (N,) pixels per unit at that depth."""
        seen = points @ self.axes().T
        depth = seen[:, 2] + self.distance
        zoom = self.scale * self.distance / depth
        return seen[:, :2] * zoom[:, None] + self.center, depth, zoom


@dataclass(frozen=True)
class Outline:
    """The N pieces in the picture, the farthest first: axis (in pixels), radii, depth.

    ``body_piece`` (N,) is the index of each in the :class:`Body`.
    """

    start: np.ndarray
    end: np.ndarray
    start_radius: np.ndarray
    end_radius: np.ndarray
    depth: np.ndarray
    body_piece: np.ndarray


def sample_camera(rng: np.random.Generator, body: Body, size: tuple[int, int]) -> Camera:
    """A camera that sees the creature from some side, mostly whole.

    Two in three views are from the side, give or take; the others from anywhere. One in twelve
    comes so close that something is cut off.
    """
    if rng.random() < 2 / 3:
        yaw = rng.choice((-90, 90)) + rng.normal(0, 28)
    else:
        yaw = rng.uniform(-180, 180)
    camera = Camera(
        yaw=yaw,
        elevation=float(np.clip(rng.normal(12, 14), -12, 55)),
        roll=rng.normal(0, 9),
        distance=math.exp(rng.uniform(math.log(2.6), math.log(9))),
    )
    flat = outline(body, camera)
    ends = np.concatenate((flat.start, flat.end))
    radii = np.concatenate((flat.start_radius, flat.end_radius))[:, None]
    low, high = (ends - radii).min(axis=0), (ends + radii).max(axis=0)
    fill = rng.uniform(1.0, 1.22) if rng.random() < 1 / 12 else rng.uniform(0.55, 0.95)
    frame = np.array(size, dtype=float)
    scale = fill * float((frame / (high - low)).min())
    slack = np.abs(frame - scale * (high - low)) / 2
    center = frame / 2 + rng.uniform(-1, 1, 2) * slack - scale * (low + high) / 2
    return Camera(camera.yaw, camera.elevation, camera.roll, camera.distance, scale, tuple(center))


def outline(body: Body, camera: Camera) -> Outline:
    """Projects the pieces and sorts them, the farthest first."""
    start, start_depth, start_zoom = camera.project(body.start)
    end, end_depth, end_zoom = camera.project(body.end)
    depth = (start_depth + end_depth) / 2
    order = np.argsort(-(depth - body.forward), kind="stable")
    return Outline(
        start=start[order],
        end=end[order],
        start_radius=(body.start_radius * start_zoom)[order],
        end_radius=(body.end_radius * end_zoom)[order],
        depth=depth[order],
        body_piece=order,
    )


def piece_map(flat: Outline, size: tuple[int, int]) -> np.ndarray:
    """Paints the pieces over each other.

    Args:
        flat: at most 254 pieces, the farthest first.
        size: width and height of the picture.

    Returns:
        (S H, S W) uint8 with S = :data:`SUPERSAMPLING`: 1 + index of the piece in front, or
        :data:`BACKGROUND`.
    """
    pieces = np.full((size[1] * SUPERSAMPLING, size[0] * SUPERSAMPLING), BACKGROUND, dtype=np.uint8)
    polygons = _polygons(flat.start, flat.end, flat.start_radius, flat.end_radius)
    for label, polygon in enumerate(polygons, start=1):
        cv2.fillConvexPoly(pieces, polygon, label, shift=_FRACTION_BITS)
    return pieces


def paint_stick(
    pieces: np.ndarray, start: np.ndarray, end: np.ndarray, start_radius: float, end_radius: float
) -> None:
    """Paints one tapered stick in front of everything; lengths in the picture's pixels."""
    polygon = _polygons(start[None], end[None], np.array([start_radius]), np.array([end_radius]))[0]
    cv2.fillConvexPoly(pieces, polygon, FRONT, shift=_FRACTION_BITS)


def _polygons(a: np.ndarray, b: np.ndarray, ra: np.ndarray, rb: np.ndarray) -> np.ndarray:
    """Hulls of two circles each: (N, V, 1, 2) int32 vertices, fixed-point, for OpenCV.

    OpenCV counts pixels from their centres, hence the half less; and it fills the pixels on the
    outline too, hence the radius reduced by as much.
    """
    a, b = a * SUPERSAMPLING - 0.5, b * SUPERSAMPLING - 0.5
    ra, rb = (np.maximum(r * SUPERSAMPLING - 0.5, 0.6) for r in (ra, rb))
    along = b - a
    length = np.hypot(along[:, 0], along[:, 1])
    # One circle within the other: the hull is the larger one alone.
    nested = length <= np.abs(ra - rb)
    larger = nested & (rb > ra)
    a = np.where(larger[:, None], b, a)
    b = np.where(nested[:, None], a, b)
    ra = np.where(larger, rb, ra)
    rb = np.where(nested, ra, rb)
    heading = np.arctan2(along[:, 1], along[:, 0])[:, None]
    spread = np.arccos(np.clip((ra - rb) / np.maximum(length, 1e-9), -1, 1))[:, None]
    around_a = heading + spread + (2 * np.pi - 2 * spread) * _ARC
    around_b = heading - spread + 2 * spread * _ARC
    vertices = np.concatenate(
        (
            a[:, None] + ra[:, None, None] * np.stack((np.cos(around_a), np.sin(around_a)), -1),
            b[:, None] + rb[:, None, None] * np.stack((np.cos(around_b), np.sin(around_b)), -1),
        ),
        axis=1,
    )
    return np.rint(vertices * (1 << _FRACTION_BITS)).astype(np.int32)[:, :, None]


def visibility(points: np.ndarray, pieces: np.ndarray, flat: Outline, body: Body) -> np.ndarray:
    """(K,) whether each point is seen: read off the drawing, at the sample that holds the point.

    Visible where a part that the point lies on is in front, hidden where another one is, not
    annotated outside the picture.
    """
    height, width = pieces.shape
    column, row = np.floor(points * SUPERSAMPLING).astype(int).T
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    seen = np.full(len(points), NOT_ANNOTATED, dtype=np.int8)
    part_names = np.array(PARTS)[body.part[flat.body_piece]]
    for k in np.flatnonzero(inside):
        label = pieces[row[k], column[k]]
        own = label not in (BACKGROUND, FRONT) and (
            part_names[label - 1] in OWN_PARTS[SKELETON.keypoints[k]]
        )
        seen[k] = VISIBLE if own else HIDDEN
    return seen
