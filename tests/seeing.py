"""A network without weights that answers what it sees, to check the way around it."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_cases import dot_image
from pointillist.crops import FILL, CropSpec
from pointillist.dataset import Box
from pointillist.models.heads import LocalizerOutput
from pointillist.models.localizer import Localizer

COLORS = np.array([[130.0, 0, 0], [130.0, 0, 0], [0, 0, 130.0]])


class SeeingNetwork(Localizer):
    """Finds two red dots, the left and the right one as they lie in the image, and a blue one.

    As for a trained network, in a mirror image the left one is what was the right one.
    """

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.keypoints = 3
        self.mean, self.std = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)

    def forward(self, images: Tensor) -> LocalizerOutput:
        mean, std, fill = (torch.tensor(v).view(3, 1, 1) for v in (self.mean, self.std, FILL))
        excess = ((images.float() * std + mean) * 255 - fill) / 130
        small = F.avg_pool2d(excess, self.stride)
        red, blue = small[:, 0], small[:, 2]
        middle = torch.arange(red.shape[-1]) < red.shape[-1] / 2
        heatmaps = torch.stack([red * middle, red * ~middle, blue], dim=1)
        return LocalizerOutput(heatmaps, heatmaps)


def three_dots(
    file: tuple[int, int], box: Box | None, spec: CropSpec
) -> tuple[np.ndarray, np.ndarray]:
    """An image with the three dots in it, about 6 pixels of a view in sigma, and their places."""
    x, y, width, height = box if box is not None else (0.0, 0.0, *map(float, file))
    region = spec.region(box, *file)
    points = np.array([[0.23, 0.31], [0.78, 0.62], [0.55, 0.27]]) * (width, height) + (x, y)
    sigma = 6.0 * region[2] / spec.size[0]
    return dot_image(*file, [(a, b) for a, b in points], sigma, COLORS), points
