from __future__ import annotations

import pytest
import torch

from pointillist.errors import ConfigError
from pointillist.models.localizer import Localizer, create_localizer
from pointillist.models.options import ModelOptions


def localizer(backbone: str = "resnet18", keypoints: int = 5, width: int = 16) -> Localizer:
    torch.manual_seed(0)
    return create_localizer(ModelOptions(backbone=backbone, width=width), keypoints)


@pytest.mark.parametrize(
    ("backbone", "features"),
    [
        ("resnet18", 16),
        ("mobilenetv3_small_050", 16),
        ("hrnet_w18_small", 128 + 3 * 16),
        ("vit_tiny_patch16_224", 16),
        ("convnext_atto", 16),
    ],
)
def test_every_kind_of_backbone(backbone: str, features: int) -> None:
    model = localizer(backbone)
    assert (model.keypoints, model.stride, model.feature_channels) == (5, 4, features)
    model.check_size(width=96, height=64)
    output = model(torch.randn(2, 3, 64, 96))
    assert output.heatmaps.shape == (2, 5, 16, 24)
    assert output.features.shape == (2, features, 16, 24)
    assert output.heatmaps.abs().max() < 0.1

    (output.heatmaps - 1).square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_hrnet_w32_is_that_of_the_paper() -> None:
    model = localizer("hrnet_w32", keypoints=14).eval()
    assert model.feature_channels == 352
    with torch.no_grad():
        output = model(torch.randn(1, 3, 64, 64))
    assert output.features.shape == (1, 352, 16, 16)
    # The heatmaps rest on the last 32 channels alone.
    layer = model.head.heatmaps
    expected = torch.einsum("bchw,kc->bkhw", output.features[:, -32:], layer.weight[:, :, 0, 0])
    torch.testing.assert_close(output.heatmaps, expected, rtol=1e-4, atol=1e-5)


def test_mixed_precision_and_channels_last() -> None:
    model = localizer().to(memory_format=torch.channels_last)
    images = torch.randn(4, 3, 64, 64).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        output = model(images)
        output.heatmaps.float().square().mean().backward()
    assert output.features.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)

    model.eval()
    with torch.no_grad():
        exact = model(images).heatmaps
        with torch.autocast("cpu", torch.bfloat16):
            mixed = model(images).heatmaps
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, exact, rtol=0, atol=0.05 * exact.abs().max().item())


def test_the_same_seed_and_images_give_the_same_heatmaps() -> None:
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(localizer()(images).heatmaps, localizer()(images).heatmaps)


@pytest.mark.parametrize(
    ("backbone", "width", "height", "message"),
    [
        (
            "resnet18",
            100,
            96,
            "an input of 100 x 96 pixels does not fit resnet18: width and height must be "
            "multiples of 16. The nearest size is 96 x 96.",
        ),
        (
            "hrnet_w18_small",
            64,
            80,
            "an input of 64 x 80 pixels does not fit hrnet_w18_small: width and height must be "
            "multiples of 32. The nearest size is 64 x 64.",
        ),
        (
            "resnet18",
            0,
            64,
            "an input of 0 x 64 pixels does not fit resnet18: width and height must be "
            "multiples of 16. The nearest size is 16 x 64.",
        ),
        (
            "efficientvit_m0",
            96,
            96,
            "efficientvit_m0 takes inputs of 224 x 224 pixels only, not 96 x 96",
        ),
    ],
)
def test_sizes_that_do_not_fit(backbone: str, width: int, height: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        localizer(backbone).check_size(width, height)
    assert str(caught.value) == message


def test_sizes_that_fit() -> None:
    localizer("resnet18").check_size(96, 144)
    localizer("hrnet_w18_small").check_size(64, 96)
    localizer("efficientvit_m0").check_size(224, 224)


def test_no_keypoints() -> None:
    with pytest.raises(ConfigError, match="at least one keypoint"):
        localizer(keypoints=0)
