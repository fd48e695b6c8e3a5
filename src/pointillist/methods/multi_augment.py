"""Several composed hard views of every unlabelled image in each step (MultiAugs)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal, get_args

import torch
from pydantic import Field, field_validator
from torch import Tensor

from pointillist.augment import ViewOptions
from pointillist.batch import Batch, View
from pointillist.methods.base import MethodOptions
from pointillist.methods.consistency import easy_view, hard_view
from pointillist.methods.teaching import HalfSides, Teaching, TeachingOptions, ask, together
from pointillist.strong_views import (
    Guidance,
    blank,
    carry,
    choose_joints,
    cutmix,
    cutout,
    joint_cutout,
    mask_on_map,
    mixup,
    mixup_shares,
    partners,
    paste,
    random_halves,
)

Part = Literal["joint_occlusion", "joint_cutout", "cutout", "cutmix", "mixup"]

#: Beta distribution of Mixup's shares, as in the published code.
_ALPHA = 0.2


class MultiAugmentOptions(TeachingOptions):
    """Options of several hard views; counts and sizes are the published ones."""

    published: ClassVar[dict[str, Any]] = {"burn_in": 0.0, "ramp": 0.0, "own_transforms": False}

    recipes: tuple[str, ...] = Field(
        ("joint_occlusion+cutout", "joint_cutout+cutmix"),
        min_length=1,
        description="one hard view each: what is done to it, in this order, joined by +; of "
        "joint_occlusion, joint_cutout, cutout, cutmix and mixup",
    )
    joint_occlusions: int = Field(2, ge=1, description="joints hidden by pasted patches")
    joint_cutouts: int = Field(5, ge=1, description="joints hidden by masks")
    cutouts: int = Field(5, ge=1, description="masks at random places")
    cutmixes: int = Field(2, ge=1, description="patches of another image at random places")
    patch_size: HalfSides = Field(
        (0.05, 0.1), description="half side of all these: range, in shares of the shorter side"
    )
    patch_jitter: float = Field(
        0.05, ge=0, description="deviation of centres from joints, in shares of the shorter side"
    )
    mixup_share: float = Field(
        0.25, gt=0, le=0.5, description="the other image's share in Mixup, at most"
    )
    mix_targets: bool = Field(
        False, description="CutMix and Mixup also mix the heatmaps; if not, they only disturb"
    )
    own_transforms: bool = Field(
        True, description="every hard view is moved by a transform of its own; if not, all alike"
    )
    teacher: Literal["network", "average"] = Field(
        "network",
        description="the network itself, or its weights' average where the training keeps one",
    )
    easy: ViewOptions = Field(default_factory=easy_view, description="what the teacher sees")
    hard: ViewOptions = Field(
        default_factory=hard_view, description="what happens to the easy view for the student"
    )

    @field_validator("recipes")
    @classmethod
    def _known(cls, recipes: tuple[str, ...]) -> tuple[str, ...]:
        for recipe in recipes:
            for part in recipe.split("+"):
                if part not in get_args(Part):
                    raise ValueError(f"'{part}' is none of {', '.join(get_args(Part))}")
        if len(set(recipes)) < len(recipes):
            raise ValueError("each recipe can be there once")
        return recipes


class MultiAugment(Teaching):
    """One easy view teaches several hard views, each with a loss of its own.

    Zhou et al., "Boosting semi-supervised 2D human pose estimation by revisiting data
    augmentation and consistency training" (arXiv 2402.11566), with one network. Patches over
    joints come from joints of another image, as in SSPCM (CVPR 2023).
    """

    name: ClassVar[str] = "multi_augment"
    Options: ClassVar[type[MethodOptions]] = MultiAugmentOptions
    options: MultiAugmentOptions

    def teach(self, view: View, unlabeled: Batch, weight: float) -> dict[str, Tensor]:
        """Labelled crops and all hard views go through the network together."""
        options, views = self.options, self.setting.views
        easy = views.random(unlabeled, options.easy)
        average = self.average if options.teacher == "average" else None
        heatmaps = ask(average if average is not None else self.model, easy.images)
        order, stride = views.order(heatmaps.device), self.model.stride
        pairs: list[tuple[View, Guidance]] = []
        for _ in options.recipes:
            if options.own_transforms or not pairs:
                hard = views.random(unlabeled, options.hard, after=easy)
                pairs.append((hard, carry(heatmaps, easy, hard, order, stride)))
            else:
                pairs.append(pairs[0])
        prepared = [
            self._prepare(recipe, hard, guidance)
            for recipe, (hard, guidance) in zip(options.recipes, pairs, strict=True)
        ]
        learned, *students = together(self.model, view.images, *(images for images, _ in prepared))
        losses = {"supervised": self.supervised(learned, view)}
        for recipe, student, (_, guidance) in zip(options.recipes, students, prepared, strict=True):
            error = self.toward(student, guidance.heatmaps, guidance, guidance.inside)
            losses[recipe] = weight * options.unsupervised * error
        self.watch(heatmaps.flatten(2).amax(dim=2).clamp(0, 1), pairs[0][1].inside)
        return losses

    def _prepare(self, recipe: str, hard: View, guidance: Guidance) -> tuple[Tensor, Guidance]:
        """A hard view's images, and what they have to be answered with, after all parts of a
        recipe."""
        images = hard.images
        for part in recipe.split("+"):
            if part == "joint_cutout":
                images = self._joints_masked(images, hard, guidance)
            elif part == "cutout":
                images = blank(images, self._holes(images, self.options.cutouts))
            elif len(images) < 2:  # what is left takes something from another image
                continue
            elif part == "joint_occlusion":
                images = self._occluded(images, guidance)
            else:
                images, guidance = self._mixed(part, images, guidance)
        return images, guidance

    def _joints_masked(self, images: Tensor, hard: View, guidance: Guidance) -> Tensor:
        options = self.options
        chosen = choose_joints(guidance.inside, options.joint_cutouts)
        mask = joint_cutout(
            guidance.points, chosen, hard.size,
            shares=options.patch_size, jitter=options.patch_jitter,
        )  # fmt: skip
        return blank(images, mask)

    def _holes(self, images: Tensor, count: int) -> Tensor:
        size = (images.shape[-1], images.shape[-2])
        mask = cutout(len(images), count, size, shares=self.options.patch_size)
        return mask.to(images.device)

    def _occluded(self, images: Tensor, guidance: Guidance) -> Tensor:
        """Patches around joints of another image over joints of this one."""
        options, device = self.options, images.device
        size = (images.shape[-1], images.shape[-2])
        number = min(options.joint_occlusions, guidance.points.shape[1])
        other = partners(len(images)).to(device)
        at, there = _drawn(guidance.points, guidance.inside, number)
        origin, found = _drawn(guidance.points[other], guidance.inside[other], number)
        jitter = options.patch_jitter * min(size) * torch.randn(at.shape)
        half = random_halves((len(images), number), size, options.patch_size).to(device)
        half = half * (there & found)[..., None]
        return paste(images, images[other], at + jitter.to(device), origin, half)

    def _mixed(self, part: str, images: Tensor, guidance: Guidance) -> tuple[Tensor, Guidance]:
        """Two images in one, and their heatmaps too, where the options say so; of those counts
        what the teacher saw of both."""
        index = partners(len(images)).to(images.device)
        other = images[index]
        if part == "cutmix":
            mask = self._holes(images, self.options.cutmixes)
            images = cutmix(images, other, mask)
            if not self.options.mix_targets:
                return images, guidance
            theirs, on_map = guidance.select(index), mask_on_map(mask, self.model.stride)
            heatmaps = cutmix(guidance.heatmaps, theirs.heatmaps, on_map)
            pixels = torch.where(on_map, theirs.pixels, guidance.pixels)
        else:
            share = 1 - self.options.mixup_share * mixup_shares(len(images), _ALPHA).to(other)
            images = mixup(images, other, share)
            if not self.options.mix_targets:
                return images, guidance
            theirs = guidance.select(index)
            heatmaps = mixup(guidance.heatmaps, theirs.heatmaps, share)
            pixels = guidance.pixels & theirs.pixels
        inside = guidance.inside & theirs.inside
        return images, replace(guidance, heatmaps=heatmaps, pixels=pixels, inside=inside)


def _drawn(points: Tensor, candidates: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Positions (B, number, 2) of joints drawn without replacement, in random order, and which of
    them exist."""
    lot = torch.rand(candidates.shape).to(candidates.device).masked_fill(~candidates, -1.0)
    first = lot.topk(number, dim=1)
    places = first.indices[..., None].expand(-1, -1, 2)
    return points.gather(1, places), first.values >= 0
