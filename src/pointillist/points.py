"""From crops to points: in the file, for validation; from bare pixels, to predict and export."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pointillist import geometry
from pointillist.batch import Batch, View
from pointillist.calibration import Calibration
from pointillist.geometry import inverse, transform_points
from pointillist.heatmaps import Decoding, decode, smoothed
from pointillist.models.localizer import Localizer
from pointillist.skeleton import Skeleton

#: Degrees and magnification of a copy of an image.
Copy = tuple[float, float]

#: The copies that a prediction may average over.
COPIES: tuple[Copy, ...] = ((0.0, 1.0), (15.0, 1.1), (-15.0, 1.2))


def predict_heatmaps(
    network: Localizer, images: Tensor, flip_order: Tensor | None, copies: Sequence[Copy] = ()
) -> Tensor:
    """Heatmaps (B, K, H/s, W/s) of plain views (B, 3, H, W), float32.

    With ``flip_order`` (K,), which point each point becomes in a mirror image, the mean over the
    image and its mirror image. Both go through the network in one batch. With ``copies`` the mean
    over turned and scaled copies (:data:`COPIES`, say) as well, at each pixel over those that
    show it.
    """
    seen = images if flip_order is None else torch.cat([images, images.flip(-1)])
    if copies:
        answers = [_of_copy(network, seen, *copy) for copy in copies]
        total, shown = (torch.stack(parts).sum(dim=0) for parts in zip(*answers, strict=True))
        # A pixel that no copy shows well is not made more of than there is.
        heatmaps = total / shown.clamp(min=0.5)
    else:
        heatmaps = network(seen).heatmaps.float()
    if flip_order is None:
        return heatmaps
    straight, mirrored = heatmaps.unflatten(0, (2, -1)).unbind(0)
    return 0.5 * (straight + mirrored.flip(-1)[:, flip_order])


def _of_copy(
    network: Localizer, images: Tensor, degrees: float, scale: float
) -> tuple[Tensor, Tensor]:
    """Heatmaps of images that are turned and magnified, in their place in the images.

    Returns:
        (B, K, h, w), and how much of each pixel (1, 1, h, w) the copy shows, in [0, 1]: the edges
        of a magnified copy lie outside it.
    """
    # Not len(images), which an export would take for a fixed number.
    count, (height, width) = images.shape[0], images.shape[-2:]
    angle = torch.full((1,), geometry.degrees(degrees), device=images.device)
    factor = torch.full_like(angle, scale)
    turn = geometry.compose(geometry.rotation(angle), geometry.scaling(factor, factor))
    turn = geometry.about(turn, width / 2, height / 2)
    copy = geometry.warp(images, turn.expand(count, 3, 3), (width, height))
    heatmaps = network(copy.contiguous(memory_format=torch.channels_last)).heatmaps.float()
    on_map = geometry.at_stride(geometry.inverse(turn), network.stride)
    size = (heatmaps.shape[-1], heatmaps.shape[-2])
    shown = geometry.warp(torch.ones_like(heatmaps[:1, :1]), on_map, size)
    return geometry.warp(heatmaps, on_map.expand(count, 3, 3), size), shown


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
        copies: average over turned and scaled copies as well.
        smoothing: deviation of the Gaussian that heatmaps are smoothed with, in heatmap pixels.
        sigma: of the Gaussians that the network has learnt, in heatmap pixels.
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
        copies: bool = False,
        smoothing: float = 0.0,
        sigma: float = 1.0,
        calibration: Calibration | None = None,
    ) -> None:
        super().__init__()
        self.network, self.decoding = network, decoding
        self.copies = COPIES if copies else ()
        self.smoothing, self.sigma = smoothing, sigma
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
        heatmaps = predict_heatmaps(self.network, self.images(crops), self.flip_order, self.copies)
        return smoothed(heatmaps, self.smoothing, self.sigma)

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
