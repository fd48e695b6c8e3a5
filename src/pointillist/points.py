"""From crops to points: in the file, for validation; from bare pixels, to predict and export."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointillist.batch import Batch, View
from pointillist.calibration import Calibration
from pointillist.geometry import inverse, transform_points
from pointillist.heatmaps import Decoding, decode
from pointillist.models.localizer import Localizer
from pointillist.skeleton import Skeleton


def predict_heatmaps(network: Localizer, images: Tensor, flip_order: Tensor | None) -> Tensor:
    """Heatmaps (B, K, H/s, W/s) of plain views (B, 3, H, W), float32.

    With ``flip_order`` (K,), which point each point becomes in a mirror image, the mean over the
    image and its mirror image. Both go through the network in one batch.
    """
    if flip_order is None:
        return network(images).heatmaps.float()
    both = network(torch.cat([images, images.flip(-1)])).heatmaps.float()
    straight, mirrored = both.unflatten(0, (2, -1)).unbind(0)
    return 0.5 * (straight + mirrored.flip(-1)[:, flip_order])


def points_in_file(
    batch: Batch, view: View, heatmaps: Tensor, *, stride: int, decoding: Decoding
) -> tuple[Tensor, Tensor]:
    """Points (B, K, 2) in the file's pixels and confidence (B, K), from a view's heatmaps."""
    points, confidence = decode(heatmaps, decoding)
    in_crop = transform_points(inverse(view.transform), points * stride)
    return transform_points(batch.to_file, in_crop), confidence


def calibrated(confidence: Tensor, shares: Tensor) -> Tensor:
    """Heights of peaks as shares of right points.

    Args:
        confidence: (...) in [0, 1].
        shares: (N,) at heights of 0, 1 / (N - 1), ..., 1, see
            :class:`~pointillist.calibration.Calibration`; between them they are interpolated.
    """
    last = len(shares) - 1
    position = confidence * last
    below = position.floor().clamp(max=last - 1)
    index, rest = below.long(), position - below
    return shares[index] * (1 - rest) + shares[index + 1] * rest


class CropPoints(nn.Module):
    """Crops as they are decoded in, points out: normalisation, network, flip test and decoding.

    Predictions are made with it, and it is what an export writes, so both do the same.

    Args:
        network: the localizer.
        skeleton: its left-right pairs are exchanged in the mirror image.
        decoding: see :func:`~pointillist.heatmaps.decode`.
        flip: average over the image and its mirror image; without left-right pairs it is not done.
        calibration: what the height of a peak means; none: it is the confidence as it is.
    """

    scale: Tensor
    offset: Tensor
    flip_order: Tensor | None
    shares: Tensor | None

    def __init__(
        self,
        network: Localizer,
        skeleton: Skeleton,
        *,
        decoding: Decoding,
        flip: bool,
        calibration: Calibration | None = None,
    ) -> None:
        super().__init__()
        self.network, self.decoding = network, decoding
        mean, std = torch.tensor(network.mean), torch.tensor(network.std)
        self.register_buffer("scale", 1 / (255 * std[:, None, None]))
        self.register_buffer("offset", -(mean / std)[:, None, None])
        # A skeleton without known left-right pairs must not be mirrored: left would become right.
        order = torch.from_numpy(skeleton.flip_order) if flip and skeleton.flip_pairs else None
        self.register_buffer("flip_order", order)
        shares = torch.tensor(calibration.shares) if calibration else None
        self.register_buffer("shares", shares)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, K, 2) in crop pixels and confidence (B, K) of (B, H, W, 3) uint8 RGB crops."""
        return self.decode(self.heatmaps(crops))

    def heatmaps(self, crops: Tensor) -> Tensor:
        """Heatmaps (B, K, H/s, W/s) of (B, H, W, 3) uint8 RGB crops."""
        return predict_heatmaps(self.network, self.images(crops), self.flip_order)

    def images(self, crops: Tensor) -> Tensor:
        """What the network sees (B, 3, H, W) of (B, H, W, 3) uint8 RGB crops."""
        # The last dimension becomes the second one in name only: the layout is channels_last.
        return crops.permute(0, 3, 1, 2).float() * self.scale + self.offset

    def decode(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, K, 2) in crop pixels and confidence (B, K) of heatmaps."""
        points, confidence = decode(heatmaps, self.decoding)
        if self.shares is not None:
            confidence = calibrated(confidence, self.shares)
        return points * self.network.stride, confidence
