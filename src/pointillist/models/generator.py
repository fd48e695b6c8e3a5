"""Regenerates an image from the appearance of one copy and the keypoint heatmaps of another."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointillist.models.heads import resized


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Generator(nn.Module):
    """Appearance encoder and image decoder (Jakab et al., NeurIPS 2018, section 3), made small.

    The encoder sees a copy of the image whose points lie elsewhere and answers at stride 8; the
    decoder joins its features with heatmaps of the points to be drawn. The heatmaps are the only
    way in which it learns where things belong.

    Args:
        keypoints: K.
        width: channels of the first encoder layer.

    Shape:
        - appearance: (B, 3, H, W)
        - heatmaps: (B, K, H / 4, W / 4)
        - output: (B, 3, H, W)
    """

    def __init__(self, keypoints: int, width: int = 32) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            _block(3, width, 2), _block(width, 2 * width, 2), _block(2 * width, 4 * width, 2)
        )
        self.coarse = _block(4 * width + keypoints, 4 * width)
        self.fine = _block(4 * width + keypoints, 2 * width)
        self.finer = _block(2 * width, width)
        self.image = nn.Conv2d(width, 3, kernel_size=3, padding=1)

    def forward(self, appearance: Tensor, heatmaps: Tensor) -> Tensor:
        features = self.encoder(appearance)
        coarse = resized(heatmaps, *features.shape[-2:])
        features = self.coarse(torch.cat([features, coarse], dim=1))
        features = resized(features, *heatmaps.shape[-2:])
        features = self.fine(torch.cat([features, heatmaps], dim=1))
        height, width = features.shape[-2:]
        features = self.finer(resized(features, 2 * height, 2 * width))
        return resized(self.image(features), *appearance.shape[-2:])
