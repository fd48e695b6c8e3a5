"""Mean teacher: the averaged network teaches the network, an easy view a hard one."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from pointillist.augment import ViewOptions
from pointillist.batch import Batch, View
from pointillist.heatmaps import encode
from pointillist.methods.base import MethodOptions
from pointillist.methods.teaching import HardeningOptions, Teaching, ask, together
from pointillist.strong_views import Guidance, carry


class MeanTeacherOptions(HardeningOptions):
    """Options of the mean teacher."""

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


class MeanTeacher(Teaching):
    """The weights' moving average labels an easy view, the network learns it in a hard one.

    Tarvainen and Valpola, "Mean teachers are better role models", NeurIPS 2017, with the easy
    and the hard view of Xie et al., ICCV 2021, and a threshold on the teacher's confidence as in
    FixMatch (Sohn et al., NeurIPS 2020): the error is averaged over all heatmaps, so few
    confident ones weigh little. Where the training keeps no average, the network teaches itself.
    """

    name: ClassVar[str] = "mean_teacher"
    Options: ClassVar[type[MethodOptions]] = MeanTeacherOptions
    options: MeanTeacherOptions

    def teach(self, view: View, unlabeled: Batch, weight: float) -> dict[str, Tensor]:
        """Labelled crops and hard views of the unlabelled ones go through the network together."""
        options, views = self.options, self.setting.views
        weak = views.random(unlabeled, options.weak)
        strong = views.random(unlabeled, options.strong)
        teacher = self.average if self.average is not None else self.model
        heatmaps = ask(teacher, weak.images)
        guidance = carry(heatmaps, weak, strong, views.order(heatmaps.device), self.model.stride)
        images = self.harden(strong, guidance, options)
        learned, student = together(self.model, view.images, images)
        counts = guidance.inside & (guidance.confidence >= options.threshold)
        self.watch(guidance.confidence, counts)
        if options.soft:
            counts = counts * guidance.confidence
        error = self.toward(student, self._target(guidance), guidance, counts)
        return {
            "supervised": self.supervised(learned, view),
            "unsupervised": weight * options.unsupervised * error,
        }

    def _target(self, guidance: Guidance) -> Tensor:
        if self.options.target == "heatmaps":
            return guidance.heatmaps
        height, width = guidance.heatmaps.shape[-2:]
        return encode(guidance.points / self.model.stride, (width, height), self.setting.sigma)
