"""Scenes: small built-in creatures in a large frame, with their points and boxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from pointillist.dataset import Dataset, Image, Instance
from pointillist.formats import save_dataset
from pointillist.synthetic import SKELETON, draw_creature

#: Width and height of a scene, and of each of the pictures that are pasted into it.
FRAME, SIDE = (192, 144), 48


def draw_scene(seed: int) -> tuple[np.ndarray, list[Instance]]:
    """(H, W, 3) uint8 and the one or two creatures in it, apart from each other."""
    rng = np.random.default_rng(seed)
    width, height = FRAME
    coarse = rng.integers(80, 160, (height // 24, width // 24, 3)).astype(np.float32)
    scene = cv2.resize(coarse, FRAME, interpolation=cv2.INTER_CUBIC)
    scene = np.clip(scene + rng.normal(0, 5, scene.shape), 0, 255).astype(np.uint8)
    # A soft edge, so that the rim of the pasted picture is not what is learnt.
    soft = np.zeros((SIDE, SIDE), np.float32)
    soft[5:-5, 5:-5] = 1
    soft = cv2.GaussianBlur(soft, (0, 0), 2)[..., None]
    places = [(x, y) for x in range(0, width, SIDE) for y in range(0, height, SIDE)]
    instances = []
    for place in rng.choice(len(places), int(rng.integers(1, 3)), replace=False):
        picture, creature = draw_creature(int(rng.integers(2**31)), (SIDE, SIDE))
        x, y = places[place]
        under = scene[y : y + SIDE, x : x + SIDE]
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
        name = f"{i:03d}.png"
        cv2.imwrite(str(folder / name), cv2.cvtColor(scene, cv2.COLOR_RGB2BGR))
        if not boxes:
            instances = [replace(instance, box=None, area=None) for instance in instances]
        images.append(Image(name, *FRAME, instances=instances))
    dataset = Dataset(SKELETON, images, root=folder, name="scenes")
    save_dataset(dataset, folder / "annotations.json")
    return dataset
