from __future__ import annotations

import logging

import pytest
import timm
import torch

from pointillist.errors import ConfigError, PointillistError
from pointillist.models.backbones import IMAGENET_MEAN, IMAGENET_STD, create_backbone


def shapes(features: list[torch.Tensor]) -> list[tuple[int, ...]]:
    return [tuple(feature.shape) for feature in features]


def test_resnet18_gives_strides_4_to_16_from_fine_to_coarse() -> None:
    backbone = create_backbone("resnet18")
    assert backbone.name == "resnet18"
    assert backbone.strides == (4, 8, 16)
    assert backbone.channels == (64, 128, 256)
    assert backbone.size_multiple == 16
    # Width 48, height 64: rows come first in a tensor's shape.
    features = backbone(torch.zeros(2, 3, 64, 48))
    assert shapes(features) == [(2, 64, 16, 12), (2, 128, 8, 6), (2, 256, 4, 3)]


def test_layers_beyond_max_stride_are_not_built() -> None:
    # 9,408 + 128 in the stem, 147,968 + 525,568 + 2,099,712 in the layers 1 to 3.
    to_16 = create_backbone("resnet18", max_stride=16)
    assert sum(p.numel() for p in to_16.parameters()) == 2_782_784
    # Layer 4 has 8,393,728 more; the classifier is in neither.
    to_32 = create_backbone("resnet18", max_stride=32)
    assert sum(p.numel() for p in to_32.parameters()) == 2_782_784 + 8_393_728
    assert to_32.strides == (4, 8, 16, 32)
    assert to_32.size_multiple == 32


def test_features_are_those_of_the_whole_model() -> None:
    torch.manual_seed(0)
    whole = timm.create_model("resnet18").eval()
    backbone = create_backbone("resnet18").eval()
    backbone.model.model.load_state_dict(whole.state_dict(), strict=False)
    images = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        third = whole.layer3(
            whole.layer2(whole.layer1(whole.maxpool(whole.act1(whole.bn1(whole.conv1(images))))))
        )
        torch.testing.assert_close(backbone(images)[2], third)


def test_a_mobile_network_skips_its_stride_2() -> None:
    backbone = create_backbone("mobilenetv3_small_050")
    assert backbone.strides == (4, 8, 16)
    assert backbone.channels == (8, 16, 24)


def test_a_vision_transformer_gives_one_feature_at_any_size() -> None:
    backbone = create_backbone("vit_tiny_patch16_224")
    assert backbone.strides == (16,)
    assert backbone.channels == (192,)
    assert backbone.fixed_size is None
    assert shapes(backbone(torch.zeros(1, 3, 32, 48))) == [(1, 192, 2, 3)]


def test_a_patch_size_that_is_no_power_of_two() -> None:
    backbone = create_backbone("eva02_tiny_patch14_224")
    assert backbone.strides == (14,)
    assert backbone.size_multiple == 28  # a whole number of patches and of heatmap pixels


def test_the_finest_feature_is_taken_where_all_are_beyond_max_stride() -> None:
    assert create_backbone("vit_small_patch32_224", max_stride=16).strides == (32,)


def test_a_network_that_takes_one_size_only_says_so() -> None:
    backbone = create_backbone("efficientvit_m0")
    assert backbone.fixed_size == (224, 224)
    assert backbone.strides == (16,)


def test_channels_last_features_come_out_channels_first() -> None:
    backbone = create_backbone("swin_tiny_patch4_window7_224")
    assert shapes(backbone(torch.zeros(1, 3, 64, 64)))[0] == (1, 96, 16, 16)


def test_the_dry_run_leaves_no_trace() -> None:
    backbone = create_backbone("resnet18")
    assert all(module.training for module in backbone.modules())
    counters = [v for k, v in backbone.state_dict().items() if k.endswith("num_batches_tracked")]
    assert counters
    assert all(counter == 0 for counter in counters)


def test_the_seed_decides_the_weights() -> None:
    def weights() -> torch.Tensor:
        torch.manual_seed(3)
        return torch.cat([p.flatten() for p in create_backbone("resnet18").parameters()])

    assert torch.equal(weights(), weights())


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("resnet81", "did you mean 'resnet"),
        ("hrnet32", "did you mean 'hrnet_w32'?"),
        ("resnet18.a1_in2k", "did you mean 'resnet18.a1_in1k'?"),
        ("?????", "timm.list_models()"),
    ],
)
def test_an_unknown_name_gets_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match="there is no backbone") as caught:
        create_backbone(name)
    assert name in str(caught.value)
    assert hint in str(caught.value)
    assert len(str(caught.value)) < 120  # not the list of a thousand names


def test_models_whose_features_do_not_line_up_are_refused() -> None:
    # Its convolutions are not padded: 12 x 12 for an image of 64 x 64.
    with pytest.raises(ConfigError, match=r"inception_v3 returns .*\(1, 192, 12, 12\)"):
        create_backbone("inception_v3")


def test_models_that_cannot_be_asked_for_features_are_refused() -> None:
    with pytest.raises(ConfigError, match="hardcorenas_a cannot be a backbone"):
        create_backbone("hardcorenas_a")


def test_options_that_contradict_each_other(tmp_path) -> None:
    with pytest.raises(ConfigError, match="16 or 32"):
        create_backbone("resnet18", max_stride=8)
    with pytest.raises(ConfigError, match="not both"):
        create_backbone("resnet18", pretrained=True, weights=tmp_path / "w.safetensors")


@pytest.mark.parametrize("name", ["resnet18", "hrnet_w18_small"])
def test_a_failed_download_says_to_give_a_file(name: str, monkeypatch) -> None:
    create_model = timm.create_model

    def offline(name: str, pretrained: bool = False, **options):
        if pretrained:
            raise OSError("Could not resolve host:\nexample.org")
        return create_model(name, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(PointillistError) as caught:
        create_backbone(name, pretrained=True)
    assert str(caught.value) == (
        f"the published weights of {name} could not be loaded "
        "(Could not resolve host: example.org). Give a local file with --weights FILE."
    )


def test_a_download_that_is_tried_again_says_so_once(monkeypatch, caplog) -> None:
    client = logging.getLogger("huggingface_hub.utils._http")
    monkeypatch.setattr(logging.getLogger("huggingface_hub"), "propagate", True)

    create_model = timm.create_model

    def offline(name: str, pretrained: bool = False, **options):
        if not pretrained:
            return create_model(name, **options)
        for _ in range(12):
            client.warning("no answer, trying again")
        raise OSError("no network")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(PointillistError):
        create_backbone("resnet18", pretrained=True)
    assert len(caplog.records) == 1
    client.warning("something else, later")
    assert len(caplog.records) == 2


def test_normalisation_is_imagenet_s_unless_published_weights_want_another(monkeypatch) -> None:
    plain = create_backbone("vit_tiny_patch16_224")
    assert (plain.mean, plain.std) == (IMAGENET_MEAN, IMAGENET_STD)

    create_model = timm.create_model
    monkeypatch.setattr(
        timm,
        "create_model",
        lambda name, pretrained=False, **options: create_model(name, **options),
    )
    published = create_backbone("vit_tiny_patch16_224", pretrained=True)
    assert (published.mean, published.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_other_numbers_of_channels() -> None:
    grey = create_backbone("resnet18", in_channels=1)
    assert grey.mean == pytest.approx((0.449,), abs=1e-3)  # (0.485 + 0.456 + 0.406) / 3
    assert shapes(grey(torch.zeros(1, 1, 32, 32)))[0] == (1, 64, 8, 8)
    four = create_backbone("resnet18", in_channels=4)
    assert four.mean == (0.485, 0.456, 0.406, 0.485)


def test_frozen_layers_neither_learn_nor_gather_statistics():
    backbone = create_backbone("resnet18")
    backbone.freeze(4)
    backbone.train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    total = torch.stack([f.sum() for f in backbone(torch.randn(2, 3, 64, 64))]).sum()
    total.backward()
    learning = {name for name, p in backbone.named_parameters() if p.requires_grad}
    assert not any(name.startswith(("model.model.conv1", "model.model.bn1", "model.model.layer1"))
                   for name in learning)  # fmt: skip
    assert "model.model.layer2.0.conv1.weight" in learning
    after = backbone.state_dict()
    assert torch.equal(before["model.model.layer1.0.bn1.running_mean"],
                       after["model.model.layer1.0.bn1.running_mean"])  # fmt: skip
    assert not torch.equal(before["model.model.layer2.0.bn1.running_mean"],
                           after["model.model.layer2.0.bn1.running_mean"])  # fmt: skip


@pytest.mark.parametrize(
    ("name", "learns", "stays"),
    [
        ("efficientnet_b0", "blocks.2.", "blocks.1."),
        ("convnext_tiny", "stages.1.", "stages.0."),
        ("hrnet_w32", "stage2.", "layer1."),
    ],
)
def test_freezing_ends_where_the_stride_does(name, learns, stays):
    backbone = create_backbone(name)
    backbone.freeze(4)
    learning = {n for n, p in backbone.named_parameters() if p.requires_grad}
    every = {n for n, _ in backbone.named_parameters()}
    assert {n for n in every if stays in n}.isdisjoint(learning)
    assert {n for n in every if learns in n} <= learning


def test_a_stride_that_the_network_has_not_is_named():
    with pytest.raises(ConfigError, match="resnet18 cannot be frozen up to stride 5"):
        create_backbone("resnet18").freeze(5)
