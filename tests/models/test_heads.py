from __future__ import annotations

import pytest
import torch
from torch import nn

from pointillist.models.heads import FusionHead, HeatmapLayer, HighResolutionHead


def transparent(head: FusionHead) -> FusionHead:
    """A head of width 1 whose convolutions pass their input on, so that only resizing is left."""
    with torch.no_grad():
        for module in head.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.zero_()
                centre = module.kernel_size[0] // 2
                module.weight[:, :, centre, centre] = 1
    return head.eval()  # BatchNorm then divides by sqrt(1 + 1e-5)


def row(*values: float) -> torch.Tensor:
    """A square map (1, 1, n, n) whose rows are all these values."""
    return torch.tensor(values, dtype=torch.float32).expand(1, 1, len(values), len(values))


def test_upsampling_keeps_pixel_centres_in_place() -> None:
    # Stride 8 to 4: the centres 0.5 and 1.5 become 1 and 3; new ones lie at 0.5, 1.5, 2.5, 3.5,
    # so at 0 (edge), 1/4, 3/4 and 1 (edge) of the way.
    head = transparent(FusionHead([8], [1], keypoints=1, width=1))
    heatmaps, features = head([row(0, 4)])
    torch.testing.assert_close(features, row(0, 1, 3, 4), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(heatmaps, row(0, 1, 3, 4), rtol=1e-4, atol=1e-6)


def test_coarse_features_are_added_to_fine_ones() -> None:
    head = transparent(FusionHead([4, 8], [1, 1], keypoints=1, width=1))
    _, features = head([row(10, 20, 30, 40), row(0, 4)])
    torch.testing.assert_close(features, row(10, 21, 33, 44), rtol=1e-4, atol=1e-6)


def test_features_finer_than_stride_4_are_averaged() -> None:
    head = transparent(FusionHead([2], [1], keypoints=1, width=1))
    _, features = head([torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]])])
    torch.testing.assert_close(features, torch.full((1, 1, 1, 1), 4.0), rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    ("stride", "blocks"),
    [(2, 1), (4, 1), (7, 1), (8, 1), (12, 2), (14, 2), (16, 2), (32, 3)],
)
def test_one_block_for_each_halving_and_always_stride_4_in_the_end(
    stride: int, blocks: int
) -> None:
    head = FusionHead([stride], [5], keypoints=3, width=8)
    assert len(head.blocks) == blocks
    # 4 x 8 features of stride s are an image of 4s x 8s pixels.
    heatmaps, features = head([torch.randn(2, 5, 4, 8)])
    assert heatmaps.shape == (2, 3, stride, 2 * stride)
    assert features.shape == (2, 8, stride, 2 * stride)


def test_the_first_heatmaps_are_near_zero_and_differ() -> None:
    torch.manual_seed(0)
    head = FusionHead([4, 8], [16, 32], keypoints=3)
    heatmaps, _ = head([torch.randn(2, 16, 8, 8), torch.randn(2, 32, 4, 4)])
    assert heatmaps.abs().max() < 0.1
    assert heatmaps.std() > 1e-4


def test_hrnet_s_heatmaps_come_from_the_last_branch() -> None:
    head = HighResolutionHead([3, 2], keypoints=1)
    with torch.no_grad():
        head.heatmaps.weight[:] = torch.tensor([10.0, 100.0]).view(1, 2, 1, 1)
    first, last = torch.full((1, 3, 2, 2), 7.0), torch.ones(1, 2, 2, 2)
    heatmaps, features = head([first, last])
    torch.testing.assert_close(heatmaps, torch.full((1, 1, 2, 2), 110.0))
    assert head.feature_channels == 5
    assert features[0, :, 0, 0].tolist() == [7, 7, 7, 1, 1]


def test_evaluation_keeps_float32_under_autocast() -> None:
    torch.manual_seed(0)
    layer = HeatmapLayer(8, 2)
    features = torch.randn(1, 8, 4, 4).to(torch.bfloat16)
    exact = torch.einsum("bchw,kc->bkhw", features.float(), layer.weight[:, :, 0, 0])
    with torch.autocast("cpu", torch.bfloat16):
        assert layer.train()(features).dtype == torch.bfloat16
        heatmaps = layer.eval()(features)
    assert heatmaps.dtype == torch.float32
    torch.testing.assert_close(heatmaps, exact, rtol=1e-5, atol=1e-7)
