"""Adaptive keypoint masking with Mixup of images and of features (2024)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal, get_args

import torch
from pydantic import Field, model_validator
from torch import Tensor

from pointillist.augment import ViewOptions
from pointillist.batch import Batch, View
from pointillist.errors import ConfigError
from pointillist.methods.base import MethodOptions, Setting
from pointillist.methods.consistency import easy_view, hard_view
from pointillist.methods.teaching import HalfSides, Teaching, TeachingOptions, ask
from pointillist.models.localizer import Localizer
from pointillist.strong_views import (
    Guidance,
    allot_masks,
    blank,
    carry,
    choose_joints,
    joint_cutout,
    mixup,
    mixup_shares,
    partners,
)

MixupLayer = Literal["head", "stride4", "stride8", "stride16"]


class AdaptiveMaskingOptions(TeachingOptions):
    """Options of adaptive keypoint masking; what the paper leaves open has defaults of our own.

    A weight of 0 switches a branch off.
    """

    mixed: float = Field(
        1000.0, ge=0, description="lambda_m: weight of the branch with Mixup; 0: without it"
    )
    masking: Literal["adaptive", "fixed", "none"] = Field(
        "adaptive", description="masks by the image's difficulty, as many for every image, or none"
    )
    threshold: float = Field(
        0.5, ge=0, le=1, description="a joint is easy from this relative response on"
    )
    most_masks: int = Field(5, ge=0, description="masks of an image whose joints are all easy")
    fewest_masks: int = Field(1, ge=0, description="masks of an extremely difficult image")
    hopeless: float = Field(
        0.2, ge=0, le=1, description="an image with no higher peak is extremely difficult"
    )
    fixed_masks: int = Field(5, ge=0, description="masks of every image, where masking is fixed")
    mask_size: HalfSides = Field(
        (0.05, 0.1), description="half side of a mask: range, in shares of the shorter side"
    )
    mask_jitter: float = Field(
        0.05, ge=0, description="deviation of a mask's centre, in shares of the shorter side"
    )
    mixup: Literal["both", "image", "feature", "none"] = Field(
        "both",
        description="what the second branch mixes; none: it has masks of its own and no mixes",
    )
    mixup_layer: MixupLayer = Field(
        "head", description="features are mixed where they enter the head, or from a stage on"
    )
    mixup_alpha: float = Field(
        0.5,
        ge=0.1,
        description="shares are drawn from a Beta distribution with this parameter twice",
    )
    teacher: Literal["network", "average"] = Field(
        "network",
        description="the network itself, or its weights' average where the training keeps one",
    )
    easy: ViewOptions = Field(default_factory=easy_view, description="what the teacher sees")
    hard: ViewOptions = Field(
        default_factory=hard_view, description="what happens to the easy view for the student"
    )

    @model_validator(mode="after")
    def _fewest_are_fewer(self) -> AdaptiveMaskingOptions:
        if self.fewest_masks > self.most_masks:
            raise ValueError(
                f"fewest_masks ({self.fewest_masks}) is more than most_masks ({self.most_masks})"
            )
        return self


class AdaptiveMasking(Teaching):
    """Images that the teacher finds easy get more masks over their joints; some are mixed.

    Meng, Li and Jiang, "Semi-supervised 2D human pose estimation via adaptive keypoint masking",
    2024: L = L_s + lambda_u L_u + lambda_m L_m. The first branch (L_u) learns masked hard views,
    the second (L_m) mixes them in pairs, as images or as features:
    L_m = a |f(X_m) - H_i|^2 + (1 - a) |f(X_m) - H_j|^2.
    """

    name: ClassVar[str] = "adaptive_masking"
    Options: ClassVar[type[MethodOptions]] = AdaptiveMaskingOptions
    options: AdaptiveMaskingOptions

    def __init__(self, model: Localizer, setting: Setting, options: MethodOptions) -> None:
        super().__init__(model, setting, options)
        if not self._can_mix(self.options.mixup_layer):
            names = ", ".join(layer for layer in get_args(MixupLayer) if self._can_mix(layer))
            raise ConfigError(
                f"features of {model.backbone.name} cannot be mixed at {self.options.mixup_layer}",
                do=f"Choose one of: {names}.",
            )

    def _can_mix(self, layer: MixupLayer) -> bool:
        """Whether what lies deeper takes more images than came in: a dry run says. A vision
        transformer, which gives its features a shape by how many came in, does not."""
        model = self.model
        if layer == "head" or _stride(layer) not in model.backbone.stages:
            return layer == "head"
        width, height = self.setting.views.size
        at = next(model.parameters())
        blank = torch.zeros(2, len(model.mean), height, width, device=at.device, dtype=at.dtype)
        training = {module: module.training for module in model.modules()}
        model.eval()  # a blank image must not enter batch norm's figures
        try:
            with torch.no_grad():
                heatmaps = self._with_more_features(blank, lambda f: torch.cat([f, f[:1]]), layer)
        except Exception:  # whatever a network makes of it
            return False
        finally:
            for module, mode in training.items():
                module.training = mode
        return len(heatmaps) == 3

    def teach(self, view: View, unlabeled: Batch, weight: float) -> dict[str, Tensor]:
        """Both branches and the labelled crops, all in one batch."""
        options, views = self.options, self.setting.views
        easy = views.random(unlabeled, options.easy)
        hard = views.random(unlabeled, options.hard, after=easy)
        average = self.average if options.teacher == "average" else None
        heatmaps = ask(average if average is not None else self.model, easy.images)
        guidance = carry(heatmaps, easy, hard, views.order(heatmaps.device), self.model.stride)
        images = self._masked(hard, guidance)
        partner = partners(len(images)).to(images.device)
        share = mixup_shares(len(images), options.mixup_alpha).to(images.device)
        mixes = self._mixes(len(images))

        parts = {"labelled": view.images}
        if options.unsupervised or "feature" in mixes:
            parts["masked"] = images
        if "image" in mixes:
            parts["image"] = mixup(images, images[partner], share)
        if "none" in mixes:
            parts["none"] = self._masked(hard, guidance)
        rows = slice(len(view.images), len(view.images) + len(images))

        def add(features: Tensor) -> Tensor:
            own = features[rows]
            return torch.cat([features, mixup(own, own[partner], share)])

        given = torch.cat(list(parts.values()))
        sizes = {name: len(part) for name, part in parts.items()}
        if "feature" in mixes:
            sizes["feature"] = len(images)
            heatmaps = self._with_more_features(given, add, self.options.mixup_layer)
        else:
            heatmaps = self.model(given).heatmaps
        said = dict(zip(sizes, heatmaps.split(list(sizes.values())), strict=True))

        losses = {"supervised": self.supervised(said["labelled"], view)}
        if options.unsupervised:
            error = self._error(said["masked"], guidance)
            losses["unsupervised"] = weight * options.unsupervised * error
        if mixes:
            errors = [
                self._error(said[mix], guidance)
                if mix == "none"
                else self._mixed_error(said[mix], guidance, partner, share)
                for mix in mixes
            ]
            losses["mixed"] = weight * options.mixed * torch.stack(errors).mean()
        self.watch(guidance.confidence, guidance.inside)
        return losses

    def _mixes(self, images: int) -> tuple[str, ...]:
        """What the second branch learns: none if there is no such branch, or nothing to mix."""
        options = self.options
        if not options.mixed or (images < 2 and options.mixup != "none"):
            return ()
        return ("image", "feature") if options.mixup == "both" else (options.mixup,)

    def _masked(self, hard: View, guidance: Guidance) -> Tensor:
        """The hard views' images with masks over joints."""
        options = self.options
        if options.masking == "none":
            return hard.images
        count: Tensor | int = options.fixed_masks
        if options.masking == "adaptive":
            count = allot_masks(
                guidance.confidence,
                threshold=options.threshold,
                fewest=options.fewest_masks,
                most=options.most_masks,
                hopeless=options.hopeless,
            )
            self.figures["masks"] = count.float().mean()
        mask = joint_cutout(
            guidance.points,
            choose_joints(guidance.inside, count),
            hard.size,
            shares=options.mask_size,
            jitter=options.mask_jitter,
        )
        return blank(hard.images, mask)

    def _error(self, heatmaps: Tensor, guidance: Guidance) -> Tensor:
        """L_u: the heatmaps of masked images against the teacher's."""
        return self.toward(heatmaps, guidance.heatmaps, guidance, guidance.inside)

    def _mixed_error(
        self, heatmaps: Tensor, guidance: Guidance, partner: Tensor, share: Tensor
    ) -> Tensor:
        """L_m: the heatmaps of a mix against those of both of its images."""
        other = guidance.select(partner)
        own = self.toward(heatmaps, guidance.heatmaps, guidance, guidance.inside * share[:, None])
        rest = other.inside * (1 - share[:, None])
        return own + self.toward(heatmaps, other.heatmaps, other, rest)

    def _with_more_features(
        self, images: Tensor, add: Callable[[Tensor], Tensor], layer: MixupLayer
    ) -> Tensor:
        """Heatmaps of images, and of what is added to their features at the layer of Mixup.

        All that lies deeper sees both in one batch: in a pass of their own, batch norm would keep
        figures of mixes. To features that leave the backbone before the layer it is added where
        they enter the head, so that none of them tells which image is which.
        """
        backbone = self.model.backbone
        if layer == "head":
            features = [add(f) for f in backbone(images)]
        else:
            stride = _stride(layer)
            stage = backbone.model.get_submodule(backbone.stages[stride])
            hook = stage.register_forward_hook(lambda module, given, output: add(output))
            try:
                features = backbone.forward(images)  # a compiled call would not see the hook
            finally:
                hook.remove()
            pairs = zip(features, backbone.strides, strict=True)
            features = [add(f) if s < stride else f for f, s in pairs]
        heatmaps: Tensor = self.model.head(features).heatmaps
        return heatmaps


def _stride(layer: str) -> int:
    return int(layer.removeprefix("stride"))
