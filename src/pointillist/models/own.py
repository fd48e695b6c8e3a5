"""Networks of one's own as backbones, used as they are."""

from __future__ import annotations

import importlib

from torch import Tensor, nn

from pointillist.errors import ConfigError
from pointillist.models.backbones import IMAGENET_MEAN, IMAGENET_STD, Backbone


class OwnBackbone(Backbone):
    """A module of the user's, its features put in order from fine to coarse.

    Args:
        module: turns normalised images (B, C, H, W) into one feature tensor or a list of them,
            each (B, channels, H / stride, W / stride). A dry run finds channels and strides. If
            it has ``mean`` and ``std``, one for each of its C input channels, images (values 0
            to 1) are normalised with them, otherwise with ImageNet's.
        name: for messages; none: the module's class.
        image_size: (width, height) in pixels that the module can take, for the dry run.

    Raises:
        ConfigError: the dry run fails, or what it returns cannot be fused.
    """

    def __init__(
        self, module: nn.Module, name: str = "", *, image_size: tuple[int, int] = (256, 256)
    ) -> None:
        mean, std = getattr(module, "mean", IMAGENET_MEAN), getattr(module, "std", IMAGENET_STD)
        super().__init__(module, name or type(module).__name__, mean=mean, std=std)
        self._order: list[int] | None = None
        self.probe(*image_size)
        self._order = sorted(range(len(self.strides)), key=self.strides.__getitem__)
        self.strides = tuple(self.strides[i] for i in self._order)
        self.channels = tuple(self.channels[i] for i in self._order)
        if 3 in self.strides:
            raise ConfigError(
                f"{self.name} returns a feature of stride 3, which cannot be brought to stride 4"
            )

    def forward(self, images: Tensor) -> list[Tensor]:
        output = self.model(images)
        features = [output] if isinstance(output, Tensor) else list(output)
        return features if self._order is None else [features[i] for i in self._order]


def create_own(path: str) -> OwnBackbone:
    """The network that a function of the user's makes.

    Args:
        path: ``module:function``; called without arguments it returns an ``nn.Module``, see
            :class:`OwnBackbone`.

    Raises:
        ConfigError: there is no such function, it returns something else, or its network cannot
            be a backbone.
    """
    where, _, function = path.partition(":")
    try:
        make = getattr(importlib.import_module(where), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"the backbone '{path}' cannot be imported: {error}",
            do="It is named module:function; the module has to be installed, or its folder to be "
            "in PYTHONPATH.",
        ) from error
    network = make()
    if not isinstance(network, nn.Module):
        raise ConfigError(f"{path} returns a {type(network).__name__}, not a torch.nn.Module")
    return OwnBackbone(network, path)
