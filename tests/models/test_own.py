"""Networks of one's own: used as they are, trained and opened again by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from core_cases import dots_dataset, tiny_config
from pointillist.errors import ConfigError
from pointillist.inference import predict
from pointillist.models.backbones import create_backbone
from pointillist.models.localizer import Localizer
from pointillist.models.own import OwnBackbone
from pointillist.run import Run
from pointillist.training import train


class Own(nn.Module):
    """A network of a user's: coarse to fine, or only the last."""

    def __init__(self, *strides: int, alone: bool = False) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(3, stride, kernel_size=stride, stride=stride) for stride in strides
        )
        self.norm = nn.BatchNorm2d(3)
        self.alone = alone

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        images = self.norm(images)
        features = tuple(convolution(images) for convolution in self.convolutions)
        return features[-1] if self.alone else features


def test_a_network_of_one_s_own_is_wrapped_as_it_is() -> None:
    own = Own(16, 8, 4)
    before = {name: value.clone() for name, value in own.state_dict().items()}
    model = Localizer(OwnBackbone(own, image_size=(64, 32)), 3, width=8)
    assert model.backbone.model is own
    assert own.training
    assert all(torch.equal(before[name], value) for name, value in own.state_dict().items())
    assert model.backbone.strides == (4, 8, 16)
    assert model.backbone.channels == (4, 8, 16)  # as many as the stride, see above
    heatmaps, features = model(torch.randn(2, 3, 48, 32))
    assert heatmaps.shape == (2, 3, 12, 8)
    assert features.shape == (2, 8, 12, 8)
    heatmaps.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("stride", [1, 2, 8])
def test_a_single_feature_may_have_any_stride(stride: int) -> None:
    model = Localizer(OwnBackbone(Own(stride, alone=True)), 3, width=8)
    assert model.backbone.strides == (stride,)
    assert model(torch.randn(2, 3, 16, 32)).heatmaps.shape == (2, 3, 4, 8)


def test_its_normalisation_says_how_many_channels_it_takes() -> None:
    gray = nn.Conv2d(1, 4, 4, 4)
    gray.mean, gray.std = [0.4], [0.2]  # type: ignore[assignment]
    model = Localizer(OwnBackbone(gray), 2, width=8)
    assert (model.mean, model.std) == ((0.4,), (0.2,))
    assert model(torch.randn(1, 1, 8, 8)).heatmaps.shape == (1, 2, 2, 2)


@pytest.mark.parametrize(
    ("module", "size", "message"),
    [
        (nn.Linear(3, 3), (64, 64), "Linear cannot take an image of 64 x 64 pixels"),
        (nn.Flatten(), (8, 8), r"Flatten returns a tensor of shape \(1, 192\)"),
        (nn.Conv2d(3, 4, 3), (64, 64), r"Conv2d returns a tensor of shape \(1, 4, 62, 62\)"),
        (nn.Conv2d(3, 4, 3, 3), (96, 96), "stride 3"),
    ],
)
def test_what_cannot_be_a_backbone(module: nn.Module, size: tuple[int, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        OwnBackbone(module, image_size=size)


def make() -> nn.Module:
    """What ``test_own:make`` names."""
    return Own(4, 8)


def make_nothing() -> None:
    """No network."""


def test_it_is_trained_and_opened_again_by_the_name_of_what_makes_it(tmp_path: Path) -> None:
    data = dots_dataset(tmp_path / "data", 8)
    config = tiny_config("model.backbone=test_own:make", "training.max_steps=2")
    run = train(data, tmp_path / "run", val=data, config=config, quiet=True)
    assert run.config.model.backbone == "test_own:make"
    network = Run.open(tmp_path / "run").network()
    assert isinstance(network.backbone.model, Own)
    predicted = predict(tmp_path / "run", data)
    assert all(image.instances for image in predicted)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("test_own:nobody", r"'test_own:nobody' cannot be imported.*nobody"),
        ("no_such_module:make", r"cannot be imported: No module named.*PYTHONPATH"),
        (":make", r"':make' cannot be imported"),
        ("test_own:make_nothing", "returns a NoneType, not a torch.nn.Module"),
    ],
)
def test_what_is_not_there_is_told(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create_backbone(name)
