"""Heads: from a backbone's features to heatmaps at stride 4 and the features they rest on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 4  # input pixels per heatmap pixel


class LocalizerOutput(NamedTuple):
    """What a head, and so a localizer, returns.

    Attributes:
        heatmaps: (B, K, H / 4, W / 4), one for each keypoint, about 0 to 1 once trained; float32
            in evaluation mode, in training what autocast makes of them.
        features: (B, feature_channels, H / 4, W / 4), what the heatmaps were made from.
    """

    heatmaps: Tensor
    features: Tensor


class HeatmapLayer(nn.Conv2d):
    """The 1x1 convolution that makes heatmaps.

    Its weights start at a standard deviation of 0.001 and its bias at 0, so that the first
    heatmaps are near zero, as most of every target is (Xiao et al., Simple Baselines for Human
    Pose Estimation, ECCV 2018). In evaluation mode it computes in float32 under autocast too: the
    8 significant bits of bfloat16 make neighbouring pixels of a peak equal, and its place is
    lost. Training does without, as the rounding does not bias the gradient and float32 takes 6 %
    of a small network's step.
    """

    def __init__(self, in_channels: int, keypoints: int) -> None:
        super().__init__(in_channels, keypoints, kernel_size=1)
        nn.init.normal_(self.weight, std=0.001)
        assert self.bias is not None
        nn.init.zeros_(self.bias)

    def forward(self, features: Tensor) -> Tensor:
        if self.training:
            return super().forward(features)
        assert self.bias is not None
        with torch.autocast(features.device.type, enabled=False):
            return F.conv2d(features.float(), self.weight.float(), self.bias.float())


class FusionHead(nn.Module):
    """Fuses features of several strides to stride 4 and makes heatmaps from them.

    Each feature goes through a 1x1 convolution to ``width`` channels and, from coarse to fine,
    the running sum is upsampled (bilinear) and added; at every stride one block of 3x3
    convolution, BatchNorm and ReLU follows. Where the finest feature is coarser than 4, there is
    one upsampling by two, and one such block, for every halving of its stride.

    Args:
        strides: the features' strides, from fine to coarse. Ones finer than 4 are averaged down.
        channels: the features' channels.
        keypoints: K, the number of heatmaps.
        width: channels of the fused features.
    """

    def __init__(
        self, strides: Sequence[int], channels: Sequence[int], keypoints: int, width: int = 128
    ) -> None:
        super().__init__()
        self.feature_channels = width
        self.laterals = nn.ModuleList(
            nn.Sequential(_reduce(stride), nn.Conv2d(channel, width, kernel_size=1))
            for stride, channel in zip(strides, channels, strict=True)
        )
        self.finest = max(strides[0], STRIDE)
        halvings = math.ceil(math.log2(self.finest / STRIDE))
        # Cheap, as most of them are small maps; the finest feature's block is one of the others.
        self.fusions = nn.ModuleList(_block(width) for _ in strides[1:])
        self.blocks = nn.ModuleList(_block(width) for _ in range(max(halvings, 1)))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self.heatmaps = HeatmapLayer(width, keypoints)

    def forward(self, features: list[Tensor]) -> LocalizerOutput:
        levels = [lateral(f) for lateral, f in zip(self.laterals, features, strict=True)]
        fused = levels[-1]
        for level, block in zip(reversed(levels[:-1]), reversed(self.fusions), strict=True):
            fused = level + resized(block(fused), level.shape[-2], level.shape[-1])
        height = fused.shape[-2] * self.finest // STRIDE
        width = fused.shape[-1] * self.finest // STRIDE
        for block in self.blocks:
            # Never finer than stride 4, which halving a stride of 14 twice would be.
            fused = block(
                resized(fused, min(2 * fused.shape[-2], height), min(2 * fused.shape[-1], width))
            )
        return LocalizerOutput(self.heatmaps(fused), fused)


class HighResolutionHead(nn.Module):
    """For HRNet: heatmaps from the last feature, all features side by side.

    Args:
        channels: the channels of the features, which all have stride 4.
        keypoints: K, the number of heatmaps.
    """

    def __init__(self, channels: Sequence[int], keypoints: int) -> None:
        super().__init__()
        self.feature_channels = sum(channels)
        self.heatmaps = HeatmapLayer(channels[-1], keypoints)

    def forward(self, features: list[Tensor]) -> LocalizerOutput:
        return LocalizerOutput(self.heatmaps(features[-1]), torch.cat(features, dim=1))


def _reduce(stride: int) -> nn.Module:
    return nn.AvgPool2d(STRIDE // stride) if stride < STRIDE else nn.Identity()


def _block(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


def resized(features: Tensor, height: int, width: int) -> Tensor:
    """Maps (B, C, h, w) as (B, C, height, width), by the pixels' places and not their corners."""
    if features.shape[-2] == height and features.shape[-1] == width:
        return features
    return F.interpolate(features, size=(height, width), mode="bilinear", align_corners=False)
