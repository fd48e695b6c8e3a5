"""Label Studio's JSON: a list of tasks with keypoints and rectangles in percent.

Layout: https://labelstud.io/guide/task_format. An object is a rectangle and the keypoints that
belong to it (``parentID``, or a relation); keypoints without a rectangle are one object. Percent
count from the corner of the first pixel, as coordinates here do: nothing is shifted.

sleap-io reads only tasks that it wrote itself (it asks for ``meta.video``), and gives the
keypoints another order each time; so they are read here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import quoteattr

import numpy as np

from pointillist.dataset import NOT_ANNOTATED, VISIBLE, Box, Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.files import read_json, write_json, write_text
from pointillist.formats.base import Format, located, summary, with_box_from_points
from pointillist.formats.locate import clean_name, names_from
from pointillist.formats.losses import losses
from pointillist.formats.moved import find_images
from pointillist.formats.placing import place_image, placed_names
from pointillist.images import image_size, upright_size
from pointillist.skeleton import Skeleton, find_flip_pairs, side_problems

KEEPS = ("boxes", "categories", "confidence", "scores", "unlabelled", "unlabelled objects")
_LOCAL = "/data/local-files/?d="


def detect(path: Path) -> bool:
    """A JSON file that is a list and speaks of annotations and ``data`` at its start."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        start = stream.read(1 << 16).lstrip()
    marks = ('"annotations"', '"predictions"', '"completions"')
    return start.startswith("[") and '"data"' in start and any(mark in start for mark in marks)


def read(path: Path, below: Path | None = None) -> Dataset:
    """Reads a JSON export; images are looked for by name below its folder and ``below``.

    The keypoints' order is that of the labelling configuration beside the file (``<name>.xml``) if
    there is one, otherwise that in which they first occur.

    Raises:
        DataError: the JSON is broken, there is no keypoint, two keypoints of a name cannot be told
            apart, or no image is there.
    """
    tasks = read_json(path)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise DataError("this is no list of tasks", where=path)
    results = []
    problems: list[str] = []
    several, turned = [], []
    for n, task in enumerate(tasks):
        with located(path, f"task {task.get('id', n)}"):
            regions, count = _regions(task)
            if count > 1:
                several.append(task.get("id", n))
            if any(region.get("image_rotation") for region in regions):
                turned.append(task.get("id", n))
                regions = []
            results.append((task, regions))
    names = _order(path, [region for _, regions in results for region in regions])
    if not names:
        raise DataError("there is no keypoint in this file", where=path)
    skeleton = Skeleton(tuple(names), flip_pairs=find_flip_pairs(names))
    images = []
    for n, (task, regions) in enumerate(results):
        with located(path, f"task {task.get('id', n)}"):
            image = Image(_image_name(task), id=task.get("id"))
            if regions and regions[0].get("original_width"):
                image.width = int(regions[0]["original_width"])
                image.height = int(regions[0]["original_height"])
            image.instances = _objects(regions, skeleton, bool(_of(task, "annotations")))
            images.append(image)
    if several:
        problems.append(
            summary(
                several,
                "task has several annotations; the last was taken",
                "tasks have several annotations; the last was taken",
            )
        )
    if turned:
        problems.append(
            summary(
                turned,
                "task is left unlabelled: the image was turned there",
                "tasks are left unlabelled: the images were turned there",
            )
        )
    problems += side_problems(skeleton)
    dataset = Dataset(skeleton, images, path.parent, name=path.stem, problems=problems)
    return find_images(dataset, path.parent, below)


def write(dataset: Dataset, path: Path) -> list[str]:
    """Writes tasks, and beside them the labelling configuration (``<name>.xml``) to import first.

    Images stay where they are, named for Label Studio's local storage relative to the file's
    folder. Predictions become pre-annotations.
    """
    skeleton = dataset.skeleton
    if skeleton is None:
        raise DataError("there is no skeleton, and Label Studio needs the keypoints' names")
    if path.suffix.lower() != ".json":
        raise DataError("a Label Studio file must end in .json", where=path)
    names = names_from(dataset, path.parent)
    for i, (image, name) in enumerate(zip(dataset, placed_names(dataset.images), strict=True)):
        if image.frame is not None:
            names[i] = f"images/{name}"
            place_image(dataset, image, path.parent / names[i])
    kinds = {i.category or skeleton.name: None for image in dataset for i in image.instances}
    tasks = []
    for n, (image, name) in enumerate(zip(dataset, names, strict=True), start=1):
        task: dict[str, Any] = {"id": n, "data": {"image": _LOCAL + quote(name)}, "annotations": []}
        if image.instances:
            here = path.parent / name
            size = upright_size(dataset, image) if image.frame is None else image_size(here)
            regions = [
                region
                for number, instance in enumerate(image.instances, start=1)
                for region in _write_instance(instance, skeleton, size, f"{n}-{number}")
            ]
            predicted = all(instance.confidence is not None for instance in image.instances)
            scores = [i.score for i in image.instances if i.score is not None]
            part: dict[str, Any] = {"result": regions}
            if predicted:
                part |= {"model_version": "pointillist", "score": float(np.mean(scores or [0]))}
            task["predictions" if predicted else "annotations"] = [part]
        tasks.append(task)
    write_text(path.with_suffix(".xml"), _configuration(skeleton, list(kinds) or [skeleton.name]))
    write_json(path, tasks, indent=1)
    return losses(dataset, KEEPS)


def _of(task: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Annotations (called completions in old versions) that were not cancelled, or predictions."""
    found = task.get(key) or (task.get("completions") if key == "annotations" else None) or []
    return [a for a in found if isinstance(a, dict) and not a.get("was_cancelled")]


def _regions(task: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """The regions of the last annotation, or else prediction; and the number of annotations."""
    annotations = _of(task, "annotations")
    chosen = (annotations or _of(task, "predictions") or [{}])[-1]
    regions = chosen.get("result") or []
    if not isinstance(regions, list):
        raise DataError("'result' is not a list")
    return regions, len(annotations)


def _label(region: dict[str, Any], key: str) -> str:
    labels = region.get("value", {}).get(key) or []
    return str(labels[0]) if labels else ""


def _order(path: Path, regions: list[dict[str, Any]]) -> list[str]:
    names: list[str] = []
    configuration = path.with_suffix(".xml")
    if configuration.is_file():
        text = configuration.read_text(encoding="utf-8", errors="replace")
        block = re.search(r"<KeyPointLabels.*?</KeyPointLabels>", text, re.DOTALL)
        names = re.findall(r'<Label[^>]*\bvalue="([^"]*)"', block[0]) if block else []
    used = [_label(r, "keypointlabels") for r in regions if r.get("type") == "keypointlabels"]
    return [name for name in dict.fromkeys([*names, *used]) if name]


def _image_name(task: dict[str, Any]) -> str:
    """The path that a task's address names: of local storage, of an upload, or elsewhere."""
    data = task.get("data") or {}
    if not isinstance(data, dict):
        raise DataError("'data' is not an object")
    values = [data.get("image"), *data.values()]
    address = next((v for v in values if isinstance(v, str) and v), None)
    if address is None:
        raise DataError("it names no image in 'data'")
    if address.startswith(_LOCAL):
        return clean_name(parse_qs(urlsplit(address).query)["d"][0])
    if "://" not in address and not address.startswith("/data/"):
        return clean_name(address)
    name = unquote(urlsplit(address).path).rsplit("/", 1)[-1]
    # An upload gets eight hexadecimal digits before its name.
    return re.sub(r"^[0-9a-f]{8}-", "", name) if "/upload/" in address else name


def _objects(regions: list[dict[str, Any]], skeleton: Skeleton, by_hand: bool) -> list[Instance]:
    boxes = {r.get("id"): r for r in regions if r.get("type") == "rectanglelabels"}
    points = {r.get("id"): r for r in regions if r.get("type") == "keypointlabels"}
    owner = {key: region.get("parentID") for key, region in points.items()}
    for relation in regions:
        if relation.get("type") == "relation":
            a, b = relation.get("from_id"), relation.get("to_id")
            for point, box in ((a, b), (b, a)):
                if point in points and box in boxes:
                    owner[point] = box
    members: dict[Any, list[dict[str, Any]]] = {key: [] for key in boxes}
    loose: list[dict[str, Any]] = []
    for key, region in points.items():
        members.get(owner[key], loose).append(region)
    found = []
    for key, parts in members.items():
        instance = _instance(parts, skeleton, by_hand)
        instance.box = _box(boxes[key])
        instance.category = _label(boxes[key], "rectanglelabels") or None
        if not by_hand and boxes[key].get("score") is not None:
            instance.score = float(boxes[key]["score"])
        found.append(instance)
    if loose:
        found.append(_instance(loose, skeleton, by_hand))
    if len(found) > 1 and loose:
        with_box_from_points(found[-1])
    kinds = {instance.category for instance in found}
    for instance in found:
        # One kind of object, called as the skeleton is: nothing that needs saying.
        instance.category = None if kinds <= {None, skeleton.name} else instance.category
    return found


def _percent(region: dict[str, Any], *keys: str) -> list[float]:
    value = region.get("value", {})
    try:
        numbers = [float(value[key]) for key in keys]
        width, height = float(region["original_width"]), float(region["original_height"])
    except (KeyError, TypeError, ValueError):
        raise DataError(
            f"region '{region.get('id')}' lacks {', '.join(keys)}, original_width or "
            "original_height"
        ) from None
    scales = [width if key in ("x", "width") else height for key in keys]
    return [number * scale / 100 for number, scale in zip(numbers, scales, strict=True)]


def _box(region: dict[str, Any]) -> Box:
    x, y, width, height = _percent(region, "x", "y", "width", "height")
    return (x, y, width, height)


def _instance(regions: list[dict[str, Any]], skeleton: Skeleton, by_hand: bool) -> Instance:
    points = np.full((len(skeleton), 2), np.nan)
    visibility = np.full(len(skeleton), NOT_ANNOTATED)
    confidence = np.zeros(len(skeleton))
    for region in regions:
        k = skeleton.index(_label(region, "keypointlabels"))
        if visibility[k] != NOT_ANNOTATED:
            raise DataError(
                f"'{skeleton.keypoints[k]}' is there twice in one object",
                do="Draw a rectangle around each object and put its keypoints into it.",
            )
        points[k] = _percent(region, "x", "y")
        visibility[k] = VISIBLE
        confidence[k] = float(region.get("score") or 0)
    instance = Instance(points, visibility)
    if not by_hand:
        instance.confidence = np.clip(confidence, 0, 1)
    return instance


def _write_instance(
    instance: Instance, skeleton: Skeleton, size: tuple[int, int], key: str
) -> list[dict[str, Any]]:
    width, height = size
    common = {
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "to_name": "image",
    }
    regions: list[dict[str, Any]] = []
    box = instance.reference_box()
    if box is not None:
        value: dict[str, Any] = {
            "x": box[0] / width * 100,
            "y": box[1] / height * 100,
            "width": box[2] / width * 100,
            "height": box[3] / height * 100,
            "rotation": 0,
            "rectanglelabels": [instance.category or skeleton.name],
        }
        regions.append(
            {**common, "id": key, "type": "rectanglelabels", "from_name": "object", "value": value}
        )
        if instance.score is not None:
            regions[-1]["score"] = instance.score
    for k in np.flatnonzero(instance.annotated).tolist():
        x, y = instance.points[k].tolist()
        value = {"x": x / width * 100, "y": y / height * 100, "width": 0.5}
        value["keypointlabels"] = [skeleton.keypoints[k]]
        region = {**common, "id": f"{key}-{k}", "type": "keypointlabels", "from_name": "keypoint"}
        regions.append(region | {"parentID": key, "value": value})
        if instance.confidence is not None:
            regions[-1]["score"] = float(instance.confidence[k])
    return regions


def _configuration(skeleton: Skeleton, kinds: list[str]) -> str:
    def labels(names: list[str]) -> str:
        return "".join(f"    <Label value={quoteattr(name)}/>\n" for name in names)

    return (
        '<View>\n  <Image name="image" value="$image"/>\n'
        '  <RectangleLabels name="object" toName="image">\n'
        f"{labels(kinds)}  </RectangleLabels>\n"
        '  <KeyPointLabels name="keypoint" toName="image">\n'
        f"{labels(list(skeleton.keypoints))}  </KeyPointLabels>\n</View>\n"
    )


FORMAT = Format(
    name="label-studio",
    title="Label Studio JSON",
    detect=detect,
    read=read,
    write=write,
    loses="hidden points (they become visible ones), tracks, edges, left-right pairs that the "
    "names do not tell, sigmas, groups; an object without a box gets the extent of its points",
    not_read="all annotations of a task but the last, regions other than keypoints and rectangles, "
    "tasks whose image was turned in the tool",
    searches=True,
)
