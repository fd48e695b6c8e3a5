"""Skeleton: what the keypoints are called, which are joined, which are left and right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from pointillist.errors import DataError, did_you_mean

#: OKS sigmas of the 17 COCO person keypoints, as published with the data set.
COCO_PERSON_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072,
    0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089,
)  # fmt: skip

#: Sigma of a keypoint of which nobody measured one (the value commonly used for new skeletons).
DEFAULT_SIGMA = 0.05

_LEFT = ("left", "l")
_RIGHT = {"left": "right", "l": "r"}


@dataclass(frozen=True)
class Skeleton:
    """Names, edges, left-right pairs and OKS sigmas of K keypoints.

    Args:
        keypoints: K distinct names, in the order of every array of points.
        edges: pairs of indices to draw as lines.
        flip_pairs: pairs of indices (left, right) that a mirror image exchanges.
        sigmas: K OKS sigmas, or none (then :data:`DEFAULT_SIGMA`, or COCO's for COCO's people).
        name: what the skeleton is of, e.g. ``person``.
        head: indices of the two points that span the head (PCKh), where there are such.
        torso: indices of the two points that span the torso (PCK by torso), where there are such.

    Raises:
        DataError: names repeat, an index is out of range, or a point is in two pairs.
    """

    keypoints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()
    flip_pairs: tuple[tuple[int, int], ...] = ()
    sigmas: tuple[float, ...] | None = None
    name: str = "object"
    head: tuple[int, int] | None = None
    torso: tuple[int, int] | None = None
    _index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "keypoints", tuple(str(name) for name in self.keypoints))
        set_(self, "edges", tuple((int(a), int(b)) for a, b in self.edges))
        set_(self, "flip_pairs", tuple((int(a), int(b)) for a, b in self.flip_pairs))
        if self.sigmas is not None:
            set_(self, "sigmas", tuple(float(s) for s in self.sigmas))
        set_(self, "_index", {name: i for i, name in enumerate(self.keypoints)})
        self._check()

    def _check(self) -> None:
        count = len(self.keypoints)
        if count == 0:
            raise DataError("a skeleton needs at least one keypoint")
        if len(self._index) != count:
            twice = next(n for n in self.keypoints if self.keypoints.count(n) > 1)
            raise DataError(f"keypoint '{twice}' is named twice in the skeleton")
        spans = [pair for pair in (self.head, self.torso) if pair is not None]
        for pair in (*self.edges, *self.flip_pairs, *spans):
            if not all(0 <= i < count for i in pair):
                raise DataError(f"{pair} points outside the skeleton's {count} keypoints")
        used = [i for pair in self.flip_pairs for i in pair]
        if len(used) != len(set(used)):
            raise DataError("a keypoint is in two left-right pairs")
        if self.sigmas is not None and len(self.sigmas) != count:
            raise DataError(f"{len(self.sigmas)} sigmas for {count} keypoints")
        if self.sigmas is not None and not all(np.isfinite(s) and s > 0 for s in self.sigmas):
            raise DataError("OKS sigmas must be positive numbers")

    def __len__(self) -> int:
        return len(self.keypoints)

    def index(self, name: str) -> int:
        """The position of a keypoint; an unknown name gets the nearest known one."""
        try:
            return self._index[name]
        except KeyError:
            raise DataError(
                f"there is no keypoint '{name}'", do=did_you_mean(name, self.keypoints)
            ) from None

    @property
    def flip_order(self) -> np.ndarray:
        """(K,) int: ``mirrored_points[flip_order]`` has its lefts and rights put right again."""
        order = np.arange(len(self))
        for left, right in self.flip_pairs:
            order[left], order[right] = right, left
        return order

    @property
    def oks_sigmas(self) -> np.ndarray:
        """(K,) float: the given sigmas, or COCO's for COCO's people, or the default."""
        if self.sigmas is not None:
            return np.array(self.sigmas)
        return np.full(len(self), DEFAULT_SIGMA)

    def values(self) -> dict[str, Any]:
        """Everything about it as plain values, for JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Skeleton:
        """The skeleton that gave these values."""
        known: dict[str, Any] = {}
        for name in (f.name for f in fields(cls) if f.init and f.name in values):
            value = values[name]
            known[name] = tuple(value) if isinstance(value, list) else value
        return cls(**known)


def find_flip_pairs(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Left-right pairs by name: ``left_eye``/``right_eye``, ``L_Ear``/``R_Ear``, ``paw_l``/...

    A name is split into words at separators, case changes and digits; it is a left one if exactly
    one word is ``left`` or ``l``. Its partner has ``right`` or ``r`` in that place and is
    otherwise equal. Names such as ``paw1LH`` and ``paw4RH`` are not guessed at: say those pairs.

    Returns:
        pairs (left, right) of indices, in the order of the left names.
    """
    words = [tuple(w.lower() for w in _split_name(name)) for name in names]
    where = {w: i for i, w in reversed(list(enumerate(words)))}
    pairs = []
    for i, name in enumerate(words):
        marks = [k for k, word in enumerate(name) if word in _LEFT]
        if len(marks) != 1:
            continue
        k = marks[0]
        partner = where.get((*name[:k], _RIGHT[name[k]], *name[k + 1 :]))
        if partner is not None:
            pairs.append((i, partner))
    return tuple(pairs)


def with_flip_pairs(skeleton: Skeleton, pairs: Sequence[tuple[str, str]]) -> Skeleton:
    """The skeleton with these left-right pairs of names instead of its own.

    Raises:
        DataError: a name is not known, or is in two pairs or twice in one.
    """
    index = [(skeleton.index(left), skeleton.index(right)) for left, right in pairs]
    return replace(skeleton, flip_pairs=tuple(index))


def doubtful_sides(skeleton: Skeleton) -> list[str]:
    """Keypoints in no left-right pair whose names look as if they had a side.

    That is a word ``left``, ``right``, ``l`` or ``r`` without its partner, or such a letter before
    another one, as in ``paw1LH`` and ``paw4RH``.
    """
    paired = {k for pair in skeleton.flip_pairs for k in pair}
    return [
        name
        for k, name in enumerate(skeleton.keypoints)
        if k not in paired
        and any(re.fullmatch(r"(?i:left|right|l|r)|[LR][A-Z]", w) for w in _split_name(name))
    ]


def side_problems(skeleton: Skeleton) -> list[str]:
    """A line on the keypoints of :func:`doubtful_sides`, if there are any."""
    doubtful = doubtful_sides(skeleton)
    if not doubtful:
        return []
    then = (
        "a mirror image leaves them as they are"
        if skeleton.flip_pairs
        else "as no pairs are known, training mirrors no image"
    )
    return [
        f"no left-right partner was found by name for {', '.join(doubtful)}: {then}; if they have "
        "sides, name all pairs (train --flip-pair LEFT,RIGHT)"
    ]


def _split_name(name: str) -> list[str]:
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
