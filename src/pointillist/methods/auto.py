"""The default method: nothing to choose."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor

from pointillist.augment import ViewOptions
from pointillist.batch import Batch
from pointillist.methods.base import MethodOptions
from pointillist.methods.semantic_consistency import (
    SemanticConsistency,
    SemanticConsistencyOptions,
)
from pointillist.models.heads import LocalizerOutput


class AutoOptions(SemanticConsistencyOptions):
    """Options of the default method, for those who want to change it after all."""

    #: It is ours: there is no setting that anybody else has published.
    published: ClassVar[dict[str, Any]] = {}

    turned: float = Field(
        0.0,
        ge=0,
        le=180,
        description="crops are turned by up to so many degrees either way in the last part of "
        "the training; planned: 180 where labelled objects lie every way; 0: as the views say",
    )
    turned_from: float = Field(
        0.85,
        ge=0,
        le=1,
        description="share of the training without that; it is quick, once all "
        "else is learnt, and slow before",
    )


class Auto(SemanticConsistency):
    """What has measurably helped of all that is here: ``docs/findings.md`` has the figures.

    First the labels alone; then the averaged network labels easy views of the other images and
    the network learns them in hard ones, where the teacher is sure enough, together with
    representations that tell keypoints apart
    (:class:`~pointillist.methods.semantic_consistency.SemanticConsistency`). Without unlabelled
    images it is supervised training. Where the labelled objects lie every way, crops are turned
    every way in the last part of the training. Some things are not the method's but the
    training's, and are planned for it from what there is (:func:`pointillist.planning.planned`):
    how many steps, a learning rate that does not fall, and a prediction that averages over turned
    and scaled copies.
    """

    name: ClassVar[str] = "auto"
    Options: ClassVar[type[MethodOptions]] = AutoOptions
    options: AutoOptions

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The losses of semantic consistency, or of the labels where there is nothing else."""
        if bool(batch.labeled.all()):
            self.figures = {}
            return self._supervised_only(batch)
        return super().forward(batch)

    def ranges(self) -> tuple[ViewOptions, ViewOptions]:
        """As given, and in the last part of the training turned as far as ``turned`` says."""
        known, hard = super().ranges()
        turned = self.options.turned
        if not turned or self.progress < self.options.turned_from:
            return known, hard
        known, hard = (
            view.model_copy(update={"rotation": max(view.rotation, turned)})
            for view in (known, hard)
        )
        return known, hard

    def validation_figures(self, output: LocalizerOutput, annotated: Tensor) -> dict[str, Tensor]:
        """None: what representations are like is for those who study them."""
        return {}
