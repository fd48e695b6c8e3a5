"""What tests of geometry, loading, training and inference share: dots, and data made of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from pointillist.batch import Batch
from pointillist.config import Config, make_config
from pointillist.crops import FILL, CropSpec, cut
from pointillist.dataset import VISIBLE, Box, Dataset, Image, Instance
from pointillist.skeleton import Skeleton

#: A left, a right and a middle point.
SKELETON = Skeleton(("left", "right", "nose"), flip_pairs=((0, 1),))

#: The smallest network that timm has for tests.
TINY = "test_resnet.r160_in1k"


def dot_image(
    width: int, height: int, dots: list[tuple[float, float]], sigma: float, colors: np.ndarray
) -> np.ndarray:
    """(H, W, 3) uint8: Gaussian dots, each adding its colour (3,) to the colour of padding."""
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    image = np.tile(np.array(FILL, dtype=np.float64), (height, width, 1))
    for (dot_x, dot_y), color in zip(dots, colors, strict=True):
        along_x = np.exp(-((x - dot_x) ** 2) / (2 * sigma**2))
        along_y = np.exp(-((y - dot_y) ** 2) / (2 * sigma**2))
        image += along_y[:, None, None] * along_x[None, :, None] * color
    return image.round().clip(0, 255).astype(np.uint8)


def centroid(weight: np.ndarray) -> tuple[float, float]:
    """x, y of the centre of mass of (H, W), pixel centres at halves."""
    height, width = weight.shape
    total = weight.sum()
    x = (weight.sum(axis=0) * (np.arange(width) + 0.5)).sum() / total
    y = (weight.sum(axis=1) * (np.arange(height) + 0.5)).sum() / total
    return float(x), float(y)


def batch_of(
    image: np.ndarray, box: Box | None, spec: CropSpec, points: np.ndarray
) -> tuple[Batch, np.ndarray]:
    """A batch of one crop of an image with (K, 2) points in it, and file to crop (3, 3)."""
    height, width = image.shape[:2]
    crop, to_crop = cut(image, spec.region(box, width, height), spec.size)
    moved = points @ to_crop[:2, :2].T + to_crop[:2, 2]
    batch = Batch(
        images=torch.from_numpy(crop)[None].permute(0, 3, 1, 2),
        points=torch.tensor(moved[None], dtype=torch.float32),
        annotated=torch.from_numpy(np.isfinite(points).all(axis=-1))[None],
        absent=torch.zeros(1, len(points), dtype=torch.bool),
        labeled=torch.ones(1, dtype=torch.bool),
        to_file=torch.tensor(np.linalg.inv(to_crop)[None], dtype=torch.float32),
        file_size=torch.tensor([[width, height]], dtype=torch.float32),
        index=torch.zeros(1, dtype=torch.int64),
    )
    return batch, to_crop


def dots_dataset(
    folder: Path,
    count: int,
    *,
    labeled: int | None = None,
    size: tuple[int, int] = (60, 44),
    seed: int = 0,
) -> Dataset:
    """Writes images of a red, a green and a blue dot, which are the points; all are annotated.

    The first ``labeled`` images have instances (no boxes: crops show the whole image).
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    width, height = size
    images = []
    for i in range(count):
        low, high = (8, 8), (width - 8, height - 8)
        points = rng.uniform(low, high, size=(len(SKELETON), 2))
        picture = dot_image(width, height, [(x, y) for x, y in points], 2.5, 130 * np.eye(3))
        path = f"{i:03d}.png"
        cv2.imwrite(str(folder / path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        instance = Instance(points, np.full(len(SKELETON), VISIBLE))
        known = labeled is None or i < labeled
        images.append(Image(path, width, height, [instance] if known else []))
    return Dataset(SKELETON, images, folder, name="dots")


def tiny_config(*sets: str) -> Config:
    """A training that takes seconds: a tiny network at 64x48, everything in memory."""
    return make_config(
        sets=[
            "method=supervised",
            f"model.backbone={TINY}",
            "model.width=16",
            "input.width=64",
            "input.height=48",
            "training.max_steps=20",
            "training.validate_every=10",
            "training.labeled_per_step=4",
            "training.unlabeled_per_step=2",
            "training.warmup_steps=2",
            "training.accelerator=cpu",
            "training.precision=32",
            *sets,
        ]
    )
