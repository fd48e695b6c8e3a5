"""Equivariant landmark transformation (ELT), a baseline of the ICLR 2021 paper."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from pointillist import geometry
from pointillist.augment import random_perspective
from pointillist.batch import Batch
from pointillist.heatmaps import soft_argmax
from pointillist.losses import EquivariantLandmarkLoss, HeatmapLoss
from pointillist.methods.base import Method, MethodOptions, RampedOptions, Setting, ramped
from pointillist.models.localizer import Localizer


class EquivariantLandmarksOptions(RampedOptions):
    """Options of ELT."""

    #: The paper compares with it at the same settings; the weight of its loss it does not state.
    published: ClassVar[dict[str, Any]] = {
        "supervised": 1000.0,
        "strength": 0.15,
        "burn_in": 0.0,
        "ramp": 0.0,
    }

    supervised: float = Field(1000.0, ge=0, description="weight of the squared error on labels")
    equivariance: float = Field(
        10.0, ge=0, description="weight of the squared distance, in shares of the map's side"
    )
    temperature: float = Field(
        0.02,
        gt=0,
        description="of the soft-argmax; low, because heatmaps here reach 1 at most and the "
        "background has hundreds of pixels: at 0.1 a peak of 0.5 gives nearly the map's centre",
    )
    strength: float = Field(0.15, gt=0, lt=0.5, description="of the perspective transform")


class EquivariantLandmarks(Method):
    """Points of a moved image, moved back, must be the points of the image.

    Honari et al., "Improving landmark localization with semi-supervised learning", CVPR 2018,
    with the transforms and the supervised loss of Moskvyak et al., ICLR 2021 (Table 1).
    """

    name: ClassVar[str] = "equivariant_landmarks"
    Options: ClassVar[type[MethodOptions]] = EquivariantLandmarksOptions
    options: EquivariantLandmarksOptions

    def __init__(self, model: Localizer, setting: Setting, options: MethodOptions) -> None:
        super().__init__(model, setting, options)
        self.supervised = HeatmapLoss()
        self.equivariance = EquivariantLandmarkLoss()

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Every crop goes through the network as it is and moved; at first the labelled ones."""
        options = self.options
        weight = ramped(self.progress, options.burn_in, options.ramp)
        if not weight:
            batch = batch.select(batch.labeled)
        view = self.setting.views.random(batch, self.setting.view_options)
        labeled = batch.labeled[:, None] & view.annotated
        if not weight:
            error = self.supervised(self.model(view.images).heatmaps, self.targets(view), labeled)
            return {"supervised": options.supervised * error}
        count, device = len(batch), view.images.device
        transform = random_perspective(count, view.size, options.strength, device)
        moved = geometry.warp(view.images, transform, view.size)
        first, second = self.model(torch.cat([view.images, moved])).heatmaps.chunk(2)
        supervised = self.supervised(first, self.targets(view), labeled)
        side = first.shape[-1]
        points, of_moved = (soft_argmax(h, options.temperature) / side for h in (first, second))
        on_map = geometry.at_stride(transform, self.model.stride * side)
        error = self.equivariance(of_moved, points, on_map)
        return {
            "supervised": options.supervised * supervised,
            "equivariance": weight * options.equivariance * error,
        }
