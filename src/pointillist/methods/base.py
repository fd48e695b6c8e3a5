"""What a method is: one module that turns a Batch into named losses."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from torch import Tensor, nn

from pointillist.augment import ViewMaker, ViewOptions
from pointillist.batch import Batch, View
from pointillist.heatmaps import encode
from pointillist.methods.collapse import CollapseWatch
from pointillist.models.heads import LocalizerOutput
from pointillist.models.localizer import Localizer
from pointillist.skeleton import Skeleton


class MethodOptions(BaseModel):
    """Options of a method; every method has its own subclass."""

    model_config = ConfigDict(extra="forbid")

    #: The published setting, as far as it is published: what ``faithful`` stands for.
    published: ClassVar[dict[str, Any]] = {}

    faithful: bool = Field(
        False, description="the published setting; options that are given still have their say"
    )

    def by_the_clock(self) -> MethodOptions:
        """The options, less what depends on how many steps the time is enough for."""
        return self

    @field_validator("faithful")
    @classmethod
    def _is_published(cls, faithful: bool) -> bool:
        if faithful and not cls.published:
            raise ValueError("no published setting of this method is known here")
        return faithful

    @model_validator(mode="before")
    @classmethod
    def _as_published(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("faithful"):
            return {**cls.published, **values}
        return values

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        """A group of options of which some are given keeps its own defaults for the others."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        for name, given in values.items():
            field = cls.model_fields.get(name)
            if field is not None and isinstance(given, dict):
                default = field.get_default(call_default_factory=True)
                if isinstance(default, BaseModel):
                    values[name] = default.model_dump() | given
        return values


class RampedOptions(MethodOptions):
    """Options of methods whose other losses wait for the labels: see :func:`ramped`."""

    burn_in: float = Field(0.0, ge=0, lt=1, description="share of the training on labels alone")
    ramp: float = Field(
        0.0, ge=0, lt=1, description="share in which the unsupervised weights grow to full"
    )

    @model_validator(mode="after")
    def _ends_in_time(self) -> RampedOptions:
        if self.burn_in + self.ramp > 1 + 1e-9:
            raise ValueError(
                f"burn_in ({self.burn_in:g}) and ramp ({self.ramp:g}) are more than the whole "
                "training: the weights would never be full"
            )
        return self


@dataclass(frozen=True)
class Setting:
    """What a method is given besides its own options.

    Args:
        views: makes views of batches.
        view_options: ranges of the random views that supervised training sees.
        sigma: of the target Gaussians in heatmap pixels.
        skeleton: of the points.
    """

    views: ViewMaker
    view_options: ViewOptions
    sigma: float
    skeleton: Skeleton


@dataclass(frozen=True)
class OtherCrops:
    """Other crops a step, from a share of the training on.

    Args:
        since: that share, in [0, 1].
        times: how many times as many as the training's options say.
        labeled: the share of them that is labelled; none: as those options say.
    """

    since: float
    times: float = 1.0
    labeled: float | None = None


class Method(nn.Module, ABC):
    """Base class of all methods.

    A subclass is one file: its ``name``, its ``Options`` and ``forward``. Averaging of weights,
    mixed precision, compilation, distribution and checkpoints are the training's business.

    Args:
        model: the network that the method trains.
        setting: views, targets, skeleton.
        options: of the subclass's ``Options`` type.
    """

    name: ClassVar[str]
    Options: ClassVar[type[MethodOptions]] = MethodOptions
    #: Whether the method learns from unlabelled crops; otherwise none are loaded.
    uses_unlabeled: ClassVar[bool] = True
    #: Whether it is pointless where every crop is labelled.
    needs_unlabeled: ClassVar[bool] = False
    #: Whether it learns that points that are marked absent are not there; else they are left out.
    learns_absence: ClassVar[bool] = False

    def __init__(self, model: Localizer, setting: Setting, options: MethodOptions) -> None:
        super().__init__()
        self.model = model
        self.setting = setting
        self.options = options
        #: Share of the training that is done, in [0, 1]; the training keeps it up to date.
        self.progress = 0.0
        #: How many steps are; the training keeps that up to date too.
        self.steps = 0
        #: The averaged network, where the training keeps one; it is the training's to update.
        self.average: nn.Module | None = None
        #: Training crops come with so many times the pixels that predictions are made from, each
        #: way, where a method looks closer for a while.
        self.detail = 1.0
        #: When a step gets other crops than the training's options say, in order.
        self.later: list[OtherCrops] = []
        #: Set by a method that has given its networks other weights: the training then forgets
        #: the averages and the optimiser's moments of the old ones, and takes it back.
        self.restarted = False
        #: What a person at the screen is to know, once, of a part that begins; the progress bar
        #: takes it back.
        self.news: str | None = None
        #: Who watches the peaks of its teachers, where it has any.
        self.collapse: CollapseWatch | None = None
        #: Figures to log beside the losses.
        self.figures: dict[str, Tensor] = {}

    @abstractmethod
    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Named losses, already weighted: their sum is minimised."""

    def validation_figures(self, output: LocalizerOutput, annotated: Tensor) -> dict[str, Tensor]:
        """What is logged of validation beside the score, as a mean over its batches.

        Args:
            output: of plain crops, by the network that is kept.
            annotated: (B, K).

        Returns:
            always the same names: processes that validate together wait for each other's.
        """
        return {}

    @property
    def preparing(self) -> bool:
        """Whether the network that is kept in the end has yet to begin: no training ends for want
        of progress before that."""
        return False

    def backbone_factor(self, done: float) -> float:
        """How many times its learning rate of the training's options a backbone has at a share of
        the training that is done, in [0, 1]."""
        return 1.0

    @property
    def candidates(self) -> tuple[Localizer, ...]:
        """The networks of which validation keeps the best for inference; without it the first."""
        return (self.model,)

    def targets(self, view: View) -> Tensor:
        """Target heatmaps (B, K, H, W) of a view's points."""
        stride = self.model.stride
        width, height = (side // stride for side in view.size)
        with torch.no_grad():
            return encode(view.points / stride, (width, height), self.setting.sigma)


def first_step(share: float, steps: int) -> int:
    """The step of a training of so many at which this share of it is done."""
    # Rounded, or it would be 1001 where 1000 / 10600 * 10600 is a little more than 1000.
    return math.ceil(round(share * steps, 6))


def ramped(progress: float, burn_in: float, ramp: float) -> float:
    """Weight of the unsupervised losses: 0 during the burn-in, then growing to 1.

    Args:
        progress: share of the training that is done.
        burn_in: share of the training without them.
        ramp: share of the training in which the weight grows.
    """
    since = progress - burn_in
    if since < 0:
        return 0.0
    return min(1.0, since / ramp) if ramp else 1.0
