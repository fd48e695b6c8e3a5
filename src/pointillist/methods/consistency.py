"""Easy views teach hard views of the same network (PoseCons)."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor

from pointillist.augment import ViewOptions
from pointillist.batch import Batch, View
from pointillist.methods.base import MethodOptions
from pointillist.methods.teaching import HardeningOptions, Teaching, ask, together
from pointillist.strong_views import carry


def easy_view() -> ViewOptions:
    """The published easy view: the affine ranges of supervised training."""
    return ViewOptions(
        normal=True, rotation=60, rotated=0.6, scale=0.25, shift=0, flip=0.5, color=0, gray=0
    )


def hard_view() -> ViewOptions:
    """The published hard view: another affine transform after the easy one."""
    return ViewOptions(
        normal=True, rotation=60, rotated=0.8, scale=0.25, shift=0, flip=0, color=0, gray=0
    )


class EasyHardOptions(HardeningOptions):
    """Options of methods whose hard view is the easy one, moved once more."""

    #: The views' ranges are the published ones anyway.
    published: ClassVar[dict[str, Any]] = {"burn_in": 0.0, "ramp": 0.0}

    easy: ViewOptions = Field(default_factory=easy_view, description="what the teacher sees")
    hard: ViewOptions = Field(
        default_factory=hard_view, description="what happens to the easy view for the student"
    )


class Consistency(Teaching):
    """The network's answer to an easy view is what it has to answer to a hard one.

    PoseCons of Xie et al., "An empirical study of the collapsing problem in semi-supervised 2D
    human pose estimation", ICCV 2021: no average, no threshold, no gradient through the teacher.
    ``docs/methods.md`` says what is other than in the published code.
    """

    name: ClassVar[str] = "consistency"
    Options: ClassVar[type[MethodOptions]] = EasyHardOptions
    options: EasyHardOptions

    def teach(self, view: View, unlabeled: Batch, weight: float) -> dict[str, Tensor]:
        """Labelled crops and hard views of the unlabelled ones go through the network together."""
        options, views = self.options, self.setting.views
        easy = views.random(unlabeled, options.easy)
        hard = views.random(unlabeled, options.hard, after=easy)
        heatmaps = ask(self.model, easy.images)
        guidance = carry(heatmaps, easy, hard, views.order(heatmaps.device), self.model.stride)
        images = self.harden(hard, guidance, options)
        learned, student = together(self.model, view.images, images)
        self.watch(guidance.confidence, guidance.inside)
        error = self.toward(student, guidance.heatmaps, guidance, guidance.inside)
        return {
            "supervised": self.supervised(learned, view),
            "unsupervised": weight * options.unsupervised * error,
        }
