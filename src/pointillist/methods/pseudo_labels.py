"""Pseudo-labels by data distillation, a baseline of the ICLR 2021 paper."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from pointillist import geometry
from pointillist.batch import Batch
from pointillist.geometry import transform_points
from pointillist.heatmaps import decode
from pointillist.losses import HeatmapLoss
from pointillist.methods.base import Method, MethodOptions, Setting
from pointillist.models.localizer import Localizer
from pointillist.points import predict_heatmaps


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
        # Holds the fresh network's weights until it is needed, and the teacher's afterwards.
        self.teacher = copy.deepcopy(model).requires_grad_(False)
        self.register_buffer("second_stage", torch.zeros((), dtype=torch.bool))
        self.second_stage: Tensor
        # A frozen teacher says the same of a crop every time, so each is asked about once.
        self._known: dict[int, tuple[Tensor, Tensor]] = {}

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Labelled crops; in the second stage unlabelled ones with their pseudo-labels too."""
        if not self.second_stage and self.progress >= self.options.first_stage:
            self._start_second_stage()
        if not self.second_stage:
            batch = batch.select(batch.labeled)
        else:
            batch = self._with_pseudo_labels(batch)
        view = self.setting.views.random(batch, self.setting.view_options)
        heatmaps = self.model(view.images).heatmaps
        target = self.targets(view)
        losses = {}
        for name, which in (("supervised", batch.labeled), ("pseudo", ~batch.labeled)):
            if which.any():
                counts = view.annotated & which[:, None]
                losses[name] = self.options.weight * self.loss(heatmaps, target, counts)
        return losses

    @torch.no_grad()
    def _start_second_stage(self) -> None:
        """The network becomes the teacher; the weights it started from start again."""
        fresh = copy.deepcopy(self.teacher.state_dict())
        trained = self.average if self.average is not None else self.model
        self.teacher.load_state_dict(trained.state_dict())
        self.model.load_state_dict(fresh)
        if self.average is not None:
            self.average.load_state_dict(fresh)
        self.second_stage.fill_(True)

    @torch.no_grad()
    def _with_pseudo_labels(self, batch: Batch) -> Batch:
        rows = torch.nonzero(~batch.labeled)[:, 0]
        new = [int(r) for r in rows if int(batch.index[r]) not in self._known]
        if new:
            part = batch.select(torch.tensor(new, device=batch.index.device))
            points, confidence = self._teach(part)
            for i, p, c in zip(part.index.tolist(), points, confidence, strict=True):
                self._known[i] = (p, c)
        points, annotated = batch.points.clone(), batch.annotated.clone()
        for row in rows.tolist():
            found, confidence = self._known[int(batch.index[row])]
            points[row], annotated[row] = found, confidence >= self.options.confidence
        batch = batch.select(torch.arange(len(batch), device=points.device))
        batch.points, batch.annotated = points, annotated
        return batch

    def _teach(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Points (B, K, 2) in crop pixels and confidence (B, K), averaged over copies."""
        self.teacher.eval()
        plain = self.setting.views.plain(batch)
        order = self.setting.views.order(batch.index.device)
        heatmaps = predict_heatmaps(
            self.teacher,
            plain.images,
            order if self.setting.skeleton.flip_pairs else None,
            [(degrees, 1.0) for degrees in self.options.rotations],
        )
        points, confidence = decode(heatmaps, "dark")
        to_crop = geometry.inverse(plain.transform)
        return transform_points(to_crop, points * self.model.stride), confidence
