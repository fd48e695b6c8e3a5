"""Small data sets for the tests of scores."""

from pathlib import Path

import numpy as np

from pointillist.dataset import Dataset, Image, Instance
from pointillist.skeleton import Skeleton

SKELETON = Skeleton(("head", "tail", "paw"), torso=(0, 1), name="mouse")


def instance(points, visibility=(2, 2, 2), **more):
    return Instance(np.array(points, dtype=float), np.array(visibility), **more)


def dataset(*images, skeleton=SKELETON):
    """One image per argument: a list of instances."""
    return Dataset(
        skeleton,
        [
            Image(f"{i}.png", width=100, height=80, instances=list(instances))
            for i, instances in enumerate(images)
        ],
        Path(),
        name="mice",
    )


def random_pair(images=20, noise=8.0, seed=0, keypoints=5):
    """A data set of one object per image and noisy predictions of it, with confidences."""
    rng = np.random.default_rng(seed)
    skeleton = Skeleton(tuple(f"p{k}" for k in range(keypoints)))
    truth, guess = [], []
    for _ in range(images):
        points = rng.uniform(10, 90, (keypoints, 2))
        seen = rng.choice([0, 1, 2], keypoints, p=[0.2, 0.2, 0.6])
        seen[0] = 2
        truth.append([Instance(points, seen, box=(0.0, 0.0, 100.0, 60.0))])
        guess.append(
            [
                Instance(
                    points + rng.normal(0, noise, points.shape),
                    np.full(keypoints, 2),
                    confidence=rng.uniform(0, 1, keypoints),
                )
            ]
        )
    return dataset(*truth, skeleton=skeleton), dataset(*guess, skeleton=skeleton)
