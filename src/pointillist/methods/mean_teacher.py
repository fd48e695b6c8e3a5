"""Mean teacher: the averaged network teaches the network, an easy view a hard one."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from pointillist.augment import ViewOptions
from pointillist.batch import Batch, View
from pointillist.heatmaps import encode
from pointillist.losses import HeatmapLoss
from pointillist.methods.base import Method, MethodOptions, Setting, ramped
from pointillist.methods.teaching import CollapseWatch, ask
from pointillist.models.localizer import Localizer
from pointillist.strong_views import Guidance, blank, carry, choose_joints, joint_cutout


class MeanTeacherOptions(MethodOptions):
    """Options of the mean teacher."""

    supervised: float = Field(1000.0, ge=0, description="weight of the squared error on labels")
    unsupervised: float = Field(
        1000.0, ge=0, description="weight of the squared error to the teacher's heatmaps"
    )
    burn_in: float = Field(0.3, ge=0, lt=1, description="share of the training on labels alone")
    ramp: float = Field(0.1, ge=0, lt=1, description="share in which its weight grows to full")
    threshold: float = Field(
        0.2, ge=0, le=1, description="a heatmap of the teacher with a lower peak does not count"
    )
    soft: bool = Field(False, description="a heatmap counts by its peak, not all the same")
    target: Literal["heatmaps", "gaussians"] = Field(
        "heatmaps", description="the teacher's heatmaps, or new Gaussians at its points"
    )
    weak: ViewOptions = Field(
        default_factory=lambda: ViewOptions(
            rotation=15, scale=0.1, shift=0.05, flip=0.5, color=0.1, gray=0
        ),
        description="what the teacher sees",
    )
    strong: ViewOptions = Field(
        default_factory=lambda: ViewOptions(
            rotation=50, scale=0.4, shift=0.1, flip=0.5, color=0.5, gray=0.1, erase=0.5
        ),
        description="what the student sees",
    )
    cutout: int = Field(
        0, ge=0, description="joints of a strong view that are masked, at most; 0: none"
    )
    cutout_size: tuple[float, float] = Field(
        (0.05, 0.1), description="half side of such a mask: range, in shares of the shorter side"
    )
    cutout_jitter: float = Field(
        0.05, ge=0, description="deviation of its centre, in shares of the shorter side"
    )


class MeanTeacher(Method):
    """The weights' moving average labels an easy view, the network learns it in a hard one.

    Tarvainen and Valpola, "Mean teachers are better role models", NeurIPS 2017, with the easy
    and the hard view of Xie et al., ICCV 2021, and a threshold on the teacher's confidence as in
    FixMatch (Sohn et al., NeurIPS 2020): the error is averaged over all heatmaps, so few
    confident ones weigh little. Where the training keeps no average, the network teaches itself.
    """

    name: ClassVar[str] = "mean_teacher"
    Options: ClassVar[type[MethodOptions]] = MeanTeacherOptions
    options: MeanTeacherOptions

    def __init__(self, model: Localizer, setting: Setting, options: MethodOptions) -> None:
        super().__init__(model, setting, options)
        self.loss = HeatmapLoss()
        self._watch = CollapseWatch()

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Labelled crops, and after the burn-in hard views of the unlabelled ones with them."""
        options, views = self.options, self.setting.views
        weight = options.unsupervised * ramped(self.progress, options.burn_in, options.ramp)
        labeled = batch.select(batch.labeled)
        view = views.random(labeled, self.setting.view_options)
        if not weight or len(labeled) == len(batch):
            heatmaps = self.model(view.images).heatmaps
            return {"supervised": self._supervised(heatmaps, view)}
        unlabeled = batch.select(~batch.labeled)
        strong, guidance = self._pair(unlabeled)
        images = torch.cat([view.images, self._masked(strong, guidance)])
        heatmaps, student = self.model(images).heatmaps.split([len(labeled), len(unlabeled)])
        counts = guidance.inside & (guidance.confidence >= options.threshold)
        peak, taught = guidance.confidence.mean(), counts.float().mean()
        self.figures = {"unlabeled_peak": peak, "taught": taught}
        self._watch.see(peak)
        if options.soft:
            counts = counts * guidance.confidence
        error = self.loss(student, self._target(guidance), counts, guidance.pixels)
        return {
            "supervised": self._supervised(heatmaps, view),
            "unsupervised": weight * error * counts.float().mean(),
        }

    def _supervised(self, heatmaps: Tensor, view: View) -> Tensor:
        return self.options.supervised * self.loss(heatmaps, self.targets(view), view.annotated)

    def _pair(self, batch: Batch) -> tuple[View, Guidance]:
        """The hard view, and what the teacher says of it after having seen an easy one."""
        views = self.setting.views
        weak = views.random(batch, self.options.weak)
        strong = views.random(batch, self.options.strong)
        teacher = self.average if self.average is not None else self.model
        heatmaps = ask(teacher, weak.images)
        order = views.order(heatmaps.device)
        return strong, carry(heatmaps, weak, strong, order, self.model.stride)

    def _masked(self, strong: View, guidance: Guidance) -> Tensor:
        """The hard view's images, some joints masked."""
        options = self.options
        if not options.cutout:
            return strong.images
        count = torch.randint(0, options.cutout + 1, (len(strong.images),))
        chosen = choose_joints(guidance.inside, count.to(guidance.inside.device))
        mask = joint_cutout(
            guidance.points,
            chosen,
            strong.size,
            half=options.cutout_size,
            jitter=options.cutout_jitter,
        )
        return blank(strong.images, mask)

    def _target(self, guidance: Guidance) -> Tensor:
        if self.options.target == "heatmaps":
            return guidance.heatmaps
        height, width = guidance.heatmaps.shape[-2:]
        return encode(guidance.points / self.model.stride, (width, height), self.setting.sigma)
