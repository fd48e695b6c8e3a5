"""COCO's categories <-> Skeleton: names, edges, and this project's extra keys.

Extra keys of a category: ``flip_pairs``, ``sigmas``, ``head``, ``torso``. Points in them are
names, or indices from 0. Without ``flip_pairs`` left and right are found by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointillist.errors import DataError, did_you_mean
from pointillist.formats.base import located, read_numbers
from pointillist.skeleton import COCO_PERSON_SIGMAS, Skeleton, find_flip_pairs

#: Keypoints of COCO's people, in COCO's order.
COCO_PERSON = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip


@dataclass(frozen=True)
class Categories:
    """What the ``categories`` of a file say.

    Args:
        skeleton: the keypoints that all categories with keypoints share; none if there is none.
        names: category id -> name, for those with keypoints. None where the name is the
            skeleton's own, which needs no repeating on every instance.
        others: category id -> name, for those without keypoints.
        pairs_given: whether the file says which points are left and right.
    """

    skeleton: Skeleton | None
    names: dict[int, str | None]
    others: dict[int, str]
    pairs_given: bool = False


def read_categories(entries: Any, where: Path) -> Categories:
    """Reads ``categories``.

    Raises:
        DataError: ids repeat, an entry is broken, or two categories have different keypoints.
    """
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError("'categories' is not a list of objects", where=where)
    with_points, others = {}, {}
    for i, entry in enumerate(entries):
        number = entry.get("id")
        if isinstance(number, bool) or not isinstance(number, int):
            raise DataError("the category has no 'id' number", where=where, row=f"categories[{i}]")
        if number in with_points or number in others:
            raise DataError(f"two categories have the id {number}", where=where)
        if entry.get("keypoints"):
            with_points[number] = entry
        else:
            others[number] = str(entry.get("name", number))
    if not with_points:
        return Categories(None, {}, others)
    first = next(iter(with_points.values()))
    for entry in with_points.values():
        if entry["keypoints"] != first["keypoints"]:
            raise DataError(
                f"categories '{first.get('name')}' and '{entry.get('name')}' have different "
                "keypoints; a data set has one skeleton",
                where=where,
                do="Put each skeleton's annotations into a file of its own.",
            )
    with located(where, f"category '{first.get('name', first['id'])}'"):
        skeleton = _read_skeleton(first, _skeleton_name(list(with_points.values())))
    names = {number: str(entry.get("name", number)) for number, entry in with_points.items()}
    return Categories(
        skeleton,
        {n: None if name == skeleton.name else name for n, name in names.items()},
        others,
        pairs_given="flip_pairs" in first,
    )


def write_categories(skeleton: Skeleton, names: Sequence[str]) -> list[dict[str, Any]]:
    """One category for each name, numbered from 1, all with the skeleton's keypoints."""
    points = skeleton.keypoints
    entry: dict[str, Any] = {
        "supercategory": skeleton.name,
        "keypoints": list(points),
        "skeleton": [[a + 1, b + 1] for a, b in skeleton.edges],
        "flip_pairs": [[points[a], points[b]] for a, b in skeleton.flip_pairs],
    }
    if skeleton.sigmas is not None:
        entry["sigmas"] = list(skeleton.sigmas)
    for key, pair in (("head", skeleton.head), ("torso", skeleton.torso)):
        if pair is not None:
            entry[key] = [points[i] for i in pair]
    return [{"id": i, "name": name, **entry} for i, name in enumerate(names, start=1)]


def _skeleton_name(entries: list[dict[str, Any]]) -> str:
    """What the skeleton is of: the categories' common supercategory, or the only category."""
    above = {str(entry["supercategory"]) for entry in entries if entry.get("supercategory")}
    if len(above) == 1:
        return above.pop()
    return str(entries[0].get("name", "object")) if len(entries) == 1 else "object"


def _read_skeleton(entry: dict[str, Any], name: str) -> Skeleton:
    points = entry["keypoints"]
    if not isinstance(points, list) or not all(isinstance(point, str) for point in points):
        raise DataError("'keypoints' is not a list of names")
    person = name == "person" and tuple(points) == COCO_PERSON
    sigmas = entry.get("sigmas")
    if sigmas is not None:
        sigmas = tuple(read_numbers(sigmas, "sigmas"))
    elif person:
        sigmas = COCO_PERSON_SIGMAS
    flip_pairs = entry.get("flip_pairs")
    if flip_pairs is None:
        flip_pairs = find_flip_pairs(points)
    else:
        flip_pairs = [_read_pair(pair, points, "flip_pairs") for pair in _a_list(flip_pairs)]
    torso = ["right_shoulder", "left_hip"] if person else None
    return Skeleton(
        tuple(points),
        edges=_read_edges(entry.get("skeleton") or [], points),
        flip_pairs=tuple(flip_pairs),
        sigmas=sigmas,
        name=name,
        head=_read_pair(entry["head"], points, "head") if entry.get("head") else None,
        torso=_read_pair(torso, points, "torso") if (torso := entry.get("torso", torso)) else None,
    )


def _read_edges(pairs: Any, points: list[str]) -> tuple[tuple[int, int], ...]:
    """COCO counts the points of an edge from 1; ATRW and some others from 0, which shows."""
    edges = [_read_pair(pair, points, "skeleton", check=False) for pair in _a_list(pairs)]
    numbered = any(isinstance(end, int) for pair in pairs for end in pair)
    first = 1 if numbered and not any(0 in edge for edge in edges) else 0
    return tuple((a - first, b - first) for a, b in edges)


def _read_pair(pair: Any, points: list[str], key: str, check: bool = True) -> tuple[int, int]:
    """Two names or two numbers -> two numbers; the numbers as they stand."""
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise DataError(f"'{key}' holds {pair!r}, which is no pair")
    ends = []
    for end in pair:
        if isinstance(end, str) and end not in points:
            raise DataError(
                f"'{key}' names an unknown keypoint '{end}'", do=did_you_mean(end, points)
            )
        number = points.index(end) if isinstance(end, str) else end
        if isinstance(number, bool) or not isinstance(number, int):
            raise DataError(f"'{key}' holds {pair!r}, which is no pair of keypoints")
        if check and not 0 <= number < len(points):
            raise DataError(f"'{key}' holds {number}, but there are {len(points)} keypoints")
        ends.append(number)
    return (ends[0], ends[1])


def _a_list(value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise DataError(f"a list of pairs is needed, not {value!r}")
    return list(value)
