"""The keypoint localization network: a backbone and a head."""

from __future__ import annotations

from torch import Tensor, nn

from pointillist.errors import ConfigError
from pointillist.models.backbones import Backbone, create_backbone
from pointillist.models.heads import STRIDE, FusionHead, HighResolutionHead, LocalizerOutput
from pointillist.models.hrnet import HRNetBackbone
from pointillist.models.options import ModelOptions


class Localizer(nn.Module):
    """Keypoint localization network (the KLN of "Semi-supervised keypoint localization", 2021).

    Attributes:
        backbone: the :class:`~pointillist.models.backbones.Backbone`.
        head: makes heatmaps and fused features of the backbone's features.
        keypoints: K.
        stride: input pixels per heatmap pixel: 4.
        feature_channels: channels of the features that it returns (352 for HRNet-W32).
        mean, std: what images (values 0 to 1) have to be normalised with, for each channel.
    """

    stride = STRIDE

    def __init__(self, backbone: Backbone, keypoints: int, *, width: int = 128) -> None:
        super().__init__()
        if keypoints < 1:
            raise ConfigError(f"a localizer needs at least one keypoint, not {keypoints}")
        self.backbone = backbone
        self.keypoints = keypoints
        self.head: FusionHead | HighResolutionHead
        if isinstance(backbone, HRNetBackbone):
            self.head = HighResolutionHead(backbone.channels, keypoints)
        else:
            self.head = FusionHead(backbone.strides, backbone.channels, keypoints, width)
        self.feature_channels = self.head.feature_channels
        self.mean = backbone.mean
        self.std = backbone.std

    def forward(self, images: Tensor) -> LocalizerOutput:
        """Heatmaps and features of normalised images (B, C, H, W), see :meth:`check_size`."""
        output: LocalizerOutput = self.head(self.backbone(images))
        return output

    def check_size(self, width: int, height: int) -> None:
        """Raises ConfigError where the network cannot take inputs of this size, in pixels."""
        name, fixed = self.backbone.name, self.backbone.fixed_size
        if fixed is not None:
            if (width, height) != fixed:
                raise ConfigError(
                    f"{name} takes inputs of {fixed[0]} x {fixed[1]} pixels only, "
                    f"not {width} x {height}"
                )
            return
        multiple = self.backbone.size_multiple
        if width < 1 or height < 1 or width % multiple or height % multiple:
            nearest = [max(multiple, round(side / multiple) * multiple) for side in (width, height)]
            raise ConfigError(
                f"an input of {width} x {height} pixels does not fit {name}: "
                f"width and height must be multiples of {multiple}",
                do=f"The nearest size is {nearest[0]} x {nearest[1]}.",
            )


def create_localizer(options: ModelOptions, keypoints: int) -> Localizer:
    """The localizer that the options describe, for K = ``keypoints`` heatmaps.

    What a local weights file gave is in ``localizer.backbone.weights_report``.

    Raises:
        ConfigError: see :func:`~pointillist.models.backbones.create_backbone`.
        PointillistError: published weights could not be downloaded.
    """
    backbone = create_backbone(
        options.backbone,
        pretrained=options.pretrained,
        weights=options.weights,
        max_stride=options.max_stride,
    )
    if options.frozen_stride:
        backbone.freeze(options.frozen_stride)
    return Localizer(backbone, keypoints, width=options.width)
