"""The yardstick: what a plain eager float32 PyTorch script does, with the same network.

One image at a time from disk, augmentation with OpenCV on the CPU, targets in NumPy, default
memory layout, no mixed precision, two passes for the flip test: as most research code has it.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset as TorchDataset

from pointillist.samples import Sample

MEAN = np.array((0.485, 0.456, 0.406), np.float32)
STD = np.array((0.229, 0.224, 0.225), np.float32)


def _matrix(sample: Sample, size: int, angle: float, scale: float) -> np.ndarray:
    """(2, 3) affine map from the file to a square input, rotated and scaled about its centre."""
    image = sample.image
    x, y, width, height = sample.box or (0, 0, image.width or 1, image.height or 1)
    zoom = size / (1.5 * max(width, height)) * scale
    middle = np.array((x + width / 2, y + height / 2), np.float64)
    matrix: np.ndarray = np.array(cv2.getRotationMatrix2D(middle.tolist(), angle, zoom), np.float64)
    matrix[:, 2] += size / 2 - middle
    return matrix


class PlainDataset(TorchDataset):
    """Images with targets, made one by one."""

    def __init__(self, samples: list[Sample], size: int, sigma: float, *, augment: bool) -> None:
        self.samples, self.size, self.sigma, self.augment = samples, size, sigma, augment
        self.random = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        sample = self.samples[index]
        pixels = cv2.imread(str(sample.file))
        assert pixels is not None
        assert sample.instance is not None
        image = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
        angle, scale = self.random.uniform((-40, 0.7), (40, 1.3)) if self.augment else (0.0, 1.0)
        matrix = _matrix(sample, self.size, angle, scale)
        image = cv2.warpAffine(image, matrix, (self.size, self.size)).astype(np.float32) / 255
        if self.augment:
            image = np.clip(image * self.random.uniform(0.7, 1.3), 0, 1).astype(np.float32)
        image = ((image - MEAN) / STD).transpose(2, 0, 1)
        points = sample.instance.points @ matrix[:, :2].T + matrix[:, 2]
        return np.ascontiguousarray(image), self._heatmaps(points / 4)

    def _heatmaps(self, points: np.ndarray) -> np.ndarray:
        side = self.size // 4
        grid = np.arange(side) + 0.5
        maps = np.zeros((len(points), side, side), np.float32)
        for k, (x, y) in enumerate(points):
            if np.isfinite(x):
                square = (grid[None] - x) ** 2 + (grid[:, None] - y) ** 2
                maps[k] = np.exp(-square / (2 * self.sigma**2))
        return maps


def train_step(
    network: nn.Module, optimizer: torch.optim.Optimizer, images: torch.Tensor, maps: torch.Tensor
) -> None:
    """One step of squared error."""
    loss = ((network(images).heatmaps - maps) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@torch.no_grad()
def predict_batch(network: nn.Module, images: torch.Tensor, order: np.ndarray) -> np.ndarray:
    """Points (B, K, 2) by argmax and quarter offset, with the flip test in a second pass."""
    maps = network(images).heatmaps
    mirrored = network(images.flip(-1)).heatmaps.flip(-1)[:, torch.from_numpy(order)]
    maps = ((maps + mirrored) / 2).numpy()
    count, keypoints, height, width = maps.shape
    points = np.zeros((count, keypoints, 2))
    for b in range(count):
        for k in range(keypoints):
            row, column = np.unravel_index(maps[b, k].argmax(), (height, width))
            points[b, k] = column, row
            if 0 < column < width - 1 and 0 < row < height - 1:
                x = maps[b, k, row, column + 1] - maps[b, k, row, column - 1]
                y = maps[b, k, row + 1, column] - maps[b, k, row - 1, column]
                points[b, k] += 0.25 * np.sign((x, y))
    return points * 4
