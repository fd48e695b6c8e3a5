"""CVAT's own XML, version 1.1, 'for images' and 'for video'.

Layout: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat. Read are skeletons, and
points without a skeleton (those of one group are one object). A point that is 'outside' is not
annotated, an 'occluded' one is hidden. CVAT counts from the corner of the first pixel, as this
project does: nothing is shifted. (CVAT's COCO export is read as any other COCO file.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from pointillist.dataset import HIDDEN, NOT_ANNOTATED, VISIBLE, Box, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.files import write_text
from pointillist.formats.base import Format, located, with_box_from_points
from pointillist.formats.locate import clean_name, names_from
from pointillist.formats.losses import losses
from pointillist.formats.moved import find_images
from pointillist.formats.placing import place_image, placed_names
from pointillist.images import image_size, upright_size
from pointillist.skeleton import Skeleton, find_flip_pairs, side_problems

KEEPS = ("boxes", "hidden", "categories", "unlabelled", "edges")
_DECIMALS = 4


def detect(path: Path) -> bool:
    """An XML file with CVAT's root, or a folder with one called ``annotations.xml``."""
    file = path / "annotations.xml" if path.is_dir() else path
    if file.suffix.lower() != ".xml" or not file.is_file():
        return False
    with file.open(encoding="utf-8", errors="replace") as stream:
        return "<annotations>" in stream.read(1000)


def read(path: Path, below: Path | None = None) -> Dataset:
    """Reads an annotation file; images are looked for beside it and below its folder and ``below``.

    Raises:
        DataError: the XML is broken or has no keypoint, a point is no place, or no image is there.
    """
    file = path / "annotations.xml" if path.is_dir() else path
    root = _parse(file)
    skeleton = _skeleton(root, file)
    many = len({shape.get("label") for shape in root.iter("skeleton")}) > 1
    images = [_read_image(element, skeleton, file, many) for element in root.iter("image")]
    images += _read_tracks(root, skeleton, file)
    if not images:
        raise DataError("there is no image in this file", where=file)
    dataset = Dataset(skeleton, images, file.parent, name=file.stem)
    dataset.problems += side_problems(skeleton)
    return find_images(dataset, file.parent, below)


def write(dataset: Dataset, path: Path) -> list[str]:
    """Writes ``annotations.xml`` for images, which stay where they are; frames are written out.

    Args:
        dataset: what to write; predictions become shapes like any other.
        path: the ``.xml`` file, or a folder.
    """
    skeleton = dataset.skeleton
    if skeleton is None:
        raise DataError("there is no skeleton, and CVAT needs one")
    file = path if path.suffix.lower() == ".xml" else path / "annotations.xml"
    names = names_from(dataset, file.parent)
    for i, (image, name) in enumerate(zip(dataset, placed_names(dataset.images), strict=True)):
        if image.frame is not None:
            names[i] = f"images/{name}"
            place_image(dataset, image, file.parent / names[i])
    kinds = {i.category or skeleton.name: None for image in dataset for i in image.instances}
    root = Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    task = ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task")
    labels = ElementTree.SubElement(task, "labels")
    for kind in kinds or {skeleton.name: None}:
        _write_label(labels, kind, skeleton)
    for number, (image, name) in enumerate(zip(dataset, names, strict=True)):
        known = image.frame is None
        width, height = upright_size(dataset, image) if known else image_size(file.parent / name)
        size = {"width": str(width), "height": str(height)}
        element = ElementTree.SubElement(root, "image", {"id": str(number), "name": name, **size})
        for group, instance in enumerate(image.instances, start=1):
            _write_instance(element, instance, skeleton, group)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    write_text(file, f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n')
    return losses(dataset, KEEPS)


def _parse(file: Path) -> Element:
    try:
        text = file.read_text(encoding="utf-8-sig")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            # Entities can blow up a small file to gigabytes; CVAT writes none.
            raise DataError("this XML defines entities, which CVAT's does not", where=file)
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise DataError(
            "this is not valid XML", where=file, row=error.position[0], do="Is the file complete?"
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(f"this is not a UTF-8 text file: {error.reason}", where=file) from None
    if root.tag != "annotations":
        raise DataError(f"this is no CVAT file: it starts with <{root.tag}>", where=file)
    return root


def _skeleton(root: Element, file: Path) -> Skeleton:
    """Names of sublabels in their order; without labels, the names that occur."""
    labels = [element for element in root.iter("label") if element.find("name") is not None]
    sub = [label for label in labels if label.findtext("parent")]
    names = [label.findtext("name") or "" for label in sub]
    used = [e.get("label") or "" for e in root.iter("points")]
    names = list(dict.fromkeys([*names, *used]))
    if not names:
        raise DataError("there is no skeleton and no point in this file", where=file)
    kinds = [label.findtext("name") for label in labels if label.findtext("type") == "skeleton"]
    index = {name: i for i, name in enumerate(names)}
    edges: dict[tuple[int, int], None] = {}
    for label in labels:
        edges |= dict.fromkeys(_edges(label.findtext("svg") or "", index))
    name = (kinds[0] if kinds else None) or "object"
    return Skeleton(tuple(names), tuple(edges), find_flip_pairs(names), name=name)


def _edges(svg: str, index: dict[str, int]) -> list[tuple[int, int]]:
    """The lines of a skeleton's drawing, which name their ends by element number."""
    nodes = {}
    for circle in re.findall(r"<circle[^>]*>", svg):
        node = re.search(r'data-element-id="(\d+)"', circle)
        name = re.search(r'data-label-name="([^"]*)"', circle)
        if node and name and name[1] in index:
            nodes[node[1]] = index[name[1]]
    ends = re.findall(r'data-node-from="(\d+)"[^>]*data-node-to="(\d+)"', svg)
    return [(nodes[a], nodes[b]) for a, b in ends if a in nodes and b in nodes]


def _read_image(element: Element, skeleton: Skeleton, file: Path, many: bool) -> Image:
    name = clean_name(element.get("name") or "")
    here = file.parent
    # A task exported with its images has them in a folder beside the file.
    if not (here / name).is_file() and (here / "images" / name).is_file():
        name = f"images/{name}"
    image = Image(
        name, int(element.get("width") or 0) or None, int(element.get("height") or 0) or None
    )
    with located(file, f"image '{name}'"):
        boxes = {box.get("group_id", "0"): _box(box) for box in element.findall("box")}
        for shape in element.findall("skeleton"):
            instance = _instance(shape.findall("points"), skeleton)
            group = shape.get("group_id", "0")
            instance.box = boxes.pop(group, None) if group != "0" else None
            instance.category = shape.get("label") if many else None
            image.instances.append(instance)
        loose: dict[str, list[Element]] = {}
        for point in element.findall("points"):
            loose.setdefault(point.get("group_id", "0"), []).append(point)
        for group, points in loose.items():
            instance = _instance(points, skeleton)
            instance.box = boxes.pop(group, None) if group != "0" else None
            image.instances.append(instance)
        image.boxes = list(boxes.values())
    _box_all(image)
    return image


def _box_all(image: Image) -> None:
    if len(image.instances) > 1:
        for instance in image.instances:
            if instance.box is None:
                with_box_from_points(instance)


def _read_tracks(root: Element, skeleton: Skeleton, file: Path) -> list[Image]:
    """Frames of a video that have a shape, from 'CVAT for video'."""
    tracks = list(root.iter("track"))
    if not tracks:
        return []
    source = clean_name(root.findtext("meta/source") or root.findtext("meta/task/source") or "")
    if not source:
        raise DataError(
            "there are tracks, but the video's name (meta, source) is missing", where=file
        )
    frames: dict[int, Image] = {}
    for track in tracks:
        shapes: dict[int, list[Element]] = {}
        for shape in track:
            if shape.tag in ("skeleton", "points"):
                points = shape.findall("points") if shape.tag == "skeleton" else [shape]
                shapes.setdefault(int(shape.get("frame") or 0), []).extend(points)
        for frame, points in shapes.items():
            with located(file, f"track {track.get('id')}, frame {frame}"):
                instance = _instance(points, skeleton)
            if not instance.labeled:
                continue  # the object has left the picture
            instance.track = track.get("id")
            group = Path(source).stem
            image = frames.setdefault(frame, Image(source, frame=frame, group=group))
            image.instances.append(instance)
    for image in frames.values():
        _box_all(image)
    return [frames[frame] for frame in sorted(frames)]


def _numbers(element: Element, *keys: str) -> list[float]:
    try:
        numbers = [float(element.get(key) or "") for key in keys]
    except ValueError:
        raise DataError(f"a <{element.tag}> lacks a number in {', '.join(keys)}") from None
    if not np.isfinite(numbers).all():
        raise DataError(f"a <{element.tag}> has a number that is no place")
    return numbers


def _box(element: Element) -> Box:
    left, top, right, bottom = _numbers(element, "xtl", "ytl", "xbr", "ybr")
    return (left, top, right - left, bottom - top)


def _instance(elements: Iterable[Element], skeleton: Skeleton) -> Instance:
    points = np.full((len(skeleton), 2), np.nan)
    visibility = np.full(len(skeleton), NOT_ANNOTATED)
    for element in elements:
        k = skeleton.index(element.get("label") or "")
        if element.get("outside") == "1":
            continue
        if visibility[k] != NOT_ANNOTATED:
            raise DataError(
                f"'{skeleton.keypoints[k]}' is there twice in one object",
                do="Give the points of each object a group of its own.",
            )
        try:
            x, y = (float(v) for v in (element.get("points") or "").split(","))
        except ValueError:
            raise DataError(
                f"'{skeleton.keypoints[k]}' has the points '{element.get('points')}'; one x,y is "
                "needed"
            ) from None
        points[k] = x, y
        visibility[k] = HIDDEN if element.get("occluded") == "1" else VISIBLE
    return Instance(points, visibility)


def _write_label(labels: Element, kind: str, skeleton: Skeleton) -> None:
    label = ElementTree.SubElement(labels, "label")
    ElementTree.SubElement(label, "name").text = kind
    ElementTree.SubElement(label, "type").text = "skeleton"
    ElementTree.SubElement(label, "attributes")
    # CVAT places a new skeleton as it is drawn here: on a circle, in percent of its box.
    angles = 2 * np.pi * np.arange(len(skeleton)) / len(skeleton)
    places = np.column_stack([50 + 45 * np.sin(angles), 50 - 45 * np.cos(angles)]).round(2)
    svg = [
        f'<line x1="{places[a][0]}" y1="{places[a][1]}" x2="{places[b][0]}" y2="{places[b][1]}" '
        f'data-type="edge" data-node-from="{a + 1}" data-node-to="{b + 1}"></line>'
        for a, b in skeleton.edges
    ]
    for k, name in enumerate(skeleton.keypoints):
        text = name.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
        svg.append(
            f'<circle r="1.5" cx="{places[k][0]}" cy="{places[k][1]}" data-type="element node" '
            f'data-element-id="{k + 1}" data-node-id="{k + 1}" data-label-name="{text}"></circle>'
        )
    ElementTree.SubElement(label, "svg").text = "".join(svg)
    for name in skeleton.keypoints:
        part = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(part, "name").text = name
        ElementTree.SubElement(part, "type").text = "points"
        ElementTree.SubElement(part, "attributes")
        ElementTree.SubElement(part, "parent").text = kind


def _write_instance(element: Element, instance: Instance, skeleton: Skeleton, group: int) -> None:
    kind = instance.category or skeleton.name
    common: dict[str, Any] = {"source": "manual", "z_order": "0", "group_id": str(group)}
    if instance.box is not None and not instance.box_from_points:
        left, top, width, height = instance.box
        corners = {"xtl": left, "ytl": top, "xbr": left + width, "ybr": top + height}
        texts = {key: f"{value:.{_DECIMALS}f}" for key, value in corners.items()}
        ElementTree.SubElement(element, "box", {"label": kind, "occluded": "0", **texts, **common})
    shape = ElementTree.SubElement(element, "skeleton", {"label": kind, **common})
    for name, point, seen in zip(
        skeleton.keypoints, instance.points, instance.visibility, strict=True
    ):
        x, y = np.nan_to_num(point)
        ElementTree.SubElement(
            shape,
            "points",
            {
                "label": name,
                "outside": str(int(seen == NOT_ANNOTATED)),
                "occluded": str(int(seen == HIDDEN)),
                "points": f"{x:.{_DECIMALS}f},{y:.{_DECIMALS}f}",
            },
        )


FORMAT = Format(
    name="cvat",
    title="CVAT XML 1.1",
    detect=detect,
    read=read,
    write=write,
    loses="left-right pairs that the names do not tell, tracks, confidence, sigmas, groups",
    not_read="shapes other than skeletons, points and boxes; attributes; of a video, frames "
    "without a shape",
    searches=True,
)
