"""What a method says of validation: by hand, and in the log of a training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_methods import build

from core_cases import dots_dataset, tiny_config
from pointillist.methods.semantic_consistency import SemanticConsistency
from pointillist.models.heads import LocalizerOutput
from pointillist.synthetic import SKELETON
from pointillist.training import train
from training_cases import column


def test_recognised_keypoints_are_counted() -> None:
    """Features that are one-hot where a keypoint is, and a classifier that takes the largest."""
    count = len(SKELETON)
    method = build("semantic_consistency", Path("unused"), channels=count)
    assert isinstance(method, SemanticConsistency)
    heatmaps, features = torch.zeros(2, count, 8, 8), torch.zeros(2, count, 8, 8)
    for k in range(count):
        heatmaps[:, k, k % 8, k // 8] = 1
        features[:, k, k % 8, k // 8] = 1
    # In the second image keypoint 0 looks like keypoint 1, and keypoint 2 like nothing.
    features[1, 0], features[1, 1] = 0, features[1, 0] + features[1, 1]
    features[1, 2] = 0
    method.project = torch.nn.Identity()  # type: ignore[assignment]
    with torch.no_grad():
        method.classifier.layer.weight.copy_(torch.eye(count))
        method.classifier.layer.bias.zero_()
        method.classifier.layer.bias[3] = 0.1  # what nothing is taken for
    annotated = torch.ones(2, count, dtype=torch.bool)
    annotated[1, 2] = False
    # Of a batch every fourth is looked at.
    heatmaps, features = heatmaps.repeat_interleave(4, 0), features.repeat_interleave(4, 0)
    annotated = annotated.repeat_interleave(4, 0)
    figures = method.validation_figures(LocalizerOutput(heatmaps, features), annotated)
    assert figures["pseudo_accuracy"].item() == pytest.approx((2 * count - 2) / (2 * count - 1))
    # Keypoints from 3 on are the same in both images and sqrt(2) from all others: 1 each. 2 has
    # one representation: 0. 0 and 1: in the second image they are the same as keypoint 1's.
    # 0 in the first image: sqrt(2) to its own, as to all others: 0; in the second image sqrt(2)
    # to its own, 0 to keypoint 1: -1. Keypoint 1: nothing to its own, and to keypoint 0 the mean
    # of sqrt(2) and 0 in both images: 1.
    expected = (2 * (count - 3) + 0 + 0 - 1 + 2 * 1) / (2 * count - 1)
    assert figures["silhouette"].item() == pytest.approx(expected, abs=1e-3)
    nothing = method.validation_figures(
        LocalizerOutput(heatmaps, features), torch.zeros_like(annotated)
    )
    assert {name: value.item() for name, value in nothing.items()} == dict.fromkeys(figures, 0)


def test_each_validation_logs_them(tmp_path: Path) -> None:
    config = tiny_config(
        "method=semantic_consistency", "training.max_steps=4", "training.validate_every=2"
    )
    data = dots_dataset(tmp_path / "data", 12, labeled=6)
    run = train(data, tmp_path / "run", val=data.subset(data.labeled), config=config, quiet=True)
    for name in ("pck@0.1", "pseudo_accuracy", "silhouette"):
        assert list(column(run, f"val/{name}")) == [2, 4], name
    assert all(0 <= v <= 1 for v in column(run, "val/pseudo_accuracy").values())
