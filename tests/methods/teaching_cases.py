"""What tests of methods with a teacher share: tiny networks, and teachers that know everything."""

from __future__ import annotations

from typing import Any

import pytest
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
from pointillist.strong_views import Guidance, carry
from pointillist.synthetic import SKELETON

#: No view of this kind differs from the plain one.
PLAIN = {"rotation": 0, "scale": 0, "shift": 0, "flip": 0, "color": 0, "gray": 0, "erase": 0}
#: Turned and perhaps a mirror image; the first keeps all joints in the view, the second not.
EASY = {"rotation": 30, "flip": 0.5, "scale": 0.2}
HARD = {"rotation": 30, "flip": 0.5, "scale": 0.2, "shift": 0.4}
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


def uneven() -> Batch:
    """Two labelled and three unlabelled creatures: not as many, so that no row stands for two."""
    return make_batch().select(torch.tensor([0, 1, 3, 4, 5]))


def step(method: Teaching) -> dict[str, Tensor]:
    """The losses of a step with the views of ``views_of_step``."""
    torch.manual_seed(5)
    return method(uneven())


def views_of_step(
    method: Teaching, easy: ViewOptions, *hard: ViewOptions, apart: bool = False
) -> list[View]:
    """The views that ``step`` draws: of the labelled crops, then an easy one and the hard ones.

    Args:
        apart: the hard views are not the easy one moved again.
    """
    views, batch = method.setting.views, uneven()
    torch.manual_seed(5)
    found = [views.random(batch.select(batch.labeled), method.setting.view_options)]
    others = batch.select(~batch.labeled)
    found.append(views.random(others, easy))
    found += [views.random(others, h, after=None if apart else found[1]) for h in hard]
    exchanged = torch.stack([view.flipped != found[1].flipped for view in found[2:]])
    assert len(exchanged.unique()) == 2  # or whoever forgets the flips would not be found out
    return found


def taught_by(method: Teaching, heatmaps: Tensor, easy: View, hard: View) -> Guidance:
    """What a teacher's heatmaps of one view say of the other."""
    return carry(heatmaps, easy, hard, method.setting.views.order(heatmaps.device), 4)


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


class Replies(nn.Module):
    """A network with one given answer for each pass; it keeps what came in.

    Its features are the squares of its images, so that those of a mix are no mix of features.
    """

    stride = 4

    def __init__(self, *heatmaps: Tensor) -> None:
        super().__init__()
        self.heatmaps = heatmaps
        self.images: list[Tensor] = []
        self.features: list[Tensor] = []

    def backbone(self, images: Tensor) -> list[Tensor]:
        self.images.append(images)
        return [images**2]

    def head(self, features: list[Tensor]) -> LocalizerOutput:
        heatmaps = self.heatmaps[len(self.features)]
        assert len(heatmaps) == len(features[0])
        self.features += features
        return LocalizerOutput(heatmaps, features[0])

    def forward(self, images: Tensor) -> LocalizerOutput:
        return self.head(self.backbone(images))


def replying(method: Teaching, *heatmaps: Tensor, name: str = "model") -> Replies:
    """Gives a method a network with these answers."""
    network = Replies(*heatmaps)
    method.add_module(name, network)
    return network


def heatmaps_at(points: Tensor) -> Tensor:
    """What a perfect network says of points (B, K, 2) in view pixels."""
    return encode(points / 4, MAP, 1.5)


def inner_points(view: View) -> Tensor:
    """(B, K, 2) places well inside a view, one for each keypoint, no two in one heatmap pixel."""
    torch.manual_seed(7)
    cells = torch.stack([torch.randperm(8 * 6)[: len(SKELETON)] for _ in view.images])
    places = 4 * torch.stack([4 + cells % 8, 3 + cells // 8], dim=-1)
    return places + 0.5 + 3 * torch.rand(places.shape)


def central_points(view: View) -> Tensor:
    """The same in the middle of heatmap pixels, where a peak is as high as it is said to be."""
    return (inner_points(view) / 4).floor() * 4 + 2


def without_joints(view: View, guidance: Guidance, half: float) -> Tensor:
    """A view's images, blank less than ``half`` pixels from every joint in it, each way."""
    x, y = (torch.arange(side) + 0.5 for side in SIZE)
    images = view.images.clone()
    for image, points in enumerate(guidance.points):
        for at, inside in zip(points, guidance.inside[image], strict=True):
            near = ((y - at[1]).abs() < half)[:, None] & ((x - at[0]).abs() < half)
            images[image, :, near & inside] = 0
    return images


def mixed_of(mixes: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """With which other image each image is mixed, and (B, 1) its own share of the mix."""
    found = []
    for i, mix in enumerate(mixes):
        for j in set(range(len(images))) - {i}:
            apart = images[i] - images[j]
            share = ((mix - images[j]) * apart).sum() / (apart**2).sum()
            if torch.allclose(mix, share * images[i] + (1 - share) * images[j], atol=1e-4):
                found.append((i, j, share))
    assert [i for i, _, _ in found] == list(range(len(images)))  # one partner each
    share = torch.stack([share for _, _, share in found])
    assert ((share - 0.5).abs() > 0.05).any()  # or own and other would weigh the same
    return torch.tensor([j for _, j, _ in found]), share[:, None]


def errors(student: Tensor, guidance: Guidance) -> Tensor:
    """(B, K) mean squared error of each heatmap, where the teacher saw it; 0: not in the view."""
    seen = guidance.pixels[:, None].float()
    square = (student - guidance.heatmaps) ** 2 * seen
    each = square.sum(dim=(2, 3)) / seen.sum(dim=(2, 3))
    return each * guidance.inside


def error_of_labels(learned: Tensor, view: View) -> float:
    """Mean squared error of the heatmaps of points that are annotated."""
    each = ((learned - heatmaps_at(view.points)) ** 2).mean(dim=(2, 3))
    return float(each[view.annotated].mean())


def check_figures(method: Teaching, peak: float, counts: Tensor) -> None:
    """A step's figures of the collapse: the mean peak of the teacher, and how much counts."""
    share = counts.float().mean().item()
    assert 0 < share < 1  # or whoever counts everything would not be found out
    assert method.figures["unlabeled_peak"].item() == pytest.approx(peak, rel=1e-5)
    assert method.figures["taught"].item() == pytest.approx(share, rel=1e-5)
