"""The image generator."""

from __future__ import annotations

import torch

from pointillist.models.generator import Generator


def test_it_draws_an_image_of_the_same_size_and_reads_the_heatmaps() -> None:
    generator = Generator(5, width=8).eval()
    appearance = torch.randn(2, 3, 64, 48)
    heatmaps = torch.zeros(2, 5, 16, 12)
    blank = generator(appearance, heatmaps)
    assert blank.shape == (2, 3, 64, 48)
    heatmaps[:, 2, 8, 6] = 1
    assert not torch.allclose(generator(appearance, heatmaps), blank)
