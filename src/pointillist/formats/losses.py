"""What a layout cannot keep of the data at hand, in words."""

from __future__ import annotations

from collections.abc import Callable, Collection

from pointillist.dataset import HIDDEN, Dataset, Image, Instance
from pointillist.skeleton import find_flip_pairs

_OF_INSTANCES: dict[str, tuple[str, Callable[[Instance], bool]]] = {
    "boxes": ("objects lose their box", lambda i: i.box is not None and not i.box_from_points),
    "head boxes": ("objects lose their head box", lambda i: i.head_box is not None),
    "areas": ("objects lose their area", lambda i: i.area is not None),
    "hidden": (
        "objects have hidden points, which become visible ones",
        lambda i: bool((i.visibility == HIDDEN).any()),
    ),
    "absent": (
        "objects lose the mark that a point is absent",
        lambda i: i.absent is not None and bool(i.absent.any()),
    ),
    "tracks": ("objects lose their track", lambda i: i.track is not None),
    "categories": ("objects lose their category", lambda i: i.category is not None),
    "crowds": ("crowd boxes become objects", lambda i: i.crowd),
    "confidence": ("objects lose their confidence", lambda i: i.confidence is not None),
    "scores": ("objects lose their score", lambda i: i.score is not None),
    "unlabelled objects": ("objects without a point are left out", lambda i: not i.labeled),
}

_OF_IMAGES: dict[str, tuple[str, Callable[[Image], bool]]] = {
    "groups": ("images lose their group", lambda image: image.group is not None),
    "unlabelled": ("images without labels are left out", lambda image: not image.labeled),
    "boxes": ("images lose their boxes without points", lambda image: bool(image.boxes)),
    "frames": ("frames of videos become image files", lambda image: image.frame is not None),
}

#: Everything that a layout may keep beside points, names and files.
ASPECTS = tuple(
    dict.fromkeys(
        [*_OF_INSTANCES, *_OF_IMAGES, "edges", "flip pairs", "sigmas", "head and torso", "videos"]
    )
)


def losses(dataset: Dataset, keeps: Collection[str]) -> list[str]:
    """One line for each thing that the data has and a layout that keeps only ``keeps`` loses."""
    lines = []
    instances = [instance for image in dataset for instance in image.instances]
    for aspect, (words, has) in _OF_INSTANCES.items():
        if aspect not in keeps and (count := sum(map(has, instances))):
            lines.append(f"{count} {words}")
    for aspect, (words, holds) in _OF_IMAGES.items():
        if aspect not in keeps and (count := sum(map(holds, dataset))):
            lines.append(f"{count} {words}")
    skeleton = dataset.skeleton
    if skeleton is not None:
        by_name = set(map(frozenset, find_flip_pairs(skeleton.keypoints)))
        gone = {
            "edges": bool(skeleton.edges),
            # Pairs that the names tell are found again.
            "flip pairs": set(map(frozenset, skeleton.flip_pairs)) != by_name,
            "sigmas": skeleton.sigmas is not None,
            "head and torso": skeleton.head is not None or skeleton.torso is not None,
        }
        lines += [
            f"the skeleton loses its {aspect}"
            for aspect, has_it in gone.items()
            if has_it and aspect not in keeps
        ]
    if dataset.videos and "videos" not in keeps:
        lines.append(f"{len(dataset.videos)} videos are not mentioned")
    return lines
