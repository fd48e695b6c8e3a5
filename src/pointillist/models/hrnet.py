"""HRNet with its high-resolution branch at the output of each of its four stages.

Sun et al., Deep High-Resolution Representation Learning for Human Pose Estimation (CVPR 2019).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from pointillist.models.backbones import Backbone, build, normalisation

_COARSEST = 32  # the fourth branch's stride

# They follow the four stages and serve classification only.
_UNUSED = (
    "incre_modules",
    "downsamp_modules",
    "final_layer",
    "global_pool",
    "head_drop",
    "classifier",
)


class HRNetBackbone(Backbone):
    """timm's HRNet: four features, all of stride 4, from its first stage to its last.

    For ``hrnet_w32`` they have 256, 32, 32 and 32 channels: the 352 of "Semi-supervised keypoint
    localization" (ICLR 2021). Heatmaps are made from the last one.
    """

    def __init__(self, name: str, *, pretrained: bool = False, in_channels: int = 3) -> None:
        model = build(name, pretrained=pretrained, in_chans=in_channels)
        mean, std = normalisation(model.pretrained_cfg if pretrained else {}, in_channels)
        super().__init__(model, name, mean=mean, std=std)
        for part in _UNUSED:
            delattr(model, part)
        # Of the last fusion only the fine branch is used: without the others every parameter gets
        # a gradient, as distributed training wants it.
        last = model.stage4[-1]
        last.fuse_layers = last.fuse_layers[:1]
        self.stages = {4: "layer1"}  # beyond it the branches of all strides exchange features
        self.probe(2 * _COARSEST, 2 * _COARSEST)

    @property
    def size_multiple(self) -> int:
        return _COARSEST

    def forward(self, images: Tensor) -> list[Tensor]:
        net: Any = self.model
        stem = net.act1(net.bn1(net.conv1(images)))
        stem = net.act2(net.bn2(net.conv2(stem)))
        first = net.layer1(stem)
        second = net.stage2(_branch_out(net.transition1, [first]))
        third = net.stage3(_branch_out(net.transition2, second))
        fourth = net.stage4(_branch_out(net.transition3, third))
        return [first, second[0], third[0], fourth[0]]


def _branch_out(transitions: nn.ModuleList, branches: list[Tensor]) -> list[Tensor]:
    """The next stage's inputs: each branch goes on, new ones come from the coarsest."""
    coarsest = len(branches) - 1
    return [step(branches[min(i, coarsest)]) for i, step in enumerate(transitions)]
