"""Ultralytics' YOLO pose folders: ``data.yaml``, ``images/<split>``, ``labels/<split>``.

Layout: https://docs.ultralytics.com/datasets/pose. A row of a label file is an object: class, box
(centre and size), then x, y and visibility of each keypoint, all as shares of the image's width
and height. Shares count from the corner of the first pixel, as coordinates here do, so nothing is
shifted. In the row of a prediction the visibility is a confidence, and the object's own is last.

sleap-io reads such folders too, but takes hidden points for visible ones, passes over rows that it
cannot read, and makes boxes of its own; so they are read here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pointillist.dataset import HIDDEN, NOT_ANNOTATED, VISIBLE, Box, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.files import write_text
from pointillist.formats.base import Format, summary
from pointillist.formats.losses import losses
from pointillist.formats.placing import place_image, placed_names
from pointillist.images import IMAGE_SUFFIXES, image_size, list_images, natural_key, upright_size
from pointillist.skeleton import Skeleton, find_flip_pairs, side_problems

KEEPS = (
    *("boxes", "hidden", "categories", "confidence", "scores", "unlabelled", "unlabelled objects"),
    *("edges", "flip pairs"),
)
_SPLITS = ("train", "val", "test")
#: Where images are written. Ultralytics takes this order of folders as well as the other one,
#: sleap-io only this one.
_IMAGES, _LABELS = "train/images", "train/labels"


def detect(path: Path) -> bool:
    """A YAML file that says ``kpt_shape``, or a folder with one right in it."""
    return _yaml_of(path) is not None


def read(path: Path) -> Dataset:
    """Reads all splits of a YOLO pose folder, training first.

    Images without a label file, or with an empty one, are unlabelled.

    Raises:
        DataError: the YAML or a label row is broken, or no image is there.
    """
    file = _yaml_of(path)
    if file is None:
        raise DataError("there is no YAML file with a kpt_shape in this folder", where=path)
    config = _read_yaml(file)
    skeleton, dimensions = _skeleton(config, file)
    names = config.get("names") or ["object"]
    classes = list(names.values()) if isinstance(names, dict) else list(names)
    root = _root(config, file)
    images = []
    for split in _SPLITS:
        for image_file in _split_files(config.get(split), root, file):
            image = Image(_seen_from(file.parent, image_file))
            labels = _label_file(image_file)
            if labels.is_file() and labels.stat().st_size:
                image.width, image.height = image_size(image_file)
                size = (image.width, image.height)
                image.instances = _read_labels(labels, size, skeleton, dimensions, classes)
            images.append(image)
    unique = list({image.path: image for image in images}.values())
    if not unique:
        raise DataError(
            f"there is no image in {', '.join(str(config.get(split)) for split in _SPLITS)} "
            f"below {root}",
            where=file,
        )
    problems = side_problems(skeleton)
    return Dataset(skeleton, unique, file.parent, name=file.parent.name, problems=problems)


def write(dataset: Dataset, path: Path) -> list[str]:
    """Writes a folder with all images, copied, in the split ``train``; ``val`` is the same.

    Raises:
        DataError: there is a ``data.yaml`` already, no skeleton, or an image cannot be read.
    """
    skeleton = dataset.skeleton
    if skeleton is None:
        raise DataError("there is no skeleton, and YOLO's pose layout needs one")
    if (path / "data.yaml").exists():
        raise DataError("there is a data set already", where=path / "data.yaml")
    kinds = {i.category or skeleton.name: None for image in dataset for i in image.instances}
    classes = list(kinds) or [skeleton.name]
    outside: list[str] = []
    for image, name in zip(dataset, placed_names(dataset.images), strict=True):
        place_image(dataset, image, path / _IMAGES / name)
        size = upright_size(dataset, image) if image.frame is None else None
        size = size or image_size(path / _IMAGES / name)
        rows = [
            row
            for instance in image.instances
            if (row := _row(instance, size, classes.index(instance.category or skeleton.name)))
        ]
        inside = [_inside(instance, size) for instance in image.instances]
        if any((i.annotated & ~ok).any() for i, ok in zip(image.instances, inside, strict=True)):
            outside.append(name)
        if rows:
            target = path / _LABELS / Path(name).with_suffix(".txt")
            write_text(target, "".join(row + "\n" for row in rows))
    order = skeleton.flip_order.tolist()
    content: dict[str, Any] = {
        "train": _IMAGES,
        "val": _IMAGES,
        "kpt_shape": [len(skeleton), 3],
        "flip_idx": order,
        "names": dict(enumerate(classes)),
        "kpt_names": {n: list(skeleton.keypoints) for n in range(len(classes))},
        "node_names": list(skeleton.keypoints),  # what sleap-io calls them
        "skeleton": [list(edge) for edge in skeleton.edges],
    }
    write_text(path / "data.yaml", yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    notes = losses(dataset, KEEPS)
    notes.append("all images are in 'train', and 'val' names the same: move what should be apart")
    if outside:
        notes.append(
            summary(
                outside,
                "image loses points outside of it, which YOLO refuses",
                "images lose points outside of them, which YOLO refuses",
            )
        )
    return notes


def _yaml_of(path: Path) -> Path | None:
    files = sorted(path.glob("*.y*ml")) if path.is_dir() else [path]
    for file in files:
        if file.suffix.lower() not in (".yaml", ".yml") or not file.is_file():
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        if any(line.startswith("kpt_shape") for line in text.splitlines()):
            return file
    return None


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise DataError(
            f"this is not valid YAML: {getattr(error, 'problem', None) or error}",
            where=file,
            row=mark.line + 1 if mark else None,
        ) from None
    if not isinstance(content, dict):
        raise DataError("this is no list of keys", where=file)
    return content


def _skeleton(config: dict[str, Any], file: Path) -> tuple[Skeleton, int]:
    shape: Any = config.get("kpt_shape")
    good = isinstance(shape, list) and len(shape) == 2 and all(isinstance(n, int) for n in shape)
    if not good or shape[0] < 1 or shape[1] not in (2, 3):
        raise DataError(f"kpt_shape is {shape}; [keypoints, 2 or 3] is needed", where=file)
    count = shape[0]
    names = config.get("kpt_names") or config.get("node_names") or []
    if isinstance(names, dict):
        names = next(iter(names.values()))
    if names and len(names) != count:
        raise DataError(f"{len(names)} names for {count} keypoints", where=file)
    keypoints = tuple(str(name) for name in names) or tuple(f"point{k}" for k in range(count))
    by_name = find_flip_pairs(keypoints)
    pairs = by_name
    flip: Any = config.get("flip_idx")
    if flip:
        if not isinstance(flip, list) or sorted(map(str, flip)) != sorted(map(str, range(count))):
            raise DataError(f"flip_idx does not name each of {count} keypoints once", where=file)
        if any(flip[flip[k]] != k for k in range(count)):
            raise DataError("flip_idx is no exchange of pairs", where=file)
        left_first = {tuple(sorted(pair)): pair for pair in by_name}
        found = [(k, flip[k]) for k in range(count) if k < flip[k]]
        pairs = tuple(left_first.get(pair, pair) for pair in found)
    edges = tuple((int(a), int(b)) for a, b in config.get("skeleton") or [])
    classes = config.get("names") or ["object"]
    name = next(iter(classes.values())) if isinstance(classes, dict) else classes[0]
    return Skeleton(keypoints, edges, pairs, name=str(name)), shape[1]


def _root(config: dict[str, Any], file: Path) -> Path:
    """The folder that splits start from: beside the YAML, unless ``path`` leads to another."""
    root = Path(str(config.get("path") or "."))
    return (
        root
        if root.is_absolute() and root.is_dir()
        else _first([file.parent / root, file.parent], config)
    )


def _first(candidates: list[Path], config: dict[str, Any]) -> Path:
    train = config.get("train")
    train = train[0] if isinstance(train, list) and train else train
    return next((c for c in candidates if (c / str(train)).exists()), candidates[-1])


def _split_files(value: Any, root: Path, file: Path) -> list[Path]:
    """The image files of a split: of a folder, a text file of names, or a list of those."""
    if value is None:
        return []
    if isinstance(value, list):
        return [image for entry in value for image in _split_files(entry, root, file)]
    place = root / str(value)
    if place.is_dir():
        return [place / name for name in list_images(place)]
    if place.is_file() and place.suffix == ".txt":
        lines = place.read_text(encoding="utf-8").splitlines()
        return sorted(
            (place.parent / line.strip() for line in lines if line.strip()),
            key=lambda image: natural_key(image.as_posix()),
        )
    if place.suffix.lower() in IMAGE_SUFFIXES and place.is_file():
        return [place]
    raise DataError(f"there is no folder or list of images {place}", where=file)


def _label_file(image: Path) -> Path:
    """The last ``images`` in the path becomes ``labels``, the ending ``.txt``."""
    parts = list(image.parts)
    for i in range(len(parts) - 2, -1, -1):
        if parts[i] == "images":
            parts[i] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _read_labels(
    file: Path, size: tuple[int, int], skeleton: Skeleton, dimensions: int, classes: list[Any]
) -> list[Instance]:
    expected = 5 + dimensions * len(skeleton)
    scale = np.array(size, np.float64)
    instances = []
    for line, text in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        cells = text.split()
        if not cells:
            continue
        predicted = dimensions == 3 and len(cells) == expected + 1
        if len(cells) not in (expected, expected + predicted):
            raise DataError(
                f"{len(cells)} numbers where {len(skeleton)} keypoints need {expected}",
                where=file,
                row=line,
            )
        try:
            numbers = np.array(cells, np.float64)
        except ValueError:
            raise DataError(
                "there is something that is not a number", where=file, row=line
            ) from None
        kind = int(numbers[0])
        if not 0 <= kind < len(classes) or not np.isfinite(numbers).all():
            raise DataError(
                f"there is no class {cells[0]}"
                if np.isfinite(numbers).all()
                else "NaN or infinite",
                where=file,
                row=line,
            )
        values = numbers[5:expected].reshape(-1, dimensions)
        centre, extent = numbers[1:3] * scale, numbers[3:5] * scale
        box: Box = (*(centre - extent / 2).tolist(), *extent.tolist())
        third = (
            values[:, 2]
            if dimensions == 3
            else np.where(values.any(axis=1), VISIBLE, NOT_ANNOTATED).astype(np.float64)
        )
        if predicted:
            visibility = np.where(third > 0, VISIBLE, NOT_ANNOTATED)
        elif np.isin(third, (NOT_ANNOTATED, HIDDEN, VISIBLE)).all():
            visibility = third
        else:
            raise DataError("a visibility is not 0, 1 or 2", where=file, row=line)
        instance = Instance(values[:, :2] * scale, visibility, box=box)
        instance.category = str(classes[kind]) if len(classes) > 1 else None
        if predicted:
            instance.confidence = np.array(np.clip(third, 0, 1))
            instance.score = float(numbers[-1])
        instances.append(instance)
    return instances


def _inside(instance: Instance, size: tuple[int, int]) -> np.ndarray:
    points = np.nan_to_num(instance.points, nan=-1.0)
    return instance.annotated & (points >= 0).all(axis=1) & (points <= size).all(axis=1)


def _row(instance: Instance, size: tuple[int, int], kind: int) -> str:
    """The object's row; empty if it has neither a box nor a point inside the image."""
    inside = _inside(instance, size)
    box = instance.reference_box()
    if box is None:
        return ""
    scale = np.array(size, np.float64)
    low = np.clip(np.array(box[:2]) / scale, 0, 1)
    high = np.clip((np.array(box[:2]) + box[2:]) / scale, 0, 1)
    points = np.where(inside[:, None], np.nan_to_num(instance.points) / scale, 0.0)
    third = np.where(inside, instance.visibility, NOT_ANNOTATED).astype(np.float64)
    last: list[float] = []
    if instance.confidence is not None:
        third = np.where(inside, instance.confidence, 0.0)
        last = [instance.confidence.mean() if instance.score is None else instance.score]
    numbers = [
        *(low + high) / 2,
        *(high - low),
        *np.column_stack([points, third]).reshape(-1),
        *last,
    ]
    return " ".join([str(kind), *(f"{number:.8f}".rstrip("0").rstrip(".") for number in numbers)])


def _seen_from(folder: Path, file: Path) -> str:
    try:
        return file.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return file.resolve().as_posix()


FORMAT = Format(
    name="yolo",
    title="Ultralytics YOLO pose",
    detect=detect,
    read=read,
    write=write,
    loses="which split an image is in, points outside the image, tracks, sigmas, groups; an object "
    "without a box gets the extent of its points",
    own_images=True,
    not_read="which split an image is in",
)
