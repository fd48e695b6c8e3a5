"""The creature in three dimensions."""

from __future__ import annotations

import numpy as np
import pytest
from creature_views import body_of

from pointillist.skeleton import find_flip_pairs
from pointillist.synthetic.anatomy import OWN_PARTS, PARTS, SKELETON


def test_skeleton() -> None:
    assert len(SKELETON) == 16
    # By hand: nose, withers, tail base and tail tip have no partner, the other 12 have one.
    names = [(SKELETON.keypoints[a], SKELETON.keypoints[b]) for a, b in SKELETON.flip_pairs]
    assert names == [
        ("left_eye", "right_eye"),
        ("left_ear", "right_ear"),
        ("left_elbow", "right_elbow"),
        ("left_front_paw", "right_front_paw"),
        ("left_knee", "right_knee"),
        ("left_hind_paw", "right_hind_paw"),
    ]
    assert SKELETON.flip_pairs == find_flip_pairs(SKELETON.keypoints)
    assert {i for edge in SKELETON.edges for i in edge} == set(range(16))
    assert SKELETON.torso == (SKELETON.index("withers"), SKELETON.index("tail_base"))


def test_edges_keep_to_their_side() -> None:
    order = SKELETON.flip_order
    edges = {frozenset(edge) for edge in SKELETON.edges}
    assert {frozenset((order[a], order[b])) for a, b in SKELETON.edges} == edges


def test_every_keypoint_lies_on_parts_that_exist() -> None:
    assert set(OWN_PARTS) == set(SKELETON.keypoints)
    assert {part for parts in OWN_PARTS.values() for part in parts} <= set(PARTS)


def test_every_part_is_there() -> None:
    assert set(body_of(0).part) == set(range(len(PARTS)))


@pytest.mark.parametrize("seed", range(20))
def test_points_lie_within_their_own_parts(seed: int) -> None:
    body = body_of(seed)
    for name, point in zip(SKELETON.keypoints, body.points, strict=True):
        own = np.isin(body.part, [PARTS.index(part) for part in OWN_PARTS[name]])
        start, along = body.start[own], body.end[own] - body.start[own]
        length = np.maximum((along**2).sum(axis=1), 1e-12)
        u = np.clip(((point - start) * along).sum(axis=1) / length, 0, 1)
        distance = np.linalg.norm(start + u[:, None] * along - point, axis=1)
        radius = body.start_radius[own] + u * (body.end_radius - body.start_radius)[own]
        assert (distance <= radius).any(), name


@pytest.mark.parametrize("seed", range(20))
def test_left_is_on_the_left_and_front_in_front(seed: int) -> None:
    body = body_of(seed)
    roots = {
        part: body.start[body.part == PARTS.index(f"{part}_upper")][0]
        for part in ("left_front", "right_front", "left_hind", "right_hind")
    }
    assert roots["left_front"][1] > roots["right_front"][1]
    assert roots["left_hind"][1] > roots["right_hind"][1]
    # When it rears, the legs' roots are still in that order along the trunk.
    withers, tail_base = (body.points[i] for i in SKELETON.torso)
    for side in ("left", "right"):
        assert (roots[f"{side}_front"] - roots[f"{side}_hind"]) @ (withers - tail_base) > 0


def test_it_is_articulated() -> None:
    bodies = [body_of(seed) for seed in range(200)]

    def spread(bone: str, root: str) -> float:
        """Circular spread, in degrees, of a bone's direction in the plane x, z."""
        angles = []
        for body in bodies:
            x, _, z = body.points[SKELETON.index(bone)] - body.points[SKELETON.index(root)]
            angles.append(np.arctan2(z, x))
        return float(np.degrees(np.sqrt(-2 * np.log(np.abs(np.exp(1j * np.array(angles)).mean())))))

    assert spread("left_front_paw", "left_elbow") > 25
    assert spread("right_hind_paw", "right_knee") > 25
    assert spread("tail_tip", "tail_base") > 25
    assert spread("withers", "tail_base") > 10
