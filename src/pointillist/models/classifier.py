"""The keypoint classification network (KCN)."""

from __future__ import annotations

from torch import Tensor, nn


class KeypointClassifier(nn.Module):
    """Which keypoint a representation belongs to: an input and an output layer, nothing between.

    Under a thousand parameters for 64 channels and up to 15 keypoints (Moskvyak et al., ICLR
    2021, section 3.1).

    Args:
        channels: C, of a representation.
        keypoints: K.

    Shape:
        - representations: (B, K, C)
        - output: (B, K, K) logits
    """

    def __init__(self, channels: int, keypoints: int) -> None:
        super().__init__()
        self.layer = nn.Linear(channels, keypoints)

    def forward(self, representations: Tensor) -> Tensor:
        logits: Tensor = self.layer(representations)
        return logits
