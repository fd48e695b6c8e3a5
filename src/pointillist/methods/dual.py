"""Two networks teach each other (PoseDual)."""

from __future__ import annotations

import copy
from typing import ClassVar

import torch
from torch import Tensor

from pointillist.batch import Batch, View
from pointillist.methods.base import MethodOptions, Setting
from pointillist.methods.consistency import EasyHardOptions
from pointillist.methods.teaching import Teaching, ask, together
from pointillist.models.localizer import Localizer
from pointillist.strong_views import carry


class Dual(Teaching):
    """Each of two networks learns in hard views what the other says of the easy ones.

    PoseDual of Xie et al., "An empirical study of the collapsing problem in semi-supervised 2D
    human pose estimation", ICCV 2021. Both see the same easy and hard views, masks lie over the
    joints that the teacher predicts, the supervised loss is the mean over both networks and the
    unsupervised one the sum. Backbones start from the same weights, as published for MPII (for COCO
    they were two pretrained ones), heads from different ones.
    """

    name: ClassVar[str] = "dual"
    Options: ClassVar[type[MethodOptions]] = EasyHardOptions
    options: EasyHardOptions

    def __init__(self, model: Localizer, setting: Setting, options: MethodOptions) -> None:
        super().__init__(model, setting, options)
        backbone = copy.deepcopy(model.backbone)
        second = Localizer(backbone, model.keypoints, width=model.feature_channels)
        self.second = second.to(memory_format=torch.channels_last)

    @property
    def candidates(self) -> tuple[Localizer, ...]:
        """Both networks."""
        return (self.model, self.second)

    def learn(self, view: View) -> dict[str, Tensor]:
        """Both networks learn from the labels."""
        heatmaps = [network(view.images).heatmaps for network in self.candidates]
        return {"supervised": self._mean_supervised(heatmaps, view)}

    def teach(self, view: View, unlabeled: Batch, weight: float) -> dict[str, Tensor]:
        """Labelled crops and hard views go through each network together."""
        options, views = self.options, self.setting.views
        easy = views.random(unlabeled, options.easy)
        hard = views.random(unlabeled, options.hard, after=easy)
        order, stride = views.order(easy.images.device), self.model.stride
        answers = [
            carry(ask(network, easy.images), easy, hard, order, stride)
            for network in self.candidates
        ]
        learned, errors = [], []
        for network, guidance in zip(self.candidates, reversed(answers), strict=True):
            images = self.harden(hard, guidance, options)
            heatmaps, student = together(network, view.images, images)
            learned.append(heatmaps)
            errors.append(self.toward(student, guidance.heatmaps, guidance, guidance.inside))
        self.watch(
            torch.stack([guidance.confidence for guidance in answers]),
            torch.stack([guidance.inside for guidance in answers]),
        )
        return {
            "supervised": self._mean_supervised(learned, view),
            "unsupervised": weight * options.unsupervised * torch.stack(errors).sum(),
        }

    def _mean_supervised(self, heatmaps: list[Tensor], view: View) -> Tensor:
        return torch.stack([self.supervised(h, view) for h in heatmaps]).mean()
