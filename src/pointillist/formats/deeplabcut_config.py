"""DeepLabCut's ``config.yaml``: what of it matters to the data, in and out."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pointillist.errors import DataError
from pointillist.skeleton import Skeleton, find_flip_pairs

#: Keys of which a project's config has at least one.
_MARKS = ("bodyparts", "multianimalbodyparts")


def is_config(path: Path) -> bool:
    """Whether a file is a project's config, by a glance at its lines; never raises."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(line.startswith(_MARKS) for line in text.splitlines())


def read_config(path: Path) -> dict[str, Any]:
    """The config, or an empty one where there is no file.

    Raises:
        DataError: it is no YAML, or no mapping.
    """
    if not path.is_file():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise DataError(
            f"this is not valid YAML: {getattr(error, 'problem', None) or error}",
            where=path,
            row=mark.line + 1 if mark else None,
        ) from None
    if not isinstance(content, dict):
        raise DataError("this is no DeepLabCut config: it is no list of keys", where=path)
    return content


def keypoints_of(config: Mapping[str, Any]) -> list[str]:
    """The keypoints' names in the config's order; those of unique objects last."""
    many = config.get("multianimalproject")
    keys = ("multianimalbodyparts", "uniquebodyparts") if many else ("bodyparts",)
    values = [config.get(key) or [] for key in keys]
    return [str(name) for value in values if isinstance(value, list) for name in value]


def video_names(config: Mapping[str, Any]) -> list[str]:
    """The videos as the config has them, often with paths of another machine."""
    sets = config.get("video_sets") or {}
    # A new project has a line that says in capitals that it will be replaced.
    return [str(name) for name in sets if "WILL BE AUTOMATICALLY UPDATED" not in str(name)]


def skeleton_of(
    config: Mapping[str, Any], tables: Mapping[Path, Sequence[str]], root: Path
) -> tuple[Skeleton, list[str]]:
    """The skeleton of a project, and what is odd about it.

    The config has the first word on the keypoints and their order. Without one, all tables must
    agree. Left-right pairs are the config's ``flip_pairs`` (pairs of names; written by this
    project, DeepLabCut passes over them), otherwise found by name.

    Raises:
        DataError: without a config, two tables have different keypoints.
    """
    names = keypoints_of(config)
    problems = []
    first = next(iter(tables))
    for file, points in tables.items():
        here = file.relative_to(root).as_posix()
        more = [name for name in points if name not in (names or tables[first])]
        less = [name for name in (names or tables[first]) if name not in points]
        if not names and (more or less):
            raise DataError(
                f"its keypoints are not those of {first.relative_to(root).as_posix()}: "
                f"{_differences(more, less)}",
                where=file,
                do="Put the project's config.yaml beside labeled-data, or label both alike.",
            )
        if more or less:
            problems.append(f"{here} differs from the config: {_differences(more, less)}")
    every = list(dict.fromkeys([*names, *(name for points in tables.values() for name in points)]))
    index = {name: i for i, name in enumerate(every)}
    edges, bad_edges = _pairs(config.get("skeleton"), index)
    pairs, bad_pairs = _pairs(config.get("flip_pairs"), index)
    unknown = bad_edges + bad_pairs
    if unknown:
        problems.append(f"the config's skeleton names unknown keypoints: {', '.join(unknown)}")
    if "flip_pairs" not in config:
        pairs = list(find_flip_pairs(every))
    name = str(config.get("Task") or "object")
    return Skeleton(tuple(every), tuple(edges), tuple(pairs), name=name), problems


def _differences(more: Sequence[str], less: Sequence[str]) -> str:
    parts = [f"it has {', '.join(more)}"] if more else []
    parts += [f"it lacks {', '.join(less)}"] if less else []
    return " and ".join(parts)


def _pairs(value: Any, index: Mapping[str, int]) -> tuple[list[tuple[int, int]], list[str]]:
    """Pairs of names -> pairs of indices, and the names that are not known."""
    pairs, unknown = [], []
    for pair in value if isinstance(value, list) else []:
        if not isinstance(pair, list) or len(pair) != 2:
            unknown.append(str(pair))
            continue
        unknown += [str(name) for name in pair if str(name) not in index]
        if all(str(name) in index for name in pair):
            pairs.append((index[str(pair[0])], index[str(pair[1])]))
    return pairs, unknown


def config_text(
    skeleton: Skeleton,
    individuals: Sequence[str],
    videos: Mapping[str, tuple[int, int]],
    *,
    unique: Sequence[str] = (),
    root: Path,
    scorer: str,
) -> str:
    """A config that DeepLabCut opens: the data's part as given, the rest as in a new project.

    Args:
        skeleton: keypoints, edges and pairs.
        individuals: names of the animals; empty for a project with one animal.
        videos: for each folder of ``labeled-data`` a video of its name, as DeepLabCut finds the
            folders by them, and the (width, height) of its frames.
        unique: keypoints of no animal, such as a corner of the box.
        root: the project's folder.
        scorer: who made the labels.
    """
    names = list(skeleton.keypoints)
    edges = [[names[a], names[b]] for a, b in skeleton.edges]
    animals: dict[str, Any] = {"bodyparts": names}
    if individuals:
        animals = {
            "individuals": list(individuals),
            "uniquebodyparts": list(unique),
            "multianimalbodyparts": [name for name in names if name not in unique],
            "bodyparts": "MULTI!",
        }
    content = {
        "Task": skeleton.name,
        "scorer": scorer,
        "date": datetime.date.today().strftime("%b%d"),
        "multianimalproject": bool(individuals),
        "identity": None,
        "project_path": str(root.resolve()),
        "video_sets": {v: {"crop": f"0, {w}, 0, {h}"} for v, (w, h) in videos.items()},
        **animals,
        "start": 0,
        "stop": 1,
        "numframes2pick": 20,
        "skeleton": edges,
        "flip_pairs": [[names[a], names[b]] for a, b in skeleton.flip_pairs],
        "skeleton_color": "black",
        "pcutoff": 0.6,
        "dotsize": 8,
        "alphavalue": 0.7,
        "colormap": "rainbow",
        "TrainingFraction": [0.95],
        "iteration": 0,
        "default_net_type": "resnet_50",
        "default_augmenter": "default",
        "snapshotindex": -1,
        "batch_size": 8,
        "cropping": False,
        "corner2move2": [50, 50],
        "move2corner": True,
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
