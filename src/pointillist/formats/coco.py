"""COCO keypoints JSON: the project's own format, and that of AP-10K, ATRW, Animal-Pose and others.

Points are taken as they stand: continuous, the centre of the top-left pixel at (0.5, 0.5). What
the data model has beyond COCO is kept in extra keys, which other readers pass over:

- of the file: ``missing_absent`` (a point without a mark that lacks is absent, too);
- of a category: ``flip_pairs``, ``sigmas``, ``head``, ``torso`` (see ``coco_categories``);
- of an image: ``boxes`` (of objects without annotation), ``group``, ``frame``;
- of an annotation: ``box_from_points``, ``head_box``, ``track_id``, ``absent`` (names),
  ``score``, ``keypoint_scores``, ``area_from_box`` (the area is no annotation: COCO's tools ask
  for one).

Layout: Lin et al., Microsoft COCO, 2014, https://cocodataset.org/#format-data.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.files import read_json, write_json
from pointillist.formats.base import (
    Format,
    blank_instance,
    located,
    read_box,
    read_keypoints,
    read_numbers,
    summary,
    with_box_from_points,
)
from pointillist.formats.coco_categories import Categories, read_categories, write_categories
from pointillist.formats.locate import clean_name, find_image_root, names_from
from pointillist.formats.moved import find_some_images
from pointillist.skeleton import Skeleton, side_problems

#: Decimals of written coordinates: far below what anybody can annotate.
_DECIMALS = 4


def detect(path: Path) -> bool:
    """Any ``.json`` file (what is wrong with it, ``read`` says), or a folder with a COCO one."""
    if path.is_dir():
        return bool(_annotation_files(path))
    return path.suffix.lower() == ".json"


def read(path: Path, below: Path | None = None) -> Dataset:
    """Reads a COCO keypoints file, or the only one in a folder or its ``annotations``.

    Images that moved are looked for by name below the file's folder and ``below``.

    Raises:
        DataError: the file or an entry is broken, ids repeat, an annotation's image or category
            does not exist, categories have different keypoints, there is no image, or none of them
            lies ``below`` either.
    """
    file = path
    if path.is_dir():
        files = _annotation_files(path)
        if len(files) != 1:
            names = ", ".join(found.relative_to(path).as_posix() for found in files)
            raise DataError(
                f"there are several COCO annotation files in this folder: {names}"
                if files
                else "there is no COCO annotation file in this folder",
                where=path,
                do="Name the file to open." if files else None,
            )
        file = files[0]
    content = read_json(file)
    _check_top(content, file)
    categories = read_categories(content.get("categories", []), file)
    images = _read_images(content["images"], file)
    problems = _read_annotations(content.get("annotations", []), images, categories, file)
    root, lost = find_image_root(file.parent, [image.path for image in images.values()])
    if categories.skeleton is not None and not categories.pairs_given:
        problems = [*side_problems(categories.skeleton), *problems]
    dataset = Dataset(categories.skeleton, list(images.values()), root, file.stem, problems)
    dataset.missing_absent = content.get("missing_absent") is True
    return find_some_images(dataset, file.parent, below, lost)


def write(dataset: Dataset, path: Path) -> list[str]:
    """Writes a COCO keypoints file; ``path`` is the file, or a folder that gets annotations.json.

    Image files stay where they are; the file names lead to them from the JSON's folder.
    """
    file = path if path.suffix.lower() == ".json" else path / "annotations.json"
    notes = []
    image_ids = image_numbers(dataset)
    if any(image.id not in (None, n) for image, n in zip(dataset, image_ids, strict=True)):
        notes.append("image ids repeated, so the images were numbered anew")
    names = names_from(dataset, file.parent)
    pairs = [(n, i) for n, image in zip(image_ids, dataset, strict=True) for i in image.instances]
    categories: list[dict[str, Any]] = []
    number_of: dict[str, int] = {}
    if dataset.skeleton is not None:
        number_of = category_numbers(dataset)
        categories = write_categories(dataset.skeleton, list(number_of))
    annotations = []
    ids = _numbers([instance.id for _, instance in pairs])
    for number, (image_id, instance) in zip(ids, pairs, strict=True):
        assert dataset.skeleton is not None, "Dataset allows no instances without a skeleton"
        category = number_of[instance.category or dataset.skeleton.name]
        head = {"id": number, "image_id": image_id, "category_id": category}
        annotations.append(head | instance_entry(instance, dataset.skeleton))
    images = [
        image_entry(image, number, name)
        for image, number, name in zip(dataset, image_ids, names, strict=True)
    ]
    content = {"images": images, "annotations": annotations, "categories": categories}
    # Whoever splits a project need not say anew how its tool takes what is left out.
    write_json(file, content | ({"missing_absent": True} if dataset.missing_absent else {}))
    return notes


def image_numbers(dataset: Dataset) -> list[int]:
    """The id of each image in a written file: its own, or a new one where ids lack or repeat."""
    return _numbers([image.id for image in dataset])


def category_numbers(dataset: Dataset) -> dict[str, int]:
    """Category -> its id in a written file, in order; instances without one have the skeleton's."""
    if dataset.skeleton is None:
        return {}
    own = dataset.skeleton.name
    kinds = {i.category or own for image in dataset for i in image.instances} or {own}
    return {kind: number for number, kind in enumerate(sorted(kinds), start=1)}


def _annotation_files(folder: Path) -> list[Path]:
    """The COCO files right in a folder, or in its ``annotations``: by a glance at their start."""
    for place in (folder, folder / "annotations"):
        found = [file for file in sorted(place.glob("*.json")) if _looks_like_coco(file)]
        if found:
            return found
    return []


def _looks_like_coco(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as stream:
            start = stream.read(1 << 16)
    except OSError:
        return False
    keys = ('"images"', '"annotations"', '"categories"')
    return start.lstrip().startswith("{") and any(key in start for key in keys)


def _check_top(content: Any, file: Path) -> None:
    if isinstance(content, list):
        raise DataError(
            "this is a list, while COCO annotations are an object with 'images', 'annotations' "
            "and 'categories'",
            where=file,
            do="If these are predictions (COCO results), name them beside the annotations.",
        )
    for key in ("images", "annotations"):
        value = content.get(key, []) if isinstance(content, dict) else None
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise DataError(f"'{key}' is not a list of objects", where=file)
    if not content.get("images"):
        raise DataError(
            "there are no images in this file ('images' is missing or empty)", where=file
        )


def _read_id(entry: dict[str, Any], key: str) -> int:
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise DataError(f"'{key}' is not a whole number but {value!r}")
    return value


def _read_images(entries: list[dict[str, Any]], file: Path) -> dict[int, Image]:
    images: dict[int, Image] = {}
    for i, entry in enumerate(entries):
        with located(file, f"images[{i}]"):
            number = _read_id(entry, "id")
            if number in images:
                raise DataError(f"two images have the id {number}")
            name = entry.get("file_name")
            if not isinstance(name, str) or not name:
                raise DataError(f"image {number} has no 'file_name'")
            size = [entry.get(key) for key in ("width", "height")]
            known = all(isinstance(v, (int, float)) and v > 0 for v in size)
            frame, group = entry.get("frame"), entry.get("group")
            images[number] = Image(
                clean_name(name),
                width=int(size[0]) if known else None,  # type: ignore[arg-type]
                height=int(size[1]) if known else None,  # type: ignore[arg-type]
                boxes=[read_box(box, "boxes") for box in entry.get("boxes", [])],
                group=None if group is None else str(group),
                frame=None if frame is None else _read_id(entry, "frame"),
                id=number,
            )
    return images


def _read_annotations(
    entries: list[dict[str, Any]], images: dict[int, Image], categories: Categories, file: Path
) -> list[str]:
    """Puts the annotations into their images; returns what was odd."""
    ids: set[int] = set()
    left_out: Counter[str] = Counter()
    flat_boxes: list[int | str] = []
    for i, entry in enumerate(entries):
        number = entry.get("id")
        with located(file, f"annotations[{i}]" if number is None else f"annotation {number}"):
            if number is not None and _read_id(entry, "id") in ids:
                raise DataError("two annotations have this id")
            ids.add(number)  # type: ignore[arg-type]
            image = images.get(_read_id(entry, "image_id"))
            if image is None:
                raise DataError(f"there is no image with the id {entry['image_id']}")
            category = _read_category(entry, categories)
            if category in categories.others:
                left_out[categories.others[category]] += 1
                continue
            assert categories.skeleton is not None, "it has categories with keypoints"
            instance = _read_instance(entry, categories.skeleton, categories.names[category])
            if instance.box is not None and min(instance.box[2:]) <= 0:
                flat_boxes.append(i if number is None else number)
                instance.box = None
                with_box_from_points(instance)
            image.instances.append(instance)
    problems = [
        f"{count} annotations of category '{name}' were left out: it has no keypoints"
        for name, count in left_out.items()
    ]
    if flat_boxes:
        problems.append(
            summary(
                flat_boxes,
                "annotation with a box of no area (its points' extent is taken)",
                "annotations with a box of no area (their points' extent is taken)",
            )
        )
    boxless = [
        image.path
        for image in images.values()
        if len(image.instances) > 1 and any(instance.box is None for instance in image.instances)
    ]
    if boxless:
        problems.append(
            summary(
                boxless,
                "image with several objects of which some have no box",
                "images with several objects of which some have no box",
            )
        )
    return problems


def _read_category(entry: dict[str, Any], categories: Categories) -> int:
    if "category_id" not in entry and len(categories.names) == 1 and not categories.others:
        return next(iter(categories.names))
    number = _read_id(entry, "category_id")
    if number not in categories.names and number not in categories.others:
        raise DataError(f"there is no category with the id {number}")
    return number


def _read_instance(entry: dict[str, Any], skeleton: Skeleton, category: str | None) -> Instance:
    if entry.get("keypoints"):
        points, visibility = read_keypoints(entry["keypoints"], skeleton)
        instance = Instance(points, visibility)
    else:
        instance = blank_instance(skeleton)
    if entry.get("bbox"):
        instance.box = read_box(entry["bbox"])
        instance.box_from_points = bool(entry.get("box_from_points", False))
    if entry.get("head_box"):
        instance.head_box = read_box(entry["head_box"], "head_box")
    for key in ("score",) if entry.get("area_from_box") else ("area", "score"):
        if entry.get(key) is not None:
            setattr(instance, key, float(read_numbers([entry[key]], key)[0]))
    if entry.get("keypoint_scores"):
        scores = read_numbers(entry["keypoint_scores"], "keypoint_scores")
        if scores.size != len(skeleton):
            raise DataError(f"{scores.size} keypoint_scores for {len(skeleton)} keypoints")
        instance.confidence = scores
    if entry.get("absent"):
        absent = np.zeros(len(skeleton), dtype=bool)
        absent[[skeleton.index(name) for name in entry["absent"]]] = True
        if absent[instance.annotated].any():
            raise DataError("a point is both annotated and marked absent")
        instance.absent = absent
    track = entry.get("track_id")
    instance.track = None if track is None else str(track)
    instance.category = category
    instance.crowd = bool(entry.get("iscrowd", False))
    instance.id = entry.get("id")
    return instance


def _numbers(ids: list[int | None]) -> list[int]:
    """The given ids; where some are missing or repeat, all are numbered anew from 1."""
    given = [number for number in ids if number is not None]
    if len(given) == len(ids) and len(set(given)) == len(ids):
        return given
    return list(range(1, len(ids) + 1))


def image_entry(image: Image, number: int, name: str) -> dict[str, Any]:
    """An entry of ``images``, with an id and a file name."""
    entry: dict[str, Any] = {"id": number, "file_name": name}
    if image.width is not None and image.height is not None:
        entry |= {"width": image.width, "height": image.height}
    if image.boxes:
        entry["boxes"] = [_rounded(box) for box in image.boxes]
    if image.group is not None:
        entry["group"] = image.group
    if image.frame is not None:
        entry["frame"] = image.frame
    return entry


def instance_entry(instance: Instance, skeleton: Skeleton) -> dict[str, Any]:
    """An entry of ``annotations``, but for the three ids."""
    points = np.where(instance.annotated[:, None], instance.points, 0.0)
    triples = np.column_stack([points, instance.visibility]).round(_DECIMALS).reshape(-1)
    entry: dict[str, Any] = {
        "keypoints": [int(v) if v.is_integer() else v for v in triples.tolist()],
        "num_keypoints": int(instance.annotated.sum()),
        "iscrowd": int(instance.crowd),
    }
    box = instance.reference_box()
    if instance.box is not None:
        entry["bbox"] = _rounded(instance.box)
        if instance.box_from_points:
            entry["box_from_points"] = True
    if instance.area is not None:
        entry["area"] = instance.area
    elif box is not None:
        # COCO's own tools need an area; the box's is what Instance stands for without one.
        entry |= {"area": round(box[2] * box[3], _DECIMALS), "area_from_box": True}
    if instance.head_box is not None:
        entry["head_box"] = _rounded(instance.head_box)
    if instance.track is not None:
        entry["track_id"] = instance.track
    if instance.absent is not None and instance.absent.any():
        entry["absent"] = [skeleton.keypoints[k] for k in np.flatnonzero(instance.absent)]
    if instance.score is not None:
        entry["score"] = instance.score
    if instance.confidence is not None:
        entry["keypoint_scores"] = instance.confidence.round(_DECIMALS).tolist()
    return entry


def _rounded(box: tuple[float, ...]) -> list[float]:
    return [round(v, _DECIMALS) for v in box]


FORMAT = Format(
    name="coco",
    title="COCO keypoints JSON",
    detect=detect,
    read=read,
    write=write,
    loses="segmentation masks and keys that pointillist does not know",
    searches=True,
)
