"""The default method: nothing to choose."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from pointillist.augment import ViewMaker, ViewOptions
from pointillist.batch import Batch, shrunk
from pointillist.crops import CONTEXT
from pointillist.methods.base import MethodOptions, OtherCrops, Setting
from pointillist.methods.relabeling import FRESH, Labeller
from pointillist.methods.semantic_consistency import (
    SemanticConsistency,
    SemanticConsistencyOptions,
)
from pointillist.models.heads import LocalizerOutput
from pointillist.models.localizer import Localizer
from pointillist.points import COPIES

#: Share of the training after which crops get small if the first network goes on.
HALF = 0.5


class AutoOptions(SemanticConsistencyOptions):
    """Options of the default method, for those who want to change it after all."""

    #: It is ours: there is no setting that anybody else has published.
    published: ClassVar[dict[str, Any]] = {}

    turned: float = Field(
        0.0,
        ge=0,
        le=180,
        description="crops are turned by up to so many degrees either way at the end of the "
        "training, of its first network's where there are two; planned: 180 where labelled "
        "objects lie every way; 0: as the views say",
    )
    turned_from: float = Field(
        0.85,
        ge=0,
        le=1,
        description="share of the training (of the first network's) without that; it is quick, "
        "once all else is learnt, and slow before",
    )
    renewed: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the training after which the network starts afresh and learns, "
        "beside the labels, what the averaged one before says of copies of the other images; "
        "planned where the weights that it starts from are pretrained; 1: never",
    )
    relabeled: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="share after which the fresh network's average takes over the labelling, and "
        "with detail crops get smaller; none: half way from renewed to the end; not later than "
        "renewed: no fresh network labels, and with detail none begins, but the first goes on "
        "with smaller crops from renewed on",
    )
    detail: float = Field(
        1.0,
        ge=1,
        le=4,
        description="until then crops have so many times the width and height: who labels need "
        "not see as little as a prediction; planned, up to 160 pixels; without renewed it is 1",
    )
    last_batch: float = Field(
        1.0,
        ge=1,
        le=16,
        description="a step has so many times the crops once they have got smaller: it costs no "
        "more than before then, and there is a label for each; planned: detail squared",
    )
    later_backbone_rate: float = Field(
        1.0,
        gt=0,
        le=1,
        description="from renewed on the backbone learns at so many times its rate: what it knew "
        "before is worth more than to fit labels that are not all right; planned for a fresh "
        "network: 0.3",
    )
    known: float | None = Field(
        None,
        gt=0,
        le=1,
        description="share of a step's crops that are labelled from renewed on; planned: as large "
        "as among all images, but at least a quarter; none: as before",
    )
    fresh_steps: int | None = Field(
        None,
        ge=1,
        description="if the fresh network cannot expect so many steps until relabeled, none "
        "begins, but the first goes on with smaller crops from half of the training on; planned "
        "with detail for a training by the clock: it then sees the other images 13 times",
    )
    confidence: float = Field(
        0.25, ge=0, le=1, description="a point that is labelled so counts from this peak on"
    )

    def by_the_clock(self) -> AutoOptions:
        """With as many crops a step, and as many parts, whatever time there is."""
        return self.model_copy(update={"known": None, "last_batch": 1.0, "fresh_steps": None})


class Auto(SemanticConsistency):
    """What has measurably helped of all that is here: ``docs/findings.md`` has the figures.

    First the labels alone; then the averaged network labels easy views of the other images and
    the network learns them in hard ones, where the teacher is sure enough, together with
    representations that tell keypoints apart
    (:class:`~pointillist.methods.semantic_consistency.SemanticConsistency`). Then a fresh network
    begins (``renewed``), which learns what the first one says of each image in turned and
    magnified copies, as points (:class:`~pointillist.methods.relabeling.Labeller`): it has not
    learnt the few labels by heart, and copies know more than one look. In the last part
    (``relabeled``) its own average labels. Where inputs are small both look closer than a
    prediction does (``detail``), for few labels teach more where there are more pixels, and in
    the last part the network goes on with fewer, in larger steps (``last_batch``): it has to learn
    to do with less, and has labels enough. Without unlabelled images it is supervised training.
    Where the labelled objects lie every way, crops are turned every way at the end of the first
    part: what it has learnt by that is in its labels. Points that are marked absent are learnt as
    such.
    Some things are not the method's but the training's, and are planned for it from what there is
    (:func:`pointillist.planning.planned`): how many steps, a learning rate that does not fall, how
    narrow the crops are, and a prediction that averages over turned and magnified copies.
    """

    name: ClassVar[str] = "auto"
    #: So that the network learns what cannot be seen, and a point is not put where its partner is.
    learns_absence: ClassVar[bool] = True
    Options: ClassVar[type[MethodOptions]] = AutoOptions
    options: AutoOptions

    def __init__(self, model: Localizer, setting: Setting, options: MethodOptions) -> None:
        super().__init__(model, setting, options)
        self.labeller: Labeller | None = None
        #: Whether the first network goes on, as the time is too short for a fresh one.
        self._goes_on = False
        self._usual = self._closer = setting
        if self.options.renewed < 1:
            # A network that takes one size only has nothing closer to look at.
            self.detail = 1.0 if model.backbone.fixed_size else self.options.detail
            self._closer = closer(setting, self.detail, model)
            self.labeller = Labeller(
                model,
                self._closer,
                copies=COPIES,
                confidence=self.options.confidence,
                smoothing=self._closer.sigma,
            )
            options = self.options
            if options.known is not None:
                self.later.append(OtherCrops(options.renewed, labeled=options.known))
            if self.detail > 1 and options.last_batch > 1:
                self.later.append(OtherCrops(self._shrinks, options.last_batch, options.known))
            #: How many networks have labelled: none, the first, the fresh one itself.
            self.register_buffer("labellers", torch.zeros((), dtype=torch.long))
            self.labellers: Tensor

    def get_extra_state(self) -> Tensor:
        """What a checkpoint holds beside the weights."""
        return torch.tensor(self._goes_on)

    def set_extra_state(self, state: Tensor) -> None:
        """Takes over what a checkpoint held."""
        self._goes_on = bool(state)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The losses of semantic consistency, of points that a network has labelled, or of the
        labels where there is nothing else."""
        self._reckon()
        closer = self._looks_closer
        self.setting = self._closer if closer else self._usual
        if bool(batch.labeled.all()):
            self.figures = {}
            return self._supervised_only(batch if closer else self._shrunk(batch))
        if self.labeller is None or self._first_part:
            return super().forward(batch)
        self._change(self.labeller)
        batch, peaks = self.labeller.label(batch)
        peak = peaks.mean()
        self.figures = {"unlabeled_peak": peak}
        self.collapse.see(peak, self.progress)
        return self._from_labels(batch if closer else self._shrunk(batch))

    def _reckon(self) -> None:
        """Whether there is time for a fresh network: by the clock nobody knows that before."""
        wanted, done = self.options.fresh_steps, self.progress
        if wanted is None or self.labeller is None or self.detail == 1:
            return
        if done < self.renewed or self._goes_on or int(self.labellers):
            return
        if self.steps / done * (self.relabeled - self.renewed) < wanted:
            self._goes_on = True
            self.news = "too little time for a fresh network: the first goes on until half of it"

    def _shrunk(self, batch: Batch) -> Batch:
        """In as many pixels as the crops of a prediction."""
        width, height = (2 * round(side / self.detail / 2) for side in batch.size)
        return shrunk(batch, (width, height))

    def _change(self, labeller: Labeller) -> None:
        """Who learns and who labels, when a part begins.

        First a fresh network learns what the averaged one labels; later its own average labels,
        and where crops get smaller then, it goes on from that. So does the first one where they
        get smaller at once, or where a training by the clock has had no time for a fresh one.
        """
        labellers, relabels = int(self.labellers), self._relabels
        if labellers == 2 or (labellers == 1 and not relabels):
            return
        trained = self.average if self.average is not None else self.model
        begins, self.news = labeller.take(trained), FRESH
        if labellers == 1 or relabels or (self.detail > 1 and not self._looks_closer):
            begins = trained.state_dict()
            self.news = "the last part begins: the network learns what it says itself of the others"
        if labellers == 0:
            self.collapse.forget()  # smoothed means over copies are lower than one look's peaks
        if labellers == 0 or self.detail > 1:
            self.model.load_state_dict(begins)
            self.restarted = True
        self.labellers.fill_(2 if relabels else 1)

    def _from_labels(self, batch: Batch) -> dict[str, Tensor]:
        """Labelled crops, and hard views of the others with the points that a network found."""
        views, options = self.setting.views, self.options
        parts = (batch.select(batch.labeled), batch.select(~batch.labeled))
        known, hard = (views.random(p, r) for p, r in zip(parts, self.ranges(), strict=True))
        count = len(known.images)
        heatmaps = self.model(torch.cat([known.images, hard.images])).heatmaps
        error = self.supervised(heatmaps[:count], self.targets(known), self.learnt(known))
        taught = self.supervised(heatmaps[count:], self.targets(hard), hard.annotated)
        share = hard.annotated.float().mean()  # a few points must not weigh like all
        self.figures["taught"] = share
        # Each crop weighs the same, however many of a step are labelled.
        known_weight = 2 * count / len(heatmaps)
        return {
            "supervised": options.supervised * known_weight * error,
            "equivariance": options.equivariance * (2 - known_weight) * taught * share,
        }

    def ranges(self) -> tuple[ViewOptions, ViewOptions]:
        """As given, and at the end of the first network's training turned as ``turned`` says."""
        known, hard = super().ranges()
        turned = self.options.turned
        until = 1.0 if self.labeller is None else self.renewed
        late = self.progress >= self.options.turned_from * until
        if not (turned and late and self._first_part):
            return known, hard
        known, hard = (
            view.model_copy(update={"rotation": max(view.rotation, turned)})
            for view in (known, hard)
        )
        return known, hard

    def backbone_factor(self, done: float) -> float:
        """Of a fresh network the backbone learns more slowly."""
        later = done >= self.renewed and not self._goes_on
        return self.options.later_backbone_rate if later else 1.0

    @property
    def preparing(self) -> bool:
        """Before the network begins that predicts, or crops are as small as for a prediction."""
        return self.labeller is not None and (self._first_part or self._looks_closer)

    @property
    def _first_part(self) -> bool:
        return self.labeller is None or self.progress < self.renewed

    @property
    def closer_size(self) -> tuple[int, int]:
        """Width and height of what it sees until crops are as small as for a prediction."""
        return self._closer.views.size

    @property
    def renewed(self) -> float:
        """Share of the training after which the first network labels."""
        return HALF if self._goes_on else self.options.renewed

    @property
    def relabeled(self) -> float:
        """Share of the training after which a fresh network's average labels, or crops get small;
        not after ``renewed`` if there is no fresh one."""
        if self._goes_on:
            return HALF
        given = self.options.relabeled
        return (1 + self.renewed) / 2 if given is None else given

    @property
    def _relabels(self) -> bool:
        """Whether a fresh network labels by now."""
        return self.progress >= self.relabeled > self.renewed

    @property
    def _looks_closer(self) -> bool:
        """Whether crops are larger than those of a prediction."""
        return self.detail > 1 and self.progress < self._shrinks

    @property
    def _shrinks(self) -> float:
        """From which share on they are as small as those."""
        return max(self.renewed, self.relabeled)

    def validation_figures(self, output: LocalizerOutput, annotated: Tensor) -> dict[str, Tensor]:
        """None: what representations are like is for those who study them."""
        return {}


def closer(setting: Setting, detail: float, network: Localizer) -> Setting:
    """The same setting with views of ``detail`` times the width and height, and Gaussians as wide
    in the image as before."""
    if detail == 1:
        return setting
    multiple = network.backbone.size_multiple
    size = [_near(side * detail, multiple) for side in setting.views.size]
    views = ViewMaker((size[0], size[1]), setting.skeleton, network.mean, network.std)
    return replace(setting, views=views, sigma=setting.sigma * detail)


def _near(side: float, multiple: int) -> int:
    """The next multiple above, so that the view shows at least what it should; the one below where
    the crop ends before that."""
    above = math.ceil(round(side) / multiple) * multiple
    return above if above <= side * CONTEXT else above - multiple
