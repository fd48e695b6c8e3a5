"""From a batch of crops to points in the file: what validation and prediction share."""

from __future__ import annotations

import torch
from torch import Tensor

from pointillist.augment import ViewMaker
from pointillist.batch import Batch
from pointillist.geometry import inverse, transform_points
from pointillist.heatmaps import Decoding, decode
from pointillist.models.localizer import Localizer


def predict_heatmaps(network: Localizer, views: ViewMaker, images: Tensor, *, flip: bool) -> Tensor:
    """Heatmaps (B, K, H/s, W/s) of plain views (B, 3, H, W), float32.

    With ``flip`` the mean over the image and its mirror image, lefts and rights put right again.
    Both go through the network in one batch.
    """
    if not flip:
        return network(images).heatmaps.float()
    both = network(torch.cat([images, images.flip(-1)])).heatmaps.float()
    straight, mirrored = both.chunk(2)
    return 0.5 * (straight + mirrored.flip(-1)[:, views.order(images.device)])


def predict_points(
    network: Localizer, views: ViewMaker, batch: Batch, *, decoding: Decoding, flip: bool
) -> tuple[Tensor, Tensor]:
    """Points (B, K, 2) in the file's pixels and confidence (B, K)."""
    view = views.plain(batch)
    heatmaps = predict_heatmaps(network, views, view.images, flip=flip)
    points, confidence = decode(heatmaps, decoding)
    in_crop = transform_points(inverse(view.transform), points * network.stride)
    return transform_points(batch.to_file, in_crop), confidence
