"""The keypoint classifier."""

from __future__ import annotations

import torch

from pointillist.models.classifier import KeypointClassifier


def test_shape_and_size() -> None:
    classifier = KeypointClassifier(64, 14)
    assert classifier(torch.randn(3, 14, 64)).shape == (3, 14, 14)
    # The paper: "less than a thousand of parameters".
    assert sum(p.numel() for p in classifier.parameters()) == 64 * 14 + 14 < 1000
