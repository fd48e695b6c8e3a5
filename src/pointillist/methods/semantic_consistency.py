"""Semantic keypoint consistency with transformation equivariance and invariance (ICLR 2021)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from pointillist import geometry
from pointillist.augment import ViewOptions, random_perspective, random_transform
from pointillist.batch import Batch, View, pixels_from_file
from pointillist.losses import (
    HeatmapLoss,
    SemanticConsistencyLoss,
    TransformationEquivarianceLoss,
    TransformationInvarianceLoss,
)
from pointillist.methods.base import Method, MethodOptions, RampedOptions, Setting, ramped
from pointillist.methods.collapse import CollapseWatch
from pointillist.metrics.clusters import silhouette
from pointillist.models.classifier import KeypointClassifier
from pointillist.models.heads import LocalizerOutput
from pointillist.models.localizer import Localizer
from pointillist.models.representation import represent
from pointillist.strong_views import carry

#: Heatmaps (B, K, H, W) and projected features (B, C, H, W).
_Output = tuple[Tensor, Tensor]

#: The views of a teacher and of who learns from it.
EASY = ViewOptions(rotation=15, scale=0.1, shift=0.05, flip=0.5, color=0.1, gray=0)
HARD = ViewOptions(rotation=50, scale=0.4, shift=0.1, flip=0.5, color=0.5, gray=0.1, erase=0.5)

#: The affine transform of the option ``transform: affine``.
_AFFINE = ViewOptions(rotation=30, scale=0.2, shift=0.05, flip=0, color=0, gray=0)


class SemanticConsistencyOptions(RampedOptions):
    """Options of semantic consistency; a weight of 0 switches a loss off."""

    #: Section 4.2; ``strength`` is that of the authors' other code.
    published: ClassVar[dict[str, Any]] = {
        "supervised": 1000.0,
        "semantic": 0.5,
        "equivariance": 100.0,
        "invariance": 100.0,
        "channels": 64,
        "transform": "perspective",
        "strength": 0.15,
        "normalized": False,
        "teacher": "none",
        "true_heatmaps": True,
        "valid_only": False,
        "burn_in": 0.0,
        "ramp": 0.0,
    }

    supervised: float = Field(1000.0, ge=0, description="lambda_1")
    semantic: float = Field(0.3, ge=0, description="lambda_2, of the semantic consistency")
    equivariance: float = Field(1000.0, ge=0, description="lambda_3")
    invariance: float = Field(30.0, ge=0, description="lambda_4")
    channels: int = Field(64, ge=1, description="C, of a representation")
    transform: Literal["perspective", "affine"] = Field(
        "perspective",
        description="kind of the random transform between the two passes; affine: turned by up to "
        "30 degrees, scaled by 20 % and shifted by 5 % at most",
    )
    strength: float = Field(
        0.15, gt=0, lt=0.5, description="of the perspective alone: d as a share of the shorter side"
    )
    normalized: bool = Field(
        True,
        description="representations are scaled to length 1 before their invariance is measured: "
        "otherwise a high heatmap and a low one differ at the same place, and the weight that "
        "suits one network upsets another",
    )
    teacher: Literal["none", "average"] = Field(
        "average",
        description="none: the network learns from itself, both passes get gradients (the paper); "
        "average: the averaged network sees an easy view of an unlabelled crop and the network "
        "learns from it in a hard one, where the training keeps an average",
    )
    easy: ViewOptions = Field(
        default_factory=lambda: EASY, description="what a teacher sees of an unlabelled crop"
    )
    hard: ViewOptions = Field(
        default_factory=lambda: HARD, description="what is learnt in from a teacher"
    )
    threshold: float = Field(
        0.2, ge=0, le=1, description="a teacher's heatmap with a lower peak teaches nothing"
    )
    true_heatmaps: bool = Field(
        True, description="labelled crops use ground-truth heatmaps in the unsupervised losses"
    )
    valid_only: bool = Field(
        True,
        description="pixels from outside the image do not count in the equivariance, nor do "
        "labelled points that have left the view in the other losses",
    )
    burn_in: float = Field(0.25, ge=0, lt=1, description="share of the training without them")
    ramp: float = Field(0.1, ge=0, lt=1, description="share in which their weights grow to full")


class SemanticConsistency(Method):
    """Learns heatmaps and pose-invariant representations of keypoints together.

    Moskvyak, Maire, Dayoub and Baktashmotlagh, "Semi-supervised keypoint localization", ICLR
    2021: L = l_1 L_sup + l_2 L_sc + l_3 L_te + l_4 L_ti (eq. 5). As published (``teacher: none``)
    every crop goes through the network twice, as it is and moved by a random transform g. By
    default, ours, the averaged network answers for the unlabelled crops in an easy view and the
    network learns that in a hard one; what leads from one view to the other takes the place of g,
    and labelled crops are seen once. The average is of the localizer: projection and classifier
    are the learning network's in both views.
    """

    name: ClassVar[str] = "semantic_consistency"
    Options: ClassVar[type[MethodOptions]] = SemanticConsistencyOptions
    options: SemanticConsistencyOptions
    collapse: CollapseWatch

    def __init__(self, model: Localizer, setting: Setting, options: MethodOptions) -> None:
        super().__init__(model, setting, options)
        self.project = nn.Conv2d(model.feature_channels, self.options.channels, kernel_size=1)
        self.classifier = KeypointClassifier(self.options.channels, model.keypoints)
        self.supervised = HeatmapLoss()
        self.semantic = SemanticConsistencyLoss()
        self.equivariance = TransformationEquivarianceLoss()
        self.invariance = TransformationInvarianceLoss()
        self.collapse = CollapseWatch()

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The four losses on labelled and unlabelled crops."""
        self.figures = {}
        weight = ramped(self.progress, self.options.burn_in, self.options.ramp)
        if not weight:
            return self._supervised_only(batch)
        # Where every crop is labelled there is nobody to teach, and the losses of the paper remain.
        taught = self.options.teacher == "average" and not bool(batch.labeled.all())
        if taught and self.average is not None:
            losses = self._from_teacher(batch)
        else:
            losses = self._from_itself(batch)
        return {n: v if n == "supervised" else weight * v for n, v in losses.items()}

    def ranges(self) -> tuple[ViewOptions, ViewOptions]:
        """Of a step's views of labelled crops, and of those in which a teacher is learnt from."""
        return self.setting.view_options, self.options.hard

    def learnt(self, view: View) -> Tensor:
        """Which heatmaps of labelled crops are learnt from their labels, (B, K) bool: where points
        are marked absent, empty ones, if the method learns that."""
        return view.annotated | view.absent if self.learns_absence else view.annotated

    def _supervised_only(self, batch: Batch) -> dict[str, Tensor]:
        """Before the other losses begin: one pass of the labelled crops."""
        view = self.setting.views.random(batch.select(batch.labeled), self.ranges()[0])
        error = self.supervised(
            self.model(view.images).heatmaps, self.targets(view), self.learnt(view)
        )
        return {"supervised": self.options.supervised * error}

    def _from_itself(self, batch: Batch) -> dict[str, Tensor]:
        """As published: every crop goes through the network twice."""
        options = self.options
        view = self.setting.views.random(batch, self.ranges()[0])
        transform = self._transform(view)
        moved = geometry.warp(view.images, transform, view.size)
        heatmaps, features = self._forward(torch.cat([view.images, moved]))
        (first, second), (features, moved_features) = heatmaps.chunk(2), features.chunk(2)

        target = self.targets(view)
        labeled = batch.labeled[:, None] & view.annotated
        learnt = batch.labeled[:, None] & self.learnt(view)
        losses = {"supervised": options.supervised * self.supervised(first, target, learnt)}
        on_map = geometry.at_stride(transform, self.model.stride)
        used, used_moved = first, second
        if options.true_heatmaps:
            size = (first.shape[-1], first.shape[-2])
            known = labeled[:, :, None, None]
            used = torch.where(known, target, first)
            used_moved = torch.where(known, geometry.warp(target, on_map, size), second)
        if options.equivariance:
            valid = self._valid(batch, view, transform) if options.valid_only else None
            error = self.equivariance(second, used, on_map, valid)
            losses["equivariance"] = options.equivariance * error
        if options.semantic or options.invariance:
            z, z_moved = represent(features, used), represent(moved_features, used_moved)
            # A labelled crop's points that are hidden from the annotator say nothing; an
            # unlabelled crop's all count, as in the paper.
            counts = torch.where(batch.labeled[:, None], view.annotated, True)
            seen = counts
            if options.valid_only:  # what the transform moved out of the view is not there to see
                points = geometry.transform_points(transform, view.points)
                inside = geometry.inside(points, float(view.size[0]), float(view.size[1]))
                seen = torch.where(batch.labeled[:, None], counts & inside, True)
            losses |= self._of_representations((z, z_moved, seen), (z, counts), (z_moved, seen))
        peaks = first.detach()[~batch.labeled].flatten(2).amax(dim=2)
        if len(peaks):  # the mean height falls when training collapses
            self.figures = {"unlabeled_peak": peaks.mean()}
            self.collapse.see(peaks.mean(), self.progress)
        return losses

    def _from_teacher(self, batch: Batch) -> dict[str, Tensor]:
        """The averaged network answers for the unlabelled crops; labelled ones are seen once."""
        options, views = self.options, self.setting.views
        labeled, unlabeled = batch.select(batch.labeled), batch.select(~batch.labeled)
        known_range, hard_range = self.ranges()
        view = views.random(labeled, known_range)
        easy, hard = (views.random(unlabeled, o) for o in (options.easy, hard_range))
        known, known_features = self._ask(easy.images)
        guidance = carry(known, easy, hard, views.order(known.device), self.model.stride)
        count = len(labeled)
        heatmaps, features = self._forward(torch.cat([view.images, hard.images]))
        target, answer = self.targets(view), heatmaps[count:]
        error = self.supervised(heatmaps[:count], target, self.learnt(view))
        losses = {"supervised": options.supervised * error}
        taught = guidance.inside & (guidance.confidence >= options.threshold)
        if options.equivariance:
            error = self.supervised(answer, guidance.heatmaps, taught, guidance.pixels)
            # Over all heatmaps: a few that count must not weigh like all.
            losses["equivariance"] = options.equivariance * error * taught.float().mean()
        if options.semantic or options.invariance:
            used = target if options.true_heatmaps else heatmaps[:count]
            z, z_hard = represent(features[:count], used), represent(features[count:], answer)
            z_easy = represent(known_features, known)
            # The same place in both views: where one is a mirror image, it has the other name.
            exchanged = (easy.flipped ^ hard.flipped)[:, None, None]
            z_easy = torch.where(exchanged, z_easy[:, views.order(known.device)], z_easy)
            losses |= self._of_representations(
                (z_easy, z_hard, taught), (z, view.annotated), (z_hard, taught)
            )
        peak = guidance.confidence.mean()
        self.figures = {"unlabeled_peak": peak, "taught": taught.float().mean()}
        self.collapse.see(peak, self.progress)
        return losses

    def _of_representations(
        self, pair: tuple[Tensor, Tensor, Tensor], *named: tuple[Tensor, Tensor]
    ) -> dict[str, Tensor]:
        """Losses of a pair (B, K, C) twice and of all, each with what counts (B, K)."""
        losses = {}
        if self.options.invariance:
            first, second, both = pair
            if self.options.normalized:
                first, second = normalize(first, dim=2), normalize(second, dim=2)
            error = self.invariance(first, second, both)
            losses["invariance"] = self.options.invariance * error
        if self.options.semantic:
            z, counts = (torch.cat(parts) for parts in zip(*named, strict=True))
            losses["semantic"] = self.options.semantic * self.semantic(self.classifier(z), counts)
        return losses

    def validation_figures(self, output: LocalizerOutput, annotated: Tensor) -> dict[str, Tensor]:
        """How often the classifier recognises a keypoint, and how well keypoints cluster."""
        # Of every fourth crop: of all of them it would make validation a quarter slower.
        (heatmaps, features), annotated = (part[::4] for part in output), annotated[::4]
        z = represent(self.project(features).float(), heatmaps.float())
        keypoint = torch.arange(z.shape[1], device=z.device).expand(len(z), -1)
        clusters = silhouette(z[annotated].cpu().numpy(), keypoint[annotated].cpu().numpy())
        figures = {"silhouette": torch.tensor(clusters, device=z.device)}
        if self.options.semantic:  # otherwise the classifier has learnt nothing
            right = (self.classifier(z).argmax(dim=2) == keypoint)[annotated]
            figures["pseudo_accuracy"] = right.float().sum() / max(len(right), 1)
        return figures

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        output = self.model(images)
        return output.heatmaps, self.project(output.features).float()

    @torch.no_grad()
    def _ask(self, images: Tensor) -> _Output:
        assert self.average is not None
        output = self.average(images)
        return output.heatmaps.float(), self.project(output.features).float()

    def _transform(self, view: View) -> Tensor:
        """g (B, 3, 3), from the view onto itself."""
        count, device = len(view.images), view.images.device
        if self.options.transform == "perspective":
            return random_perspective(count, view.size, self.options.strength, device)
        return random_transform(count, view.size, _AFFINE, device)[0]

    def _valid(self, batch: Batch, view: View, transform: Tensor) -> Tensor:
        """Pixels of the moved map (B, H, W) that lay in the view and show the file."""
        stride = self.model.stride
        size = (view.size[0] // stride, view.size[1] // stride)
        on_map = geometry.at_stride(transform, stride)
        from_file = pixels_from_file(
            batch, geometry.compose(transform, view.transform), view.size, stride
        )
        return geometry.valid_mask(on_map, size, size) & from_file
