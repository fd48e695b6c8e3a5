"""What methods with a teacher share: labels and teacher in one step, hard views."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from pointillist.batch import Batch, View
from pointillist.losses import HeatmapLoss
from pointillist.methods.base import Method, MethodOptions, RampedOptions, Setting, ramped
from pointillist.methods.collapse import CollapseWatch
from pointillist.models.localizer import Localizer
from pointillist.strong_views import Guidance, blank, choose_joints, joint_cutout, rand_augment


def _in_order(shares: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= shares[0] <= shares[1] <= 1:
        raise ValueError("a range of shares is two numbers from 0 to 1, the smaller one first")
    return shares


#: Smallest and largest half side of a mask or patch, in shares of the view's shorter side.
HalfSides = Annotated[tuple[float, float], AfterValidator(_in_order)]


class TeachingOptions(RampedOptions):
    """Options of every method with a teacher."""

    supervised: float = Field(1000.0, ge=0, description="weight of the squared error on labels")
    unsupervised: float = Field(
        1000.0, ge=0, description="weight of the squared error to the teacher's heatmaps"
    )
    burn_in: float = Field(0.3, ge=0, lt=1, description="share of the training on labels alone")
    ramp: float = Field(
        0.1, ge=0, lt=1, description="share in which the unsupervised weights grow to full"
    )


class HardeningOptions(TeachingOptions):
    """What may make a student's view harder, besides the view's own ranges."""

    cutout: int = Field(0, ge=0, description="joints of a hard view that are masked")
    cutout_size: HalfSides = Field(
        (0.05, 0.1), description="half side of such a mask: range, in shares of the shorter side"
    )
    cutout_jitter: float = Field(
        0.05, ge=0, description="deviation of its centre, in shares of the shorter side"
    )
    rand_augment: int = Field(
        0, ge=0, description="RandAugment's changes of colour that a hard view gets"
    )
    rand_magnitude: float = Field(0.33, ge=0, le=1, description="their strength")


class Teaching(Method):
    """Base of the methods with a teacher.

    Labelled crops are learned as ever; what the unlabelled ones teach, a subclass says in
    ``teach``. During the burn-in only labelled crops go through the network.
    """

    options: TeachingOptions
    collapse: CollapseWatch

    def __init__(self, model: Localizer, setting: Setting, options: MethodOptions) -> None:
        super().__init__(model, setting, options)
        self.loss = HeatmapLoss()
        self.collapse = CollapseWatch()

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The supervised loss, and after the burn-in those of ``teach``."""
        self.figures = {}
        weight = ramped(self.progress, self.options.burn_in, self.options.ramp)
        labeled = batch.select(batch.labeled)
        view = self.setting.views.random(labeled, self.setting.view_options)
        if not weight or len(labeled) == len(batch):
            return self.learn(view)
        return self.teach(view, batch.select(~batch.labeled), weight)

    @abstractmethod
    def teach(self, view: View, unlabeled: Batch, weight: float) -> dict[str, Tensor]:
        """All losses of a step.

        Args:
            view: of the labelled crops.
            unlabeled: the other crops.
            weight: in (0, 1], of the unsupervised losses, besides their own weights.
        """

    def learn(self, view: View) -> dict[str, Tensor]:
        """The loss of a step without a teacher."""
        return {"supervised": self.supervised(self.model(view.images).heatmaps, view)}

    def supervised(self, heatmaps: Tensor, view: View) -> Tensor:
        """The weighted error on labels."""
        error = self.loss(heatmaps, self.targets(view), view.annotated)
        return self.options.supervised * error

    def toward(
        self, heatmaps: Tensor, target: Tensor, guidance: Guidance, counts: Tensor
    ) -> Tensor:
        """Error to a teacher's answer, averaged over all heatmaps: few that count weigh little.

        Args:
            heatmaps: (B, K, h, w) of the student.
            target: (B, K, h, w).
            guidance: where the target comes from.
            counts: (B, K) how much each heatmap counts, in [0, 1].
        """
        return self.loss(heatmaps, target, counts, guidance.pixels) * counts.float().mean()

    def watch(self, confidence: Tensor, counts: Tensor) -> None:
        """Logs the mean peak of the teachers and what counts of it, and notices a collapse.

        Args:
            confidence: (B, K) of one teacher, or (T, B, K) of several: each can collapse.
            counts: of the same shape.
        """
        peaks = confidence.flatten(-2).mean(dim=-1)
        self.figures |= {"unlabeled_peak": peaks.mean(), "taught": (counts > 0).float().mean()}
        self.collapse.see(peaks, self.progress)

    def harden(self, view: View, guidance: Guidance, options: HardeningOptions) -> Tensor:
        """A hard view's images, made harder still: colours changed, joints masked.

        Args:
            view: of a student.
            guidance: tells where the joints are.
            options: how much.
        """
        images = view.images
        if options.rand_augment:
            images = self.setting.views.recolor(
                images, lambda rgb: rand_augment(rgb, options.rand_augment, options.rand_magnitude)
            )
        if options.cutout:
            mask = joint_cutout(
                guidance.points,
                choose_joints(guidance.inside, options.cutout),
                view.size,
                shares=options.cutout_size,
                jitter=options.cutout_jitter,
            )
            images = blank(images, mask)
        return images


@torch.no_grad()
def ask(teacher: nn.Module, images: Tensor) -> Tensor:
    """A teacher's heatmaps (B, K, h, w) in float32, without gradient.

    The teacher answers in the mode that it is in. An average is always in evaluation mode. A
    network that learns and teaches at the same time has to stay in training mode, as in the
    published code: batch norm's running figures lag behind its weights, its answers would be of
    another size than those it gives as a student, and learning from them this size grows or
    shrinks without end.
    """
    heatmaps: Tensor = teacher(images).heatmaps.float()
    return heatmaps


def together(network: nn.Module, *images: Tensor) -> list[Tensor]:
    """The heatmaps of several sets of images that go through the network as one batch."""
    heatmaps: Tensor = network(torch.cat(images)).heatmaps
    return list(heatmaps.split([len(part) for part in images]))
