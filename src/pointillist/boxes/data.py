"""What the box finder learns from: whole images and the boxes of what is annotated in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pointillist.boxes.maps import Objects
from pointillist.config import BoxFinderOptions
from pointillist.crops import CropSpec
from pointillist.dataset import NOT_ANNOTATED, VISIBLE, Box, Dataset, Instance
from pointillist.samples import Sample

#: The extent of points is enlarged by this factor: an animal is larger than its keypoints.
ENLARGED = 1.2
#: Points in a line give a box whose shorter side is this share of its longer one.
_NARROWEST = 0.25


def enlarged(extent: Box) -> Box:
    """A box around the extent of points, with the same middle."""
    x, y, width, height = extent
    longest = max(width, height)
    wider = ENLARGED * max(width, _NARROWEST * longest)
    higher = ENLARGED * max(height, _NARROWEST * longest)
    return (x + (width - wider) / 2, y + (height - higher) / 2, wider, higher)


def with_boxes(dataset: Dataset) -> Dataset:
    """The same data; annotated instances without a box get one around their points."""

    def boxed(instance: Instance) -> Instance:
        extent = instance.extent()
        if instance.box is not None or extent is None:
            return instance
        return replace(instance, box=enlarged(extent), box_from_points=True)

    images = [replace(image, instances=[boxed(i) for i in image.instances]) for image in dataset]
    return replace(dataset, images=images)


def whole_images(options: BoxFinderOptions) -> CropSpec:
    """How the box finder sees files: the whole image, with a border where the shape differs."""
    return CropSpec(options.width, options.height, 1.0)


def box_samples(dataset: Dataset) -> list[Sample]:
    """One sample for every image with boxes of instances, crowds left out.

    A box travels as three points (its middle, the middle of its right and of its lower side), so
    that views move it as they move keypoints. The points of all boxes of an image make one
    instance; images with fewer boxes have points that are not annotated.
    """
    found = [(image, boxes) for image in dataset if (boxes := _boxes(image.instances))]
    most = max((len(boxes) for _, boxes in found), default=0)
    samples = []
    for image, boxes in found:
        points = np.full((most, 3, 2), np.nan)
        for row, (x, y, width, height) in enumerate(boxes):
            middle = (x + width / 2, y + height / 2)
            points[row] = [middle, (x + width, middle[1]), (middle[0], y + height)]
        flat = points.reshape(-1, 2)
        known = np.where(np.isfinite(flat).all(axis=1), VISIBLE, NOT_ANNOTATED)
        samples.append(Sample(dataset.file(image), image, None, Instance(flat, known)))
    return samples


def _boxes(instances: Sequence[Instance]) -> list[Box]:
    boxes = [i.reference_box() for i in instances if not i.crowd]
    # Below a pixel nothing can be seen: a crop of it would show the whole image too.
    return [box for box in boxes if box is not None and max(box[2:]) >= 1]


def objects_of(points: Tensor, stride: int) -> Objects:
    """Objects from the points (B, 3 M, 2) of a view, in the view's pixels.

    The box of a turned object is that around the ellipse that fills its box: the box around the
    turned box would be too large.
    """
    three = points.unflatten(1, (-1, 3))
    middle = three[:, :, 0]
    arms = three[:, :, 1:] - middle[:, :, None]
    size = 2 * torch.linalg.vector_norm(arms, dim=2)
    return Objects(middle / stride, size)
