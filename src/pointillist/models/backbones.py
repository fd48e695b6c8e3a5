"""Backbones: images in, features from fine to coarse out.

Any timm model serves; HRNets are in :mod:`~pointillist.models.hrnet`.
"""

from __future__ import annotations

import difflib
import itertools
import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from pointillist.errors import ConfigError, PointillistError, did_you_mean
from pointillist.models.weights import WeightsReport, load_weights

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """Turns normalised images (B, C, H, W) into a list of features, from fine to coarse.

    Attributes:
        model: the network itself.
        name: its name, for messages and records.
        strides: input pixels per feature pixel, one for each feature.
        channels: the features' channels, shapes (B, channels[i], H / strides[i], W / strides[i]).
        size_multiple: input width and height have to be multiples of this.
        fixed_size: (width, height) where the network takes only one size, else None.
        mean, std: what images (values 0 to 1) are normalised with, one for each input channel.
        weights_report: what a local weights file gave, None where there was none.
        stages: stride -> name of the module in ``model`` that ends the layers of that stride.
    """

    strides: tuple[int, ...]
    channels: tuple[int, ...]

    def __init__(
        self,
        model: nn.Module,
        name: str,
        *,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        fixed_size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.name = name
        self.mean = tuple(mean)
        self.std = tuple(std)
        self.fixed_size = fixed_size
        self.weights_report: WeightsReport | None = None
        self.stages: dict[int, str] = {}
        self._frozen: list[nn.Module] = []

    @property
    def size_multiple(self) -> int:
        return math.lcm(4, *self.strides)

    def forward(self, images: Tensor) -> list[Tensor]:
        raise NotImplementedError

    def freeze(self, stride: int) -> None:
        """Keeps the layers up to those of ``stride`` as they are, batch norm's figures too.

        Raises:
            ConfigError: the network has no feature of that stride.
        """
        if stride not in self.stages:
            known = ", ".join(str(s) for s in sorted(self.stages)) or "none"
            raise ConfigError(
                f"{self.name} cannot be frozen up to stride {stride}: its stages end at {known}"
            )
        module = self.model
        for part in self.stages[stride].split("."):
            for name, child in module.named_children():
                if name == part:
                    break
                self._frozen.append(child)
            module = module.get_submodule(part)
        self._frozen.append(module)
        for frozen in self._frozen:
            frozen.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Backbone:
        """As ever, but frozen layers stay in evaluation mode."""
        super().train(mode)
        for frozen in self._frozen:
            frozen.eval()
        return self

    def probe(self, width: int, height: int) -> None:
        """Finds ``strides`` and ``channels`` by a dry run on one blank image of this size.

        Raises:
            ConfigError: the model cannot take such an image, or what it returns are not features.
        """
        at = next(self.parameters(), torch.empty(0))
        blank = torch.zeros(1, len(self.mean), height, width, device=at.device, dtype=at.dtype)
        training = {module: module.training for module in self.modules()}
        self.eval()  # a blank image must not enter BatchNorm's statistics
        try:
            with torch.no_grad():
                features = self(blank)
        except Exception as error:
            raise ConfigError(
                f"{self.name} cannot take an image of {width} x {height} pixels with "
                f"{len(self.mean)} channels: {_reason(error)}"
            ) from error
        finally:
            for module, mode in training.items():
                module.training = mode
        strides = []
        for feature in features:
            shape = tuple(feature.shape)
            if len(shape) != 4 or width * shape[2] != height * shape[3] or width % shape[3]:
                raise ConfigError(
                    f"{self.name} returns a tensor of shape {shape} for an image of {width} x "
                    f"{height} pixels, which is not a feature (B, channels, H / stride, W / stride)"
                )
            strides.append(width // shape[3])
        self.strides = tuple(strides)
        self.channels = tuple(feature.shape[1] for feature in features)


class TimmBackbone(Backbone):
    """A timm model, cut after the last feature that is used."""

    def __init__(
        self, name: str, *, pretrained: bool = False, max_stride: int = 16, in_channels: int = 3
    ) -> None:
        outline, size_options = _outline(name, in_channels)
        strides = [int(info["reduction"]) for info in getattr(outline, "feature_info", ())]
        indices = _select(strides, max_stride)
        if not indices or not hasattr(outline, "forward_intermediates"):
            raise ConfigError(f"timm's {name} gives no features, so it cannot be a backbone")
        model = build(
            name,
            pretrained=pretrained,
            in_chans=in_channels,
            features_only=True,
            feature_cls="getter",  # cuts the rest off, keeps timm's names, always (B, C, H, W)
            out_indices=indices,
            **size_options,
        )
        config = outline.pretrained_cfg
        native = (config["input_size"][2], config["input_size"][1])
        fixed = config.get("fixed_input_size", False) and not size_options
        mean, std = normalisation(config if pretrained else {}, in_channels)
        super().__init__(model, name, mean=mean, std=std, fixed_size=native if fixed else None)
        # The getter keeps timm's model, with timm's names, in `model`.
        self.stages = {
            int(info["reduction"]): f"model.{info['module']}" for info in outline.feature_info
        }
        multiple = math.lcm(4, *(strides[index] for index in indices))
        side = multiple * math.ceil(64 / multiple)
        self.probe(*(native if fixed else (side, side)))

    def forward(self, images: Tensor) -> list[Tensor]:
        return list(self.model(images))


def create_backbone(
    name: str,
    *,
    pretrained: bool = False,
    weights: Path | None = None,
    max_stride: int = 16,
    in_channels: int = 3,
) -> Backbone:
    """A backbone by its timm name, or one's own by that of the function that makes it.

    Features have the strides 4 to ``max_stride`` that the model has. Where it has none of these
    (a ViT of patch size 32, say), its finest one beyond is taken; layers after the last feature
    are not built. HRNets give their stride-4 branch at each of four stages, whatever
    ``max_stride`` is.

    Args:
        name: as in ``timm.list_models()``; a tag of pretrained weights may follow after a dot.
            Or ``module:function``, see :func:`~pointillist.models.own.create_own`: such a network
            is as it is, of the other options only ``weights`` is for it.
        pretrained: load the weights that timm publishes.
        weights: load a local file instead; ``weights_report`` says what it gave.
        max_stride: 16 or 32.
        in_channels: image channels.

    Raises:
        ConfigError: the name is unknown or names a model without features; the weights do not fit.
        PointillistError: the published weights could not be downloaded.
    """
    from pointillist.models.hrnet import HRNetBackbone
    from pointillist.models.own import create_own

    if max_stride not in (16, 32):
        raise ConfigError(f"max_stride must be 16 or 32, not {max_stride}")
    if pretrained and weights is not None:
        raise ConfigError("give either pretrained or weights, not both")
    backbone: Backbone
    if ":" in name:
        backbone = create_own(name)
    elif _known(name).startswith("hrnet"):
        backbone = HRNetBackbone(name, pretrained=pretrained, in_channels=in_channels)
    else:
        backbone = TimmBackbone(
            name, pretrained=pretrained, max_stride=max_stride, in_channels=in_channels
        )
    if weights is not None:
        backbone.weights_report = load_weights(backbone, weights)
    return backbone


def build(name: str, *, pretrained: bool, **options: Any) -> Any:
    """``timm.create_model`` whose failures are one clear line."""
    if not pretrained:
        try:
            return timm.create_model(name, **options)
        except TypeError as error:  # a few models cannot be asked for features in this way
            raise ConfigError(f"timm's {name} cannot be a backbone: {_reason(error)}") from error
    try:
        with _told_once("huggingface_hub.utils._http"):
            return timm.create_model(name, pretrained=True, **options)
    except Exception as error:  # the hub's client, urllib and timm each raise their own kinds
        raise PointillistError(
            f"the published weights of {name} could not be loaded ({_reason(error)})",
            do="Give a local file with --weights FILE.",
        ) from error


@contextmanager
def _told_once(name: str) -> Iterator[None]:
    """What a logger says for the first time only: without a network the hub's client tries for a
    minute and says so in twelve lines before the error that counts."""
    logger, told = logging.getLogger(name), itertools.count()

    def first(_: logging.LogRecord) -> bool:
        return next(told) == 0

    logger.addFilter(first)
    try:
        yield
    finally:
        logger.removeFilter(first)


def normalisation(
    config: dict[str, Any], in_channels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation for ``in_channels``, from a timm config or else ImageNet's.

    Other channel counts follow what timm does to the first layer of pretrained weights: one
    channel stands for the sum of three, more than three repeat them.
    """
    mean = tuple(config.get("mean", IMAGENET_MEAN))
    std = tuple(config.get("std", IMAGENET_STD))
    if in_channels == 1:
        return (sum(mean) / len(mean),), (sum(std) / len(std),)
    channels = range(in_channels)
    return tuple(mean[c % len(mean)] for c in channels), tuple(std[c % len(std)] for c in channels)


def _known(name: str) -> str:
    architecture, _, tag = name.partition(".")
    known = timm.list_models()
    if architecture in known:
        known = timm.list_models(f"{architecture}.*", pretrained=True)
        if not tag or name in known:
            return name
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    raise ConfigError(
        f"there is no backbone '{name}'",
        do=did_you_mean(name, near) if near else "The names are those of timm.list_models().",
    )


def _outline(name: str, in_channels: int) -> tuple[Any, dict[str, Any]]:
    """The whole model, to read its features from, and options that let it take any input size."""
    config = timm.get_pretrained_cfg(name)
    fixed = config is not None and config.fixed_input_size
    # Transformers take any size by the first option, windowed ones by the second.
    attempts: list[dict[str, Any]] = [{"dynamic_img_size": True}, {"strict_img_size": False}]
    for options in attempts if fixed else ():
        try:
            return _without_memory(name, in_chans=in_channels, **options), options
        except TypeError:  # an option that this model does not have
            continue
    return _without_memory(name, in_chans=in_channels), {}


def _without_memory(name: str, **options: Any) -> Any:
    try:
        with torch.device("meta"):
            return timm.create_model(name, **options)
    except (NotImplementedError, RuntimeError):  # older timm reads values while it builds
        return timm.create_model(name, **options)


def _select(strides: Sequence[int], max_stride: int) -> list[int]:
    """Indices of the features to take: for each stride the deepest."""
    deepest = {stride: index for index, stride in enumerate(strides) if stride >= 4}
    chosen = [index for stride, index in deepest.items() if stride <= max_stride]
    return chosen or [deepest[min(deepest)]] if deepest else []


def _reason(error: Exception) -> str:
    """Another library's message, in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
