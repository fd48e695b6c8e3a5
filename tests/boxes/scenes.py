"""Scenes: several small built-in creatures in a large frame, with their points and boxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from pointillist.dataset import Dataset, Image, Instance
from pointillist.formats import save_dataset
from pointillist.synthetic import SKELETON, draw_creature

FRAME = (320, 240)


def draw_scene(seed: int, most: int = 2, side: int = 80) -> tuple[np.ndarray, list[Instance]]:
    """(H, W, 3) uint8 and the creatures in it: one to ``most``, apart from each other."""
    rng = np.random.default_rng(seed)
    width, height = FRAME
    coarse = rng.integers(40, 200, (height // 20, width // 20, 3)).astype(np.float32)
    scene = cv2.resize(coarse, FRAME, interpolation=cv2.INTER_CUBIC)
    scene = np.clip(scene + rng.normal(0, 8, scene.shape), 0, 255).astype(np.uint8)
    places = [(x, y) for x in range(0, width - side + 1, side) for y in range(0, height, side)]
    chosen = rng.choice(len(places), int(rng.integers(1, most + 1)), replace=False)
    # A soft edge, so that the rim of the pasted picture is not what is learnt.
    soft = np.zeros((side, side, 1), np.float32)
    soft[8:-8, 8:-8] = 1
    soft = cv2.GaussianBlur(soft, (0, 0), 4)[..., None]
    instances = []
    for place in chosen:
        picture, creature = draw_creature(int(rng.integers(2**31)), (side, side))
        x, y = places[place]
        under = scene[y : y + side, x : x + side]
        under[:] = (soft * picture + (1 - soft) * under).astype(np.uint8)
        assert creature.box is not None
        instances.append(
            replace(
                creature,
                points=creature.points + np.array([x, y]),
                box=(creature.box[0] + x, creature.box[1] + y, *creature.box[2:]),
            )
        )
    return scene, instances


def make_scenes(folder: Path, count: int, *, seed: int = 0, boxes: bool = True) -> Dataset:
    """A data set of scenes, written as COCO; without boxes if they are not wanted."""
    folder.mkdir(parents=True)
    images = []
    for i in range(count):
        scene, instances = draw_scene(1000 * seed + i)
        name = f"{i:03d}.jpg"
        cv2.imwrite(str(folder / name), cv2.cvtColor(scene, cv2.COLOR_RGB2BGR))
        if not boxes:
            instances = [replace(instance, box=None, area=None) for instance in instances]
        images.append(Image(name, *FRAME, instances=instances))
    dataset = Dataset(SKELETON, images, root=folder, name="scenes")
    save_dataset(dataset, folder / "annotations.json")
    return dataset
