"""Pseudo-labels by data distillation, a baseline of the ICLR 2021 paper."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from pointillist.batch import Batch
from pointillist.losses import HeatmapLoss
from pointillist.methods.base import Method, MethodOptions, Setting
from pointillist.methods.relabeling import FRESH, Labeller
from pointillist.models.localizer import Localizer


class PseudoLabelsOptions(MethodOptions):
    """Options of data distillation."""

    #: The paper compares with it at the same settings; stages and threshold it does not state.
    published: ClassVar[dict[str, Any]] = {"weight": 1000.0}

    weight: float = Field(1000.0, gt=0, description="of the squared error")
    first_stage: float = Field(
        0.4, gt=0, lt=1, description="share of the training on the labels alone"
    )
    rotations: tuple[float, ...] = Field(
        (-20.0, 0.0, 20.0),
        description="degrees; every copy is predicted mirrored too, where pairs are known",
    )
    confidence: float = Field(
        0.3, ge=0, le=1, description="a pseudo-label with a lower peak is not used"
    )


class PseudoLabels(Method):
    """Trains on the labels, labels the rest with averaged predictions, trains anew on both.

    Radosavovic et al., "Data distillation", CVPR 2018: heatmaps are averaged over transformed
    and mirrored copies of an unlabelled image, confident points become labels, and a fresh
    network learns from labels and pseudo-labels. Both trainings share the steps.
    """

    name: ClassVar[str] = "pseudo_labels"
    Options: ClassVar[type[MethodOptions]] = PseudoLabelsOptions
    needs_unlabeled: ClassVar[bool] = True
    options: PseudoLabelsOptions

    def __init__(self, model: Localizer, setting: Setting, options: MethodOptions) -> None:
        super().__init__(model, setting, options)
        self.loss = HeatmapLoss()
        self.labeller = Labeller(
            model,
            setting,
            copies=[(degrees, 1.0) for degrees in self.options.rotations],
            confidence=self.options.confidence,
        )
        self.register_buffer("second_stage", torch.zeros((), dtype=torch.bool))
        self.second_stage: Tensor

    @property
    def preparing(self) -> bool:
        """In the first stage."""
        return not self.second_stage

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Labelled crops; in the second stage unlabelled ones with their pseudo-labels too."""
        if not self.second_stage and self.progress >= self.options.first_stage:
            self._start_second_stage()
        if self.second_stage:
            known, peaks = self.labeller.label(batch)
            self.figures = {"unlabeled_peak": peaks.mean()} if len(peaks) else {}
        else:
            known = batch.select(batch.labeled)
        view = self.setting.views.random(known, self.setting.view_options)
        heatmaps = self.model(view.images).heatmaps
        target = self.targets(view)
        losses = {}
        for name, which in (("supervised", known.labeled), ("pseudo", ~known.labeled)):
            if which.any():
                counts = view.annotated & which[:, None]
                losses[name] = self.options.weight * self.loss(heatmaps, target, counts)
        return losses

    def _start_second_stage(self) -> None:
        """The network becomes the teacher; the weights it started from start again."""
        fresh = self.labeller.take(self.average if self.average is not None else self.model)
        self.model.load_state_dict(fresh)
        self.restarted = True
        self.news = FRESH
        self.second_stage.fill_(True)
