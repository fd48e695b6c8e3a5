"""The box finder: a map of objects' centres and, at each centre, the size of the object.

After Zhou et al., "Objects as Points" (2019), on this project's own backbones and head.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pointillist.files import whole_file
from pointillist.models.localizer import Localizer, create_localizer
from pointillist.models.options import ModelOptions

#: Share of the map's pixels that an untrained network takes for a centre (Lin et al., Focal loss
#: for dense object detection, ICCV 2017, section 4.1): without it the first steps are lost.
_PRIOR = 0.1
#: Sizes are written as the logarithm of their share of this many pixels, to be about 0.
_UNIT = 32.0


class BoxMaps(NamedTuple):
    """What the box finder returns for (B, 3, H, W) images, at stride 4.

    Attributes:
        centres: (B, H / 4, W / 4) logits of 'here is the centre of an object'.
        offsets: (B, 2, H / 4, W / 4) x, y from a map pixel's centre to the object's, map pixels.
        sizes: (B, 2, H / 4, W / 4) logarithm of the object's width and height over 32 pixels.
    """

    centres: Tensor
    offsets: Tensor
    sizes: Tensor


class BoxFinder(nn.Module):
    """Finds the centres and sizes of objects.

    Args:
        localizer: a network of one heatmap, which becomes the map of centres.
    """

    def __init__(self, localizer: Localizer) -> None:
        super().__init__()
        self.localizer = localizer
        self.places = nn.Conv2d(localizer.feature_channels, 4, kernel_size=1)
        nn.init.normal_(self.places.weight, std=0.001)
        assert self.places.bias is not None
        nn.init.zeros_(self.places.bias)
        bias = localizer.head.heatmaps.bias
        assert bias is not None
        nn.init.constant_(bias, -math.log((1 - _PRIOR) / _PRIOR))

    @property
    def stride(self) -> int:
        """Input pixels per map pixel."""
        return self.localizer.stride

    def forward(self, images: Tensor) -> BoxMaps:
        """Maps of normalised images (B, 3, H, W)."""
        output = self.localizer(images)
        places = self.places(output.features).float()
        return BoxMaps(output.heatmaps[:, 0].float(), places[:, :2], places[:, 2:])

    def normalise(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) uint8 as the network wants them."""
        mean = torch.tensor(self.localizer.mean, device=images.device)
        std = torch.tensor(self.localizer.std, device=images.device)
        pixels = images.to(torch.float32, memory_format=torch.channels_last)
        return (pixels / 255 - mean[:, None, None]) / std[:, None, None]


def encode_size(size: Tensor) -> Tensor:
    """Widths and heights in input pixels as the network writes them."""
    return (size.clamp_min(1.0) / _UNIT).log()


def decode_size(written: Tensor) -> Tensor:
    """Widths and heights in input pixels; at most e^5 times 32, so that none overflows."""
    return written.clamp(-5, 5).exp() * _UNIT


def create_box_finder(options: ModelOptions) -> BoxFinder:
    """A box finder on the backbone that the options name, with its weights."""
    return BoxFinder(create_localizer(options, 1))


def save_box_finder(network: BoxFinder, path: Path) -> None:
    """Writes weights and normalisation as safetensors, whole or not at all."""
    from safetensors.torch import save_file

    state = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    about = {name: json.dumps(getattr(network.localizer, name)) for name in ("mean", "std")}
    with whole_file(path) as temporary:
        save_file(state, temporary, about)


def load_box_finder(options: ModelOptions, path: Path) -> BoxFinder:
    """A box finder with the weights of a file, in evaluation mode."""
    from safetensors import safe_open

    bare = options.model_copy(update={"pretrained": False, "weights": None})
    network = create_box_finder(bare)
    with safe_open(path, "pt") as file:
        network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 (it is no dict)
        about = file.metadata()
    for name in ("mean", "std"):
        setattr(network.localizer, name, tuple(json.loads(about[name])))
    return network.eval()
