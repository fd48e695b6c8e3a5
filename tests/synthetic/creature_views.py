"""Bodies and views that several tests of the built-in data share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pointillist.synthetic.anatomy import SKELETON, Body, sample_body
from pointillist.synthetic.drawing import Camera


def body_of(seed: int) -> Body:
    """The body that a seed gives."""
    return sample_body(np.random.default_rng(seed))


def mirror_body(body: Body) -> Body:
    """The mirror image in three dimensions; what was left is right, and is called so."""
    over = np.array((1.0, -1.0, 1.0))
    return replace(
        body,
        points=(body.points * over)[SKELETON.flip_order],
        start=body.start * over,
        end=body.end * over,
    )


def mirror_camera(camera: Camera, width: int) -> Camera:
    """The camera that sees the mirrored body as the mirror image of the picture."""
    return replace(
        camera,
        yaw=-camera.yaw,
        roll=-camera.roll,
        center=(width - camera.center[0], camera.center[1]),
    )


def spheres(
    centers: list[tuple[float, float, float]], radii: list[float], parts: list[int]
) -> Body:
    """A body of spheres, with all its points in the first one."""
    at, radius = np.array(centers), np.array(radii)
    return Body(
        points=np.tile(at[0], (len(SKELETON), 1)),
        start=at,
        end=at,
        start_radius=radius,
        end_radius=radius,
        part=np.array(parts),
        forward=np.zeros(len(at)),
        along=np.zeros((len(at), 2)),
        open=np.zeros((len(at), 2), dtype=bool),
    )
