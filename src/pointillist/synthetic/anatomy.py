"""The creature in three dimensions: proportions and pose drawn from a random generator.

Creature coordinates: x forward, y to the creature's own left, z up; the trunk is about one unit
long. Left and right have equal proportions and no marks: as with real animals, only the way it
faces tells them apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pointillist.skeleton import Skeleton

_LEGS = ("left_front", "right_front", "left_hind", "right_hind")

#: What the drawing is made of. Visibility is decided per part, the coat's colours too.
PARTS = (
    "chest", "belly", "rump", "neck", "head", "nose", "tail",
    "left_eye", "right_eye", "left_ear", "right_ear",
    *(f"{leg}_{piece}" for leg in _LEGS for piece in ("upper", "lower", "paw")),
)  # fmt: skip

_KEYPOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "withers", "tail_base", "tail_tip",
    "left_elbow", "right_elbow", "left_front_paw", "right_front_paw",
    "left_knee", "right_knee", "left_hind_paw", "right_hind_paw",
)  # fmt: skip

#: The parts that a keypoint lies on: it is visible where one of these is in front.
OWN_PARTS = {
    "nose": ("nose",),
    "left_eye": ("left_eye",),
    "right_eye": ("right_eye",),
    "left_ear": ("left_ear",),
    "right_ear": ("right_ear",),
    "withers": ("chest",),
    "tail_base": ("rump", "tail"),
    "tail_tip": ("tail",),
    "left_elbow": ("left_front_upper", "left_front_lower"),
    "right_elbow": ("right_front_upper", "right_front_lower"),
    "left_front_paw": ("left_front_lower", "left_front_paw"),
    "right_front_paw": ("right_front_lower", "right_front_paw"),
    "left_knee": ("left_hind_upper", "left_hind_lower"),
    "right_knee": ("right_hind_upper", "right_hind_lower"),
    "left_hind_paw": ("left_hind_lower", "left_hind_paw"),
    "right_hind_paw": ("right_hind_lower", "right_hind_paw"),
}


def _edges() -> tuple[tuple[int, int], ...]:
    names = (
        "nose left_eye, nose right_eye, left_eye left_ear, right_eye right_ear, nose withers, "
        "withers tail_base, tail_base tail_tip, "
        "withers left_elbow, left_elbow left_front_paw, "
        "withers right_elbow, right_elbow right_front_paw, "
        "tail_base left_knee, left_knee left_hind_paw, "
        "tail_base right_knee, right_knee right_hind_paw"
    )
    pairs = (pair.split() for pair in names.split(", "))
    return tuple((_KEYPOINTS.index(a), _KEYPOINTS.index(b)) for a, b in pairs)


SKELETON = Skeleton(
    keypoints=_KEYPOINTS,
    edges=_edges(),
    flip_pairs=tuple(
        (i, _KEYPOINTS.index(name.replace("left", "right")))
        for i, name in enumerate(_KEYPOINTS)
        if name.startswith("left")
    ),
    name="creature",
    torso=(_KEYPOINTS.index("withers"), _KEYPOINTS.index("tail_base")),
)


@dataclass(frozen=True)
class Body:
    """A posed creature: N short tapered pieces and its keypoints, in creature coordinates.

    Args:
        points: (K, 3) the keypoints, in the order of :data:`SKELETON`.
        start, end: (N, 3) the two ends of each piece's axis.
        start_radius, end_radius: (N,) thickness of the piece at its ends.
        part: (N,) index into :data:`PARTS`.
        forward: (N,) how much nearer than its axis a piece counts in the painter's order: small
            things that sit on a surface must not vanish in it.
        along: (N, 2) distance of start and end from the part's root, for the coat's texture.
        open: (N, 2) bool: the part goes on beyond the start, beyond the end.
    """

    points: np.ndarray
    start: np.ndarray
    end: np.ndarray
    start_radius: np.ndarray
    end_radius: np.ndarray
    part: np.ndarray
    forward: np.ndarray
    along: np.ndarray
    open: np.ndarray


def sample_body(rng: np.random.Generator) -> Body:
    """A creature with random proportions in a random pose."""
    return _Builder(rng).build()


@dataclass(frozen=True)
class _Pose:
    """Angles in degrees. Swing: forward of straight down; flex: of the elbow or knee."""

    pitch: float  # of the trunk, nose up
    front_swing: tuple[float, float]  # left, right
    front_flex: tuple[float, float]
    hind_swing: tuple[float, float]
    hind_flex: tuple[float, float]


def _sample_pose(rng: np.random.Generator) -> _Pose:
    kind = rng.choice(5, p=(0.5, 0.22, 0.11, 0.11, 0.06))

    def pair(mean: float, spread: float, low: float = -100, high: float = 170) -> tuple:
        return tuple(np.clip(rng.normal(mean, spread, 2), low, high))

    if kind == 0:  # stands or walks
        pitch = rng.normal(0, 5)
        legs = pair(-12, 19), pair(28, 17, 4), pair(18, 18), pair(38, 16, 8)
    elif kind == 1:  # runs: the two legs of a pair go together, the pairs apart or together
        reach = rng.uniform(-1, 1)
        pitch = rng.normal(0, 10)
        legs = (
            pair(50 * reach - 10, 16), pair(55, 30, 5),
            pair(rng.choice((-45, 30)) * reach + 10, 16), pair(55, 25, 8),
        )  # fmt: skip
    elif kind == 2:  # sits
        pitch = rng.uniform(28, 55)
        legs = pair(-8, 10), pair(14, 8, 2), pair(82, 10), pair(130, 10)
    elif kind == 3:  # lies or crouches
        pitch = rng.normal(0, 6)
        legs = pair(-35, 15), pair(110, 20), pair(70, 12), pair(140, 12)
    else:  # rears up
        pitch = rng.uniform(35, 70)
        legs = pair(45, 25), pair(60, 30, 5), pair(10, 15), pair(25, 14, 5)
    return _Pose(pitch, *legs)


def _direction(yaw: float, pitch: float) -> np.ndarray:
    """Unit vector; angles in degrees, yaw to the left, pitch up."""
    y, p = math.radians(yaw), math.radians(pitch)
    return np.array((math.cos(p) * math.cos(y), math.cos(p) * math.sin(y), math.sin(p)))


def _frame(yaw: float, pitch: float, roll: float = 0.0) -> tuple[np.ndarray, ...]:
    """Forward, left and up of a part that points along yaw and pitch, rolled about forward."""
    forward = _direction(yaw, pitch)
    left = _direction(yaw + 90, 0)
    up = np.cross(forward, left)
    c, s = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    return forward, c * left + s * up, c * up - s * left


class _Builder:
    """Puts the parts together, from the trunk outwards."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.points: dict[str, np.ndarray] = {}
        self.pieces: list[tuple] = []

    def build(self) -> Body:
        rng = self.rng
        self.pose = _sample_pose(rng)
        self.girth = rng.uniform(0.14, 0.25)  # radius of the trunk
        self.leg_length = rng.uniform(0.42, 0.95)
        self.leg_radius = rng.uniform(0.035, 0.075)
        bend = rng.normal(0, 11)
        front = _frame(bend, self.pose.pitch + rng.normal(0, 5))
        rear = _frame(-bend, self.pose.pitch + rng.normal(0, 5))
        self.trunk(front, rear)
        for side, name in ((1, "left"), (-1, "right")):
            i = 0 if side == 1 else 1
            self.leg(f"{name}_front", side, front, self.pose.front_swing[i],
                     self.pose.front_flex[i], f"{name}_elbow")  # fmt: skip
            self.leg(f"{name}_hind", side, rear, self.pose.hind_swing[i],
                     -self.pose.hind_flex[i], f"{name}_knee")  # fmt: skip
        self.head(front, bend)
        self.tail(rear, bend)
        columns = [np.array(column) for column in zip(*self.pieces, strict=True)]
        return Body(np.array([self.points[name] for name in SKELETON.keypoints]), *columns)

    def add(
        self,
        part: str,
        chain: list[np.ndarray],
        radii: list[float],
        cuts: int = 1,
        forward: float = 0.0,
        open: tuple[bool, bool] = (False, False),
    ) -> None:
        """Adds a chain of tapered pieces, each cut into short ones so that depth sorts them.

        ``open``: whether another part continues it smoothly at its start, at its end.
        """
        index, along, first, last = PARTS.index(part), 0.0, chain[0], chain[-1]
        for a, b, ra, rb in zip(chain[:-1], chain[1:], radii[:-1], radii[1:], strict=True):
            length = float(np.linalg.norm(b - a))
            for k in range(cuts):
                u, v = k / cuts, (k + 1) / cuts
                self.pieces.append((
                    a + u * (b - a), a + v * (b - a), ra + u * (rb - ra), ra + v * (rb - ra),
                    index, forward, (along + u * length, along + v * length),
                    (open[0] or k > 0 or a is not first, open[1] or v < 1 or b is not last),
                ))  # fmt: skip
            along += length

    def trunk(self, front: tuple[np.ndarray, ...], rear: tuple[np.ndarray, ...]) -> None:
        rng, girth = self.rng, self.girth
        self.chest_radius = girth * rng.uniform(0.9, 1.15)
        self.rump_radius = girth * rng.uniform(0.8, 1.05)
        belly_radius = girth * rng.uniform(0.8, 1.1)
        self.chest = 0.5 * front[0]
        self.rump = -0.5 * rear[0]
        near, far = 0.18 * front[0], -0.18 * rear[0]
        self.add("chest", [self.chest, near], [self.chest_radius, belly_radius], 3,
                 open=(False, True))  # fmt: skip
        self.add("belly", [near, 0 * near, far], [belly_radius] * 3, 2, open=(True, True))
        self.add("rump", [far, self.rump], [belly_radius, self.rump_radius], 3,
                 open=(True, False))  # fmt: skip
        self.points["withers"] = (
            self.chest - 0.4 * self.chest_radius * front[0] + 0.72 * self.chest_radius * front[2]
        )

    def leg(
        self,
        name: str,
        side: int,
        frame: tuple[np.ndarray, ...],
        swing: float,
        flex: float,
        joint: str,
    ) -> None:
        rng = self.rng
        front = "front" in name
        root, radius = (self.chest, self.chest_radius) if front else (self.rump, self.rump_radius)
        inward = -0.35 if front else 0.3
        top = root + radius * (inward * frame[0] + 0.66 * side * frame[1] - 0.2 * frame[2])
        ahead = _direction(math.degrees(math.atan2(frame[0][1], frame[0][0])), 0)
        outward = math.radians(rng.normal(5, 6))

        def along(angle: float) -> np.ndarray:
            a = math.radians(angle)
            plane = math.cos(a) * np.array((0.0, 0.0, -1.0)) + math.sin(a) * ahead
            return math.cos(outward) * plane + math.sin(outward) * side * frame[1]

        upper = self.leg_length * (0.46 if front else 0.5)
        bend = top + upper * along(swing)
        paw = bend + (self.leg_length - upper) * along(swing + flex)
        thigh = self.leg_radius * (1.5 if front else 2.0)
        r = self.leg_radius
        self.add(f"{name}_upper", [top, bend], [thigh, r], 3)
        self.add(f"{name}_lower", [bend, paw], [r, 0.72 * r], 3)
        toes = paw + 1.3 * r * ahead + 0.2 * r * along(swing + flex)
        self.add(f"{name}_paw", [paw, toes], [0.95 * r, 0.85 * r])
        self.points[joint] = bend
        self.points[f"{name}_paw"] = paw

    def head(self, front: tuple[np.ndarray, ...], bend: float) -> None:
        rng = self.rng
        size = rng.uniform(0.11, 0.19)
        # One that rears or sits carries its neck up; one that stands may graze.
        rise = np.clip(rng.normal(32, 27) + 0.4 * self.pose.pitch, -45, 80)
        turn = bend + rng.normal(0, 20)
        neck_radius = rng.uniform(0.6, 0.95) * min(self.chest_radius, 1.3 * size)
        length = rng.uniform(0.18, 0.55) + 0.3 * self.chest_radius
        root = self.chest + self.chest_radius * (0.35 * front[0] + 0.25 * front[2])
        skull = root + length * _direction(turn, rise)
        self.add("neck", [root, skull], [0.85 * self.chest_radius, neck_radius], 4)

        ahead, left, up = _frame(
            turn + rng.normal(0, 32),
            np.clip(rng.normal(-14, 20), rise - 100, rise + 30),
            rng.normal(0, 8),
        )
        muzzle_radius = size * rng.uniform(0.42, 0.72)
        tip = skull + ahead * size * rng.uniform(0.9, 2.1) - 0.15 * size * up
        self.add("head", [skull, tip], [size, muzzle_radius], 3)
        nose = tip + muzzle_radius * (0.7 * ahead + 0.25 * up)
        nose_radius = muzzle_radius * rng.uniform(0.4, 0.6)
        self.add("nose", [nose, nose], [nose_radius] * 2, forward=0.5 * muzzle_radius)
        self.points["nose"] = nose

        ear_length, ear_radius = size * rng.uniform(0.6, 2.2), size * rng.uniform(0.25, 0.5)
        lift = rng.uniform(-75, 85)  # hangs or stands
        back = rng.uniform(-0.6, 0.2)
        eye_radius = size * rng.uniform(0.17, 0.27)
        for side, name in ((1, "left"), (-1, "right")):
            eye = skull + size * (0.5 * ahead + 0.68 * side * left + 0.42 * up)
            self.add(f"{name}_eye", [eye, eye], [eye_radius] * 2, forward=0.18 * size)
            self.points[f"{name}_eye"] = eye
            root = skull + size * (-0.15 * ahead + 0.62 * side * left + 0.55 * up)
            angle = math.radians(lift + rng.normal(0, 10))
            way = math.cos(angle) * side * left + math.sin(angle) * up + back * ahead
            ear = root + ear_length * way / np.linalg.norm(way)
            self.add(f"{name}_ear", [root, ear], [ear_radius, 0.3 * ear_radius], 2)
            self.points[f"{name}_ear"] = ear

    def tail(self, rear: tuple[np.ndarray, ...], bend: float) -> None:
        rng = self.rng
        base = self.rump + self.rump_radius * (-0.7 * rear[0] + 0.5 * rear[2])
        steps = 6
        length = rng.uniform(0.2, 0.95) / steps
        rise, curl = rng.uniform(-70, 50), rng.normal(0, 18)
        turn, sway = 180 - bend + rng.normal(0, 25), rng.normal(0, 14)
        radius = rng.uniform(0.025, 0.06)
        taper = rng.uniform(0.4, 1.3)
        chain = [base]
        for k in range(steps):
            chain.append(chain[-1] + length * _direction(turn + k * sway, rise + k * curl))
        self.add("tail", chain, [radius * (1 + (taper - 1) * k / steps) for k in range(steps + 1)])
        self.points["tail_base"], self.points["tail_tip"] = chain[0], chain[-1]
