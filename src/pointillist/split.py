"""Splitting a data set: training (labelled and unlabelled), validation and test.

Parts are given by position (``train=0:7500``), by group (``train=1-30``, ``val=clip_01,clip_02``),
as a random share (``train=80%``), or as what no other part takes (``train=rest``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pointillist.dataset import Dataset, Image
from pointillist.errors import ConfigError, DataError, did_you_mean
from pointillist.formats import save_dataset
from pointillist.formats.base import summary
from pointillist.images import natural_key

#: What a split consists of. Training is written as its labelled and unlabelled images.
PARTS = ("train", "val", "test")

#: Names of the files that :func:`write_split` writes, and of the fields of :class:`Split`.
FILES = ("labeled", "unlabeled", "val", "test")

_REST = "rest"

#: Part -> positions of its images (or groups), in order.
_Positions = dict[str, np.ndarray]


@dataclass(frozen=True)
class Split:
    """A data set in four.

    Args:
        labeled: training images that keep their labels.
        unlabeled: the other training images, with nothing annotated.
        val, test: with their labels; empty where the split has no such part.
        notes: what is worth knowing, one line each.
    """

    labeled: Dataset
    unlabeled: Dataset
    val: Dataset
    test: Dataset
    notes: list[str] = field(default_factory=list)


def parse_ranges(texts: Iterable[str]) -> dict[str, str]:
    """``["train=0:7500", "val=7500:8000"]`` -> part -> range, for :func:`split_dataset`.

    Raises:
        ConfigError: a text is not of this form, or a part is named twice or unknown.
    """
    return _parse_parts(texts, "train=0:7500")


def parse_groups(texts: Iterable[str]) -> dict[str, str]:
    """``["train=1-30", "val=clip_01,clip_02"]`` -> part -> groups, for :func:`split_dataset`.

    Raises:
        ConfigError: a text is not of this form, or a part is named twice or unknown.
    """
    return _parse_parts(texts, "train=1-30")


def split_dataset(
    dataset: Dataset,
    *,
    ranges: Mapping[str, str | tuple[int, int]] | None = None,
    groups: Mapping[str, str] | None = None,
    labeled: str | int | None = None,
    seed: int = 0,
) -> Split:
    """Splits a data set; without ``ranges`` and ``groups`` all of it is for training.

    The labelled images are the first of one random order of the labelled training images, so
    that for one seed a smaller subset lies within every larger one.

    Args:
        dataset: as opened.
        ranges: part (``train``, ``val``, ``test``) -> positions ``(0, 7500)`` or ``0:7500``
            (counted from 0, the end not included), ``80%`` of the images by chance, or ``rest``.
        groups: part -> groups: names or numbers (``1-30,35,clip_07``), ``80%`` of the groups by
            chance, or ``rest``. A group's number is the one its name starts with (CUB's species)
            if every name starts with another one, else its place (from 1) in natural order. An
            image's group is the data set's, or its category where it has just one.
        labeled: how many training images keep their labels: ``5%`` of the labelled ones, or a
            number; none: all.
        seed: of everything that is left to chance.

    Raises:
        ConfigError: a part is unknown, not understood, empty or beyond the data, or parts overlap.
        DataError: no training image has a label, or there are no groups to split by.
    """
    if ranges is not None and groups is not None:
        raise ConfigError("a split is by range or by group, not by both")
    notes: list[str] = []
    if ranges is not None:
        where = _by_range(len(dataset), ranges, seed)
    elif groups is not None:
        where = _by_group(dataset, groups, seed)
    else:
        where = {"train": np.arange(len(dataset))}
    chosen = {part: [dataset[i] for i in where.get(part, [])] for part in PARTS}
    unused = len(dataset) - sum(len(images) for images in chosen.values())
    if unused:
        notes.append(f"{unused} images are in no part")
    torn = _torn_groups(chosen)
    if torn:
        notes.append(
            summary(torn, "group is in more than one part", "groups are in more than one part")
        )
    kept = _labeled_positions(chosen["train"], labeled, seed, dataset.root)
    rest = [image for i, image in enumerate(chosen["train"]) if i not in kept]
    return Split(
        labeled=dataset.subset([chosen["train"][i] for i in sorted(kept)], "labeled"),
        unlabeled=dataset.subset([image.without_labels() for image in rest], "unlabeled"),
        val=dataset.subset(chosen["val"], "val"),
        test=dataset.subset(chosen["test"], "test"),
        notes=notes,
    )


def write_split(split: Split, folder: str | Path) -> list[Path]:
    """Writes ``labeled.json``, ``unlabeled.json``, ``val.json`` and ``test.json`` (COCO).

    There is no annotation in ``unlabeled.json``; boxes that did not come from points stay, as
    the images' ``boxes``. A part without images has no file.

    Returns:
        the files.

    Raises:
        DataError: the folder holds a split already: a file of an older one would stay beside
            those of this one, or the data that is split would be lost.
    """
    folder = Path(folder)
    there = [f"{name}.json" for name in FILES if (folder / f"{name}.json").exists()]
    if there:
        raise DataError(
            f"there is a split here already: {', '.join(there)}",
            where=folder,
            do="Choose another folder, or remove them.",
        )
    written = []
    for name in FILES:
        part: Dataset = getattr(split, name)
        file = folder / f"{name}.json"
        if part.images:
            save_dataset(part, file, "coco")
            written.append(file)
    return written


def _parse_parts(texts: Iterable[str], example: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for text in texts:
        name, equals, value = (piece.strip() for piece in text.partition("="))
        if not equals or not value:
            raise ConfigError(f"'{text}' is not of the form {example}")
        _check_part(name)
        if name in parts:
            raise ConfigError(f"'{name}' is given twice: '{parts[name]}' and '{value}'")
        parts[name] = value
    return parts


def _check_part(name: str) -> None:
    if name not in PARTS:
        raise ConfigError(f"there is no part '{name}'", do=did_you_mean(name, PARTS))


def _by_range(count: int, ranges: Mapping[str, str | tuple[int, int]], seed: int) -> _Positions:
    given: dict[str, np.ndarray | float | str] = {}
    for part, value in ranges.items():
        if isinstance(value, str) and (value == _REST or value.endswith("%")):
            given[part] = value if value == _REST else _share(part, value)
            continue
        match = re.fullmatch(r"(\d*):(\d*)", value) if isinstance(value, str) else None
        if isinstance(value, str) and match is None:
            raise ConfigError(
                f"{part}={value} is no range; ranges are 0:7500 (from 0, the end not included), "
                f"80% or {_REST}"
            )
        if match is not None:
            start, stop = int(match[1] or 0), int(match[2] or count)
        else:
            start, stop = (int(v) for v in value)
        if not 0 <= start < stop:
            raise ConfigError(f"{part}={start}:{stop} holds no image")
        if stop > count:
            raise ConfigError(f"{part}={start}:{stop} reaches beyond the {count} images")
        given[part] = np.arange(start, stop)
    return _assign(count, given, seed, "image", [f"number {i}" for i in range(count)])


def _by_group(dataset: Dataset, groups: Mapping[str, str], seed: int) -> _Positions:
    members: dict[str, list[int]] = defaultdict(list)
    for i, image in enumerate(dataset):
        group = _group_of(image)
        if group is not None:
            members[group].append(i)
    if not members:
        raise DataError(
            "no image of this data set has a group", where=dataset.root, do="Split by range."
        )
    names = sorted(members, key=natural_key)
    given: dict[str, np.ndarray | float | str] = {}
    for part, value in groups.items():
        if value == _REST or value.endswith("%"):
            given[part] = value if value == _REST else _share(part, value)
        else:
            given[part] = np.array(_find_groups(part, value, names))
    chosen = _assign(len(names), given, seed, "group", [f"'{name}'" for name in names])
    return {
        part: np.sort([i for g in positions for i in members[names[g]]])
        for part, positions in chosen.items()
    }


def _find_groups(part: str, text: str, names: list[str]) -> list[int]:
    """Positions, in ``names``, of the groups that a text such as ``1-30,clip_07`` names."""
    numbers = _group_numbers(names)
    found: list[int] = []
    for token in (piece.strip() for piece in text.split(",")):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", token)
        if token in names:
            found.append(names.index(token))
        elif match is not None:
            wanted = range(int(match[1]), int(match[2] or match[1]) + 1)
            there = [numbers[n] for n in wanted if n in numbers]
            if not there:
                raise ConfigError(
                    f"{part}: there is no group of number {token}; there are {len(names)}, "
                    f"numbers {min(numbers)} to {max(numbers)}"
                )
            found += there
        else:
            do = did_you_mean(token, names[:50])
            if re.search(r"\w+=", token):
                do = "Say --groups once for each part: --groups train=1-30 --groups val=31-37."
            raise ConfigError(f"{part}: there is no group '{token}'", do=do)
    return list(dict.fromkeys(found))


def _group_numbers(names: list[str]) -> dict[int, int]:
    """Number -> position: the numbers that all names start with, else the places from 1."""
    leading = [re.match(r"\d+", name) for name in names]
    numbers = [int(match[0]) for match in leading if match is not None]
    if len(set(numbers)) < len(names):
        numbers = list(range(1, len(names) + 1))
    return {number: position for position, number in enumerate(numbers)}


def _share(part: str, text: str) -> float:
    """``80%`` -> 0.8."""
    try:
        value = float(text.removesuffix("%")) / 100
    except ValueError:
        raise ConfigError(f"{part}={text} is no percentage") from None
    if not 0 < value <= 1:
        raise ConfigError(f"{part}={text} is not between 0% and 100%")
    return value


def _assign(
    count: int,
    given: Mapping[str, np.ndarray | float | str],
    seed: int,
    what: str,
    labels: Sequence[str],
) -> _Positions:
    """Positions of every part: given ones first, then random shares of all, then the rest."""
    for part in given:
        _check_part(part)
    if "train" not in given:
        raise ConfigError("the split has no 'train'", do=f"Say train={_REST} for all that is left.")
    fixed = {part: value for part, value in given.items() if isinstance(value, np.ndarray)}
    taken = _without_overlap(fixed, what, labels)
    free = np.array([i for i in range(count) if i not in taken], dtype=np.int64)
    free = np.random.default_rng([seed, 1]).permutation(free)
    shares = {part: value for part, value in given.items() if isinstance(value, float)}
    # Rounded ends rather than rounded sizes, so that shares of 100 % in sum take everything.
    ends = [0, *(round(end * count) for end in np.cumsum(list(shares.values())).tolist())]
    if ends[-1] > len(free):
        raise ConfigError(
            f"{' and '.join(shares)} need {ends[-1]} {what}s by chance, but {len(free)} are left"
        )
    drawn = {p: free[a:b] for p, a, b in zip(shares, ends[:-1], ends[1:], strict=True)}
    rest = [part for part, value in given.items() if isinstance(value, str)]
    if len(rest) > 1:
        raise ConfigError(f"only one part can be the {_REST}, not {' and '.join(rest)}")
    parts = {**fixed, **drawn, **dict.fromkeys(rest, free[ends[-1] :])}
    for part, positions in parts.items():
        if len(positions) == 0:
            raise ConfigError(f"there is no {what} for '{part}'")
    return {part: np.sort(positions) for part, positions in parts.items()}


def _without_overlap(fixed: Mapping[str, np.ndarray], what: str, labels: Sequence[str]) -> set[int]:
    """All positions that the parts take together; one in two parts is an error."""
    owner: dict[int, str] = {}
    for part, positions in fixed.items():
        for i in positions.tolist():
            if i in owner:
                raise ConfigError(
                    f"'{owner[i]}' and '{part}' overlap: {what} {labels[i]} is in both"
                )
            owner[i] = part
    return set(owner)


def _labeled_positions(
    images: Sequence[Image], labeled: str | int | None, seed: int, root: Path
) -> set[int]:
    """Which training images keep their labels."""
    candidates = [i for i, image in enumerate(images) if image.labeled]
    if not candidates:
        raise DataError("no training image has a label", where=root)
    if labeled is None:
        return set(candidates)
    text = str(labeled).strip()
    if text.endswith("%"):
        count = round(_share("labeled", text) * len(candidates))
    elif text.isdigit():
        count = int(text)
    else:
        raise ConfigError(f"labeled={text} is neither a share such as 5% nor a number of images")
    if not 1 <= count <= len(candidates):
        raise ConfigError(
            f"labeled={text} is {count} images; there are {len(candidates)} labelled training "
            "images"
        )
    order = np.random.default_rng(seed).permutation(len(candidates))
    return {candidates[i] for i in order[:count]}


def _group_of(image: Image) -> str | None:
    if image.group is not None:
        return image.group
    categories = {i.category for i in image.instances}
    return categories.pop() if len(categories) == 1 else None


def _torn_groups(chosen: Mapping[str, Sequence[Image]]) -> list[str]:
    parts_of: dict[str, set[str]] = defaultdict(set)
    for part, images in chosen.items():
        for image in images:
            if image.group is not None:
                parts_of[image.group].add(part)
    return [group for group, parts in parts_of.items() if len(parts) > 1]
