"""Keypoints as what an image is regenerated from, a baseline of the ICLR 2021 paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from pointillist import geometry
from pointillist.augment import random_perspective
from pointillist.batch import Batch
from pointillist.errors import ConfigError, PointillistError
from pointillist.heatmaps import encode, soft_argmax
from pointillist.losses import HeatmapLoss, PerceptualLoss
from pointillist.methods.base import Method, MethodOptions, RampedOptions, Setting, ramped
from pointillist.models.backbones import Backbone, create_backbone
from pointillist.models.generator import Generator
from pointillist.models.localizer import Localizer


class GenerativeOptions(RampedOptions):
    """Options of conditional image generation."""

    #: VGG-19 is the example of Jakab et al.; the weight of the loss is not stated.
    published: ClassVar[dict[str, Any]] = {
        "supervised": 1000.0,
        "perceptual_backbone": "vgg19",
        "burn_in": 0.0,
        "ramp": 0.0,
    }

    supervised: float = Field(1000.0, ge=0, description="weight of the squared error on labels")
    generation: float = Field(1.0, ge=0, description="weight of the perceptual loss")
    perceptual_backbone: str = Field("resnet18", description="timm model that compares images")
    perceptual_weights: Path | None = Field(
        None, description="its weights from a local file; none: as timm publishes them"
    )
    temperature: float = Field(
        0.02,
        gt=0,
        description="of the soft-argmax; low, because heatmaps here reach 1 at most and the "
        "background has hundreds of pixels: at 0.1 a peak of 0.5 gives nearly the map's centre",
    )
    strength: float = Field(0.3, gt=0, lt=0.5, description="of the copy's perspective transform")


class Generative(Method):
    """An image is regenerated from an augmented copy's appearance and its own keypoints.

    Jakab et al., "Unsupervised learning of object landmarks through conditional image
    generation", NeurIPS 2018, with the supervised loss added as in Moskvyak et al., ICLR 2021
    (Table 1, Gen). The bottleneck is theirs: only the points' coordinates pass, redrawn as
    Gaussians.
    """

    name: ClassVar[str] = "generative"
    Options: ClassVar[type[MethodOptions]] = GenerativeOptions
    options: GenerativeOptions
    scale: Tensor
    offset: Tensor

    def __init__(self, model: Localizer, setting: Setting, options: MethodOptions) -> None:
        super().__init__(model, setting, options)
        # The layout of the localizer and of the views: a quarter less time in these two.
        layout = torch.channels_last
        self.generator = Generator(model.keypoints).to(memory_format=layout)
        network = _judge(self.options)
        self.supervised = HeatmapLoss()
        self.perceptual = PerceptualLoss(network).to(memory_format=layout)
        # From images as the localizer wants them to images as the other network wants them.
        (mean, std), (their_mean, their_std) = (
            (torch.tensor(n.mean)[:, None, None], torch.tensor(n.std)[:, None, None])
            for n in (model, network)
        )
        self.register_buffer("scale", std / their_std, persistent=False)
        self.register_buffer("offset", (mean - their_mean) / their_std, persistent=False)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Heatmaps of every crop; labelled ones are scored, all are regenerated from."""
        options = self.options
        weight = ramped(self.progress, options.burn_in, options.ramp)
        if not weight:  # nothing is regenerated yet: only labelled crops have something to teach
            batch = batch.select(batch.labeled)
        view = self.setting.views.random(batch, self.setting.view_options)
        heatmaps = self.model(view.images).heatmaps
        labeled = batch.labeled[:, None] & view.annotated
        supervised = self.supervised(heatmaps, self.targets(view), labeled)
        losses = {"supervised": options.supervised * supervised}
        if weight:
            count, device = len(batch), view.images.device
            transform = random_perspective(count, view.size, options.strength, device)
            appearance = geometry.warp(view.images, transform, view.size, padding="reflection")
            appearance = appearance.contiguous(memory_format=torch.channels_last)
            points = soft_argmax(heatmaps, options.temperature)
            drawn = encode(points, (heatmaps.shape[-1], heatmaps.shape[-2]), self.setting.sigma)
            made = self.generator(appearance, drawn)
            error = self.perceptual(
                *(image * self.scale + self.offset for image in (made, view.images))
            )
            losses["generation"] = weight * options.generation * error
        return losses


def _judge(options: GenerativeOptions) -> Backbone:
    """The network that compares images; half of one would compare by noise."""
    name, file = options.perceptual_backbone, options.perceptual_weights
    advice = "Give a file of all its weights: --set method_options.perceptual_weights=FILE."
    try:
        network = create_backbone(name, pretrained=file is None, weights=file)
    except ConfigError:
        raise
    except PointillistError as error:
        raise PointillistError(error.what, do=advice) from error
    report = network.weights_report
    if report is not None and (report.missing or report.mismatched):
        raise ConfigError(
            f"these weights do not fit {name}, which compares images: {report.summary()}",
            where=file,
            do=advice,
        )
    return network
