"""GMP(F * h) without the large tensor: exact, with its gradient."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pointillist.models.representation import represent


def plain(features: torch.Tensor, heatmaps: torch.Tensor) -> torch.Tensor:
    """As the paper writes it."""
    return (features[:, None] * heatmaps[:, :, None]).flatten(3).amax(dim=3)


def test_value_by_hand() -> None:
    # One channel (1, 2), heatmaps (1, 0.2) and (0, 1): products (1, 0.4) and (0, 2).
    features = torch.tensor([[[[1.0, 2.0]]]])
    heatmaps = torch.tensor([[[[1.0, 0.2]], [[0.0, 1.0]]]])
    torch.testing.assert_close(represent(features, heatmaps), torch.tensor([[[1.0], [2.0]]]))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 4), st.integers(1, 6), st.integers(1, 7), st.integers(1, 5),
    st.integers(0, 2**31),
)  # fmt: skip
def test_value_and_gradient_are_those_of_the_plain_form(
    images: int, keypoints: int, channels: int, height: int, width: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = (height, width)
    features = torch.randn(images, channels, *shape, generator=generator, requires_grad=True)
    heatmaps = torch.randn(images, keypoints, *shape, generator=generator, requires_grad=True)
    ours, theirs = represent(features, heatmaps), plain(features, heatmaps)
    torch.testing.assert_close(ours, theirs)
    weight = torch.randn(theirs.shape, generator=generator)
    mine = torch.autograd.grad((ours * weight).sum(), (features, heatmaps))
    wanted = torch.autograd.grad((theirs * weight).sum(), (features, heatmaps))
    torch.testing.assert_close(mine, wanted)


def test_gradcheck() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 3, 4, 3, dtype=torch.float64, requires_grad=True)
    heatmaps = torch.rand(2, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(represent, (features, heatmaps))
