"""What tests of methods with a teacher share: tiny networks, and teachers that know everything."""

from __future__ import annotations

from typing import Any

import torch
from test_methods import SIZE, make_batch
from torch import Tensor, nn

from core_cases import TINY
from pointillist.augment import ViewMaker, ViewOptions
from pointillist.batch import Batch, View
from pointillist.heatmaps import encode
from pointillist.methods import METHODS, Setting
from pointillist.methods.teaching import Teaching
from pointillist.models.heads import LocalizerOutput
from pointillist.models.localizer import create_localizer
from pointillist.models.options import ModelOptions
from pointillist.synthetic import SKELETON

#: No view of this kind differs from the plain one.
PLAIN = {"rotation": 0, "scale": 0, "shift": 0, "flip": 0, "color": 0, "gray": 0, "erase": 0}
MAP = (SIZE[0] // 4, SIZE[1] // 4)


def build(name: str, **options: Any) -> Teaching:
    """A method with the smallest network there is, without burn-in."""
    torch.manual_seed(0)
    kind = METHODS[name]
    model = create_localizer(ModelOptions(backbone=TINY, width=16), len(SKELETON))
    views = ViewMaker(SIZE, SKELETON, model.mean, model.std)
    setting = Setting(views, ViewOptions(), 1.5, SKELETON)
    method = kind(model, setting, kind.Options(**{"burn_in": 0, "ramp": 0, **options})).train()
    assert isinstance(method, Teaching)
    method.progress = 0.5
    return method


def unlabeled() -> Batch:
    """Three unlabelled creatures, their points known to the test alone."""
    batch = make_batch()
    return batch.select(torch.tensor([3, 4, 5]))


class Says(nn.Module):
    """A network that answers with given heatmaps, and remembers the images it was given."""

    def __init__(self, heatmaps: Tensor) -> None:
        super().__init__()
        self.heatmaps = heatmaps
        self.one = nn.Parameter(torch.ones(()))
        self.images = torch.empty(0)
        self.asked_in_training: bool | None = None

    def forward(self, images: Tensor) -> LocalizerOutput:
        self.images, self.asked_in_training = images, self.training
        return LocalizerOutput(self.one * self.heatmaps, self.heatmaps)


def heatmaps_at(points: Tensor) -> Tensor:
    """What a perfect network says of points (B, K, 2) in view pixels."""
    return encode(points / 4, MAP, 1.5)


def inner_points(view: View) -> Tensor:
    """(B, K, 2) places well inside a view, one for each keypoint, no two in one heatmap pixel."""
    torch.manual_seed(7)
    cells = torch.stack([torch.randperm(8 * 6)[: len(SKELETON)] for _ in view.images])
    places = 4 * torch.stack([4 + cells % 8, 3 + cells // 8], dim=-1)
    return places + 0.5 + 3 * torch.rand(places.shape)
