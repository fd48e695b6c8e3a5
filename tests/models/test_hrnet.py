from __future__ import annotations

import timm
import torch

from pointillist.models.backbones import create_backbone


def test_hrnet_w32_gives_352_channels_at_stride_4() -> None:
    backbone = create_backbone("hrnet_w32")
    assert backbone.strides == (4, 4, 4, 4)
    assert backbone.channels == (256, 32, 32, 32)
    assert sum(backbone.channels) == 352
    assert backbone.size_multiple == 32


def test_features_are_the_outputs_of_timm_s_stages() -> None:
    torch.manual_seed(0)
    whole = timm.create_model("hrnet_w18_small").eval()
    backbone = create_backbone("hrnet_w18_small").eval()
    unused = backbone.model.load_state_dict(whole.state_dict(), strict=False)
    assert unused.missing_keys == []

    outputs: list[torch.Tensor] = []
    whole.layer1.register_forward_hook(lambda *call: outputs.append(call[-1]))
    for stage in (whole.stage2, whole.stage3, whole.stage4):
        stage.register_forward_hook(lambda *call: outputs.append(call[-1][0]))

    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        whole(images)
        features = backbone(images)
    assert [tuple(f.shape) for f in features] == [
        (2, 128, 16, 24),
        (2, 16, 16, 24),
        (2, 16, 16, 24),
        (2, 16, 16, 24),
    ]
    for feature, output in zip(features, outputs, strict=True):
        torch.testing.assert_close(feature, output, rtol=0, atol=0)


def test_only_what_is_used_is_kept() -> None:
    backbone = create_backbone("hrnet_w18_small")
    sum(feature.mean() for feature in backbone(torch.randn(2, 3, 64, 64))).backward()
    idle = [name for name, p in backbone.named_parameters() if p.grad is None]
    assert idle == []
    assert not any("classifier" in name or "incre" in name for name in backbone.state_dict())


def test_options_reach_the_network() -> None:
    backbone = create_backbone("hrnet_w18_small", in_channels=1, max_stride=16).eval()
    assert backbone.strides == (4, 4, 4, 4)
    assert backbone(torch.zeros(1, 1, 32, 32))[0].shape == (1, 128, 8, 8)
