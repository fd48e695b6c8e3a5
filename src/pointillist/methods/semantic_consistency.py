"""Semantic keypoint consistency with transformation equivariance and invariance (ICLR 2021)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from pointillist import geometry
from pointillist.augment import ViewOptions, random_perspective, random_transform
from pointillist.batch import Batch, View, pixels_from_file
from pointillist.losses import (
    HeatmapLoss,
    SemanticConsistencyLoss,
    TransformationEquivarianceLoss,
    TransformationInvarianceLoss,
)
from pointillist.methods.base import Method, MethodOptions, Setting, ramped
from pointillist.metrics.clusters import silhouette
from pointillist.models.classifier import KeypointClassifier
from pointillist.models.heads import LocalizerOutput
from pointillist.models.localizer import Localizer
from pointillist.models.representation import represent

#: Heatmaps (B, K, H, W) and projected features (B, C, H, W).
_Output = tuple[Tensor, Tensor]

#: The affine transform of the option ``transform: affine``.
_AFFINE = ViewOptions(rotation=30, scale=0.2, shift=0.05, flip=0, color=0, gray=0)


class SemanticConsistencyOptions(MethodOptions):
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
        "moved": None,
        "stop_gradient": False,
        "true_heatmaps": True,
        "valid_only": False,
        "burn_in": 0.0,
        "ramp": 0.0,
    }

    supervised: float = Field(1000.0, ge=0, description="lambda_1")
    semantic: float = Field(0.5, ge=0, description="lambda_2, of the semantic consistency")
    equivariance: float = Field(100.0, ge=0, description="lambda_3")
    invariance: float = Field(100.0, ge=0, description="lambda_4")
    channels: int = Field(64, ge=1, description="C, of a representation")
    transform: Literal["perspective", "affine"] = Field(
        "perspective", description="kind of the random transform between the two passes"
    )
    strength: float = Field(
        0.15, gt=0, lt=0.5, description="of the perspective: d as a share of the shorter side"
    )
    moved: ViewOptions | None = Field(
        None,
        description="in place of the transform: another random view, with colours and blank "
        "rectangles of its own, of the first one",
    )
    average: bool = Field(
        False,
        description="the first copies of unlabelled crops go through the averaged network, "
        "which the moved ones learn from, where the training keeps one",
    )
    true_heatmaps: bool = Field(
        True, description="labelled crops use ground-truth heatmaps in the unsupervised losses"
    )
    valid_only: bool = Field(
        True, description="pixels from outside the image do not count in the equivariance"
    )
    burn_in: float = Field(0.0, ge=0, lt=1, description="share of the training without them")
    ramp: float = Field(0.0, ge=0, lt=1, description="share in which their weights grow to full")


class SemanticConsistency(Method):
    """Learns heatmaps and pose-invariant representations of keypoints together.

    Moskvyak, Maire, Dayoub and Baktashmotlagh, "Semi-supervised keypoint localization", ICLR
    2021: L = l_1 L_sup + l_2 L_sc + l_3 L_te + l_4 L_ti (eq. 5). Every crop goes through the
    network twice, as it is and moved by a random transform.
    """

    name: ClassVar[str] = "semantic_consistency"
    Options: ClassVar[type[MethodOptions]] = SemanticConsistencyOptions
    options: SemanticConsistencyOptions

    def __init__(self, model: Localizer, setting: Setting, options: MethodOptions) -> None:
        super().__init__(model, setting, options)
        self.project = nn.Conv2d(model.feature_channels, self.options.channels, kernel_size=1)
        self.classifier = KeypointClassifier(self.options.channels, model.keypoints)
        self.supervised = HeatmapLoss()
        self.semantic = SemanticConsistencyLoss()
        self.equivariance = TransformationEquivarianceLoss()
        self.invariance = TransformationInvarianceLoss()

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The four losses on labelled and unlabelled crops."""
        options = self.options
        weight = ramped(self.progress, options.burn_in, options.ramp)
        if not weight:
            return self._supervised_only(batch)
        view = self.setting.views.random(batch, self.setting.view_options)
        images, transform, mirrored = self._moved(batch, view)
        if options.average and self.average is not None:
            (first, features), (second, moved_features) = self._taught(batch, view.images, images)
        else:
            heatmaps, features = self._forward(torch.cat([view.images, images]))
            (first, second), (features, moved_features) = heatmaps.chunk(2), features.chunk(2)
        # The i-th heatmap of a mirror image is the other side's point.
        order = self.setting.views.order(images.device)
        second = torch.where(mirrored[:, None, None, None], second[:, order], second)

        target = self.targets(view)
        labeled = batch.labeled[:, None] & view.annotated
        losses = {"supervised": options.supervised * self.supervised(first, target, labeled)}
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
            losses["equivariance"] = weight * options.equivariance * error
        if options.semantic or options.invariance:
            z, z_moved = represent(features, used), represent(moved_features, used_moved)
            # A labelled crop's points that are hidden from the annotator say nothing; an
            # unlabelled crop's all count, as in the paper.
            counts = torch.where(batch.labeled[:, None], view.annotated, True)
            if options.invariance:
                losses["invariance"] = (
                    weight * options.invariance * self.invariance(z, z_moved, counts)
                )
            if options.semantic:
                logits = self.classifier(torch.cat([z, z_moved]))
                both = torch.cat([counts, counts])
                losses["semantic"] = weight * options.semantic * self.semantic(logits, both)
        self.figures = self._figures(batch, first)
        return losses

    def validation_figures(self, output: LocalizerOutput, annotated: Tensor) -> dict[str, Tensor]:
        """How often the classifier recognises a keypoint, and how well keypoints cluster."""
        # Of every fourth crop: of all of them it would make validation a quarter slower.
        (heatmaps, features), annotated = (part[::4] for part in output), annotated[::4]
        z = represent(self.project(features).float(), heatmaps.float())
        keypoint = torch.arange(z.shape[1], device=z.device).expand(len(z), -1)
        right = (self.classifier(z).argmax(dim=2) == keypoint)[annotated]
        clusters = silhouette(z[annotated].cpu().numpy(), keypoint[annotated].cpu().numpy())
        return {
            "pseudo_accuracy": right.float().sum() / max(len(right), 1),
            "silhouette": torch.tensor(clusters, device=z.device),
        }

    def _supervised_only(self, batch: Batch) -> dict[str, Tensor]:
        """Before the other losses begin: one pass of the labelled crops."""
        view = self.setting.views.random(batch.select(batch.labeled), self.setting.view_options)
        error = self.supervised(
            self.model(view.images).heatmaps, self.targets(view), view.annotated
        )
        return {"supervised": self.options.supervised * error}

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        output = self.model(images)
        return output.heatmaps, self.project(output.features).float()

    def _taught(self, batch: Batch, images: Tensor, moved: Tensor) -> tuple[_Output, _Output]:
        """Both copies, the unlabelled crops' first one from the averaged network."""
        assert self.average is not None
        labeled = int(batch.labeled.sum())  # which are the first ones of a batch
        learnt = self._forward(torch.cat([images[:labeled], moved]))
        with torch.no_grad():
            output = self.average(images[labeled:])
            known = (output.heatmaps, self.project(output.features).float())
        first = tuple(torch.cat([a[:labeled], b]) for a, b in zip(learnt, known, strict=True))
        return (first[0], first[1]), (learnt[0][labeled:], learnt[1][labeled:])

    def _moved(self, batch: Batch, view: View) -> tuple[Tensor, Tensor, Tensor]:
        """The view moved: its images, g (B, 3, 3) from view to view, (B,) where mirrored."""
        views, count, device = self.setting.views, len(batch), view.images.device
        if self.options.moved is not None:
            moved = views.random(batch, self.options.moved, after=view)
            transform = geometry.compose(moved.transform, geometry.inverse(view.transform))
            return moved.images, transform, moved.flipped ^ view.flipped
        if self.options.transform == "perspective":
            transform = random_perspective(count, view.size, self.options.strength, device)
        else:
            transform = random_transform(count, view.size, _AFFINE, device)[0]
        images = geometry.warp(view.images, transform, view.size)
        return images, transform, torch.zeros_like(view.flipped)

    def _valid(self, batch: Batch, view: View, transform: Tensor) -> Tensor:
        """Pixels of the moved map (B, H, W) that lay in the view and show the file."""
        stride = self.model.stride
        size = (view.size[0] // stride, view.size[1] // stride)
        on_map = geometry.at_stride(transform, stride)
        from_file = pixels_from_file(
            batch, geometry.compose(transform, view.transform), view.size, stride
        )
        return geometry.valid_mask(on_map, size, size) & from_file

    @staticmethod
    def _figures(batch: Batch, heatmaps: Tensor) -> dict[str, Tensor]:
        """The mean height of the peaks on unlabelled crops: it falls when training collapses."""
        peaks = heatmaps.detach()[~batch.labeled].flatten(2).amax(dim=2)
        return {"unlabeled_peak": peaks.mean()} if len(peaks) else {}
