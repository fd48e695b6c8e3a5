"""Views: random geometry and colour, made on the device for whole batches.

Geometry is a homography from crop to view, so points and heatmaps follow exactly. Colour is one
affine map of the three channels per image (brightness, contrast, saturation and channel gains
compose into one 3x3 matrix and an offset), fused with the network's normalisation.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from pointillist import geometry
from pointillist.batch import Batch, View, move_points
from pointillist.crops import FILL
from pointillist.geometry import Size
from pointillist.precision import in_float32
from pointillist.skeleton import Skeleton

#: A colour change x -> M x + t of RGB values in [0, 1]: M (B, 3, 3) and t (B, 3).
Color = tuple[Tensor, Tensor]

#: Rec. 601 luma, the usual weights of a grey value.
LUMA = (0.299, 0.587, 0.114)


class ViewOptions(BaseModel):
    """Ranges of a random view; all zero: the plain view that predictions are made from."""

    model_config = ConfigDict(extra="forbid")

    rotation: float = Field(40.0, ge=0, le=180, description="up to so many degrees either way")
    scale: float = Field(0.3, ge=0, lt=1, description="magnified by 1 - scale to 1 + scale")
    shift: float = Field(0.1, ge=0, le=1, description="moved by up to this share of the side")
    flip: float = Field(0.5, ge=0, le=1, description="probability of a left-right mirror image")
    perspective: float = Field(
        0.0, ge=0, lt=0.5,
        description="corners move by -0.5 d to +d, d this share of the shorter side, +d inwards",
    )  # fmt: skip
    color: float = Field(
        0.3, ge=0, lt=1, description="brightness, contrast, saturation and gains: up to 1 +- color"
    )
    erase: float = Field(
        0.0, ge=0, le=1, description="probability of each of three blank rectangles, 8 to 30 % wide"
    )
    gray: float = Field(0.05, ge=0, le=1, description="probability of losing all colour")
    rotated: float = Field(1.0, ge=0, le=1, description="probability of being rotated at all")
    normal: bool = Field(
        False,
        description="rotation and scale come from normal distributions (deviation: rotation / 2, "
        "scale) limited to the same ranges (Xiao et al., ECCV 2018), not from uniform ones",
    )


def _uniform(count: int, spread: float, device: torch.device, *shape: int) -> Tensor:
    """(count, *shape) uniform in [-spread, spread], drawn on the CPU: the same on every device."""
    return (spread * (2 * torch.rand(count, *shape) - 1)).to(device)


def _normal(count: int, deviation: float, device: torch.device) -> Tensor:
    """(count,) from a normal distribution, limited to [-1, 1]; drawn on the CPU too."""
    return (deviation * torch.randn(count)).clamp(-1, 1).to(device)


def centre_view(count: int, crop: Size, view: Size, device: torch.device) -> Tensor:
    """(count, 3, 3): the middle of the crop, which is what a prediction sees."""
    x, y = ((c - v) / 2 for c, v in zip(crop, view, strict=True))
    ones = torch.ones(count, device=device)
    return geometry.translation(-x * ones, -y * ones)


def random_perspective(count: int, size: Size, strength: float, device: torch.device) -> Tensor:
    """Each corner moves independently per axis by U(-0.5 d, d), positive inwards.

    d is ``strength`` times the shorter side (Moskvyak & Maire, DICTA 2017).
    """
    width, height = size
    distance = strength * min(width, height)
    inward = torch.tensor([[1.0, 1], [-1, 1], [-1, -1], [1, -1]])
    moved = inward * (1.5 * torch.rand(count, 4, 2) - 0.5) * distance
    start = geometry.corners(width, height, moved).expand(count, 4, 2)
    return geometry.from_corners(start, start + moved).to(device)


@in_float32
def random_transform(
    count: int, size: Size, options: ViewOptions, device: torch.device, *, flip: bool = True
) -> tuple[Tensor, Tensor]:
    """Random transforms (count, 3, 3) of images of one size onto themselves, and who is flipped."""
    width, height = size
    flipped = (torch.rand(count) < options.flip * flip).to(device)
    if options.normal:
        angle = geometry.degrees(options.rotation) * _normal(count, 0.5, device)
        scale = 1 + options.scale * _normal(count, 1.0, device)
    else:
        angle = _uniform(count, geometry.degrees(options.rotation), device)
        scale = 1 + _uniform(count, options.scale, device)
    if options.rotated < 1:
        angle = angle * (torch.rand(count) < options.rotated).to(device)
    shift = _uniform(count, options.shift, device, 2)
    turn = geometry.rotation(angle) @ geometry.scaling(scale, scale)
    transform = geometry.about(turn, width / 2, height / 2) @ geometry.mirror(width, flipped)
    transform = geometry.translation(shift[:, 0] * width, shift[:, 1] * height) @ transform
    if options.perspective:
        transform = random_perspective(count, size, options.perspective, device) @ transform
    return transform, flipped


@in_float32
def random_color(count: int, options: ViewOptions, device: torch.device) -> Color:
    """A colour change x -> M x + t of RGB values in [0, 1]: (count, 3, 3) and (count, 3)."""
    luma = torch.tensor(LUMA).expand(3, 3)
    eye = torch.eye(3)
    change = 1 + _uniform(count, options.color, torch.device("cpu"), 4)
    brightness, contrast, saturation = (change[:, i, None, None] for i in range(3))
    gains = 1 + _uniform(count, options.color / 3, torch.device("cpu"), 3)
    saturation = torch.where(torch.rand(count, 1, 1) < options.gray, 0.0, saturation)
    mix = saturation * eye + (1 - saturation) * luma
    matrix = torch.diag_embed(gains) @ mix * brightness * contrast
    # Contrast stretches about middle grey.
    offset = (0.5 * (1 - contrast[:, :, 0])).expand(count, 3)
    return matrix.to(device), offset.to(device)


def random_rectangles(count: int, size: Size, probability: float, most: int = 3) -> Tensor:
    """(count, H, W) bool: up to ``most`` rectangles, each there with a probability.

    Their sides are 8 to 30 % of the image's; a learner that cannot see one part must infer it
    from the others (Zhong et al., "Random erasing data augmentation", AAAI 2020).
    """
    inside = []
    for side in size:
        length = side * (0.08 + 0.22 * torch.rand(count, most, 1))
        start = torch.rand(count, most, 1) * (side - length)
        at = torch.arange(side) + 0.5
        inside.append((at >= start) & (at < start + length))
    there = torch.rand(count, most) < probability
    along_x, along_y = inside
    rectangles = along_y[..., :, None] & along_x[..., None, :] & there[:, :, None, None]
    return rectangles.any(dim=1)


class ViewMaker:
    """Makes views of batches.

    Args:
        size: width and height of the network's input.
        skeleton: its left-right pairs are exchanged by flips.
        mean, std: the network's normalisation, of RGB values in [0, 1].
    """

    def __init__(
        self, size: Size, skeleton: Skeleton, mean: tuple[float, ...], std: tuple[float, ...]
    ) -> None:
        self.size = size
        self._order = torch.from_numpy(skeleton.flip_order.copy())
        self._mean, self._std = torch.tensor(mean), torch.tensor(std)
        # A skeleton without known left-right pairs must not be mirrored: left would become right.
        self._may_flip = bool(skeleton.flip_pairs)

    def order(self, device: torch.device) -> Tensor:
        """(K,) which point each point becomes in a mirror image."""
        return self._order.to(device)

    @in_float32
    def plain(self, batch: Batch) -> View:
        """The view that predictions are made from: the middle of the crop, colours as they are."""
        count, device = len(batch), batch.images.device
        transform = centre_view(count, batch.size, self.size, device)
        left, top = ((c - v) // 2 for c, v in zip(batch.size, self.size, strict=True))
        if any((c - v) % 2 for c, v in zip(batch.size, self.size, strict=True)):
            images = geometry.warp(self._pixels(batch), transform, self.size)
        else:  # whole pixels: slicing gives the same without interpolation
            right, bottom = left + self.size[0], top + self.size[1]
            images = self._pixels(batch)[:, :, top:bottom, left:right]
        flipped = torch.zeros(count, dtype=torch.bool, device=device)
        return self._finish(batch, images, transform, flipped, None)

    @in_float32
    def random(self, batch: Batch, options: ViewOptions, *, after: View | None = None) -> View:
        """A random view.

        Args:
            after: another view of the same batch, which is moved once more; its colours are not
                taken over.
        """
        device = batch.images.device
        transform, flipped = random_transform(
            len(batch), self.size, options, device, flip=self._may_flip
        )
        if after is None:
            transform = transform @ centre_view(len(batch), batch.size, self.size, device)
        else:
            transform, flipped = transform @ after.transform, flipped ^ after.flipped
        color = random_color(len(batch), options, device) if options.color or options.gray else None
        view = self.render(batch, transform, flipped, color)
        if options.erase:
            blank = random_rectangles(len(batch), self.size, options.erase).to(device)
            view.images.masked_fill_(blank[:, None], 0.0)
        return view

    @in_float32
    def render(
        self, batch: Batch, transform: Tensor, flipped: Tensor, color: Color | None = None
    ) -> View:
        """The view through given transforms (B, 3, 3), from crop to view, and colour changes."""
        images = geometry.warp(self._pixels(batch), transform, self.size)
        return self._finish(batch, images, transform, flipped, color)

    def recolor(self, images: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Normalised images (B, 3, H, W) after a change of their RGB values in [0, 1]."""
        mean, std = (t.to(images.device)[:, None, None] for t in (self._mean, self._std))
        return (change((images * std + mean).clamp(0, 1)) - mean) / std

    def _pixels(self, batch: Batch) -> Tensor:
        """Values in [0, 255] less the fill colour: what a warp brings in from outside is fill."""
        images = batch.images.to(torch.float32, memory_format=torch.channels_last)
        return images - self._fill(images.device)[:, None, None]

    @staticmethod
    def _fill(device: torch.device) -> Tensor:
        return torch.tensor(FILL, dtype=torch.float32, device=device)

    def _finish(
        self,
        batch: Batch,
        images: Tensor,
        transform: Tensor,
        flipped: Tensor,
        color: Color | None,
    ) -> View:
        device = images.device
        matrix, offset = self._normalising(len(batch), color, device)
        offset = offset + matrix @ self._fill(device)
        images = (matrix @ images.flatten(2) + offset[:, :, None]).unflatten(2, self.size[::-1])
        order = self.order(device)
        points, annotated = move_points(
            batch.points, batch.annotated, transform, flipped, order, self.size
        )
        absent = torch.where(flipped[:, None], batch.absent[:, order], batch.absent)
        images = images.contiguous(memory_format=torch.channels_last)
        return View(images, transform, flipped, points, annotated, absent)

    def _normalising(
        self, count: int, color: Color | None, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Colour change and normalisation of values in [0, 255] as one matrix and offset."""
        mean, std = self._mean.to(device), self._std.to(device)
        if color is None:
            matrix = torch.eye(3, device=device).expand(count, 3, 3)
            offset = torch.zeros(count, 3, device=device)
        else:
            matrix, offset = color
        return matrix / (255 * std[:, None]), (offset - mean) / std
