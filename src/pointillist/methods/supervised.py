"""Supervised training: what can be learnt from the labels alone."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor

from pointillist.batch import Batch
from pointillist.losses import HeatmapLoss
from pointillist.methods.base import Method, MethodOptions, Setting
from pointillist.models.localizer import Localizer


class SupervisedOptions(MethodOptions):
    """Options of supervised training."""

    published: ClassVar[dict[str, Any]] = {"weight": 1000.0}

    weight: float = Field(
        1000.0, gt=0,
        description="of the squared error, which is small (the paper's lambda_1, eq. 5)",
    )  # fmt: skip


class Supervised(Method):
    """Mean squared error on the heatmaps of labelled crops; unlabelled ones are not used.

    The baseline of every comparison (Sun et al., CVPR 2019, with HRNet).
    """

    name: ClassVar[str] = "supervised"
    Options: ClassVar[type[MethodOptions]] = SupervisedOptions
    uses_unlabeled: ClassVar[bool] = False
    options: SupervisedOptions

    def __init__(self, model: Localizer, setting: Setting, options: MethodOptions) -> None:
        super().__init__(model, setting, options)
        self.loss = HeatmapLoss()

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """One random view of every labelled crop."""
        view = self.setting.views.random(batch, self.setting.view_options)
        output = self.model(view.images)
        loss = self.loss(output.heatmaps, self.targets(view), view.annotated)
        return {"supervised": self.options.weight * loss}
