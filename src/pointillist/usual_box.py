"""Where the object usually is: boxes for images of which none is known.

In collections of pictures that were cut out around their object (Leeds Sports Pose, museum
photographs, a fixed camera) the object always fills the same part of its picture. Labelled images
have boxes, if only around their points; images without labels have none, and would be seen whole,
with everything smaller than in the labelled crops. Where the labelled boxes agree on their place
and size, they say what to cut out of the others. No label of those is read.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from pointillist.dataset import Box, Dataset, Image
from pointillist.files import read_json, write_json
from pointillist.images import with_sizes

#: Fewer labelled images than this say nothing about the others.
FEWEST = 10
#: Boxes agree if the middle four fifths of them differ by less: in their side as a share of it, in
#: place as shares of the image's sides.
SIZE_SPREAD, PLACE_SPREAD = 0.25, 0.2


@dataclass(frozen=True)
class UsualBox:
    """A square about the middle of an image.

    Args:
        x, y: its middle, as shares of the image's width and height.
        side: as a share of the image's longest side.
    """

    x: float
    y: float
    side: float

    def within(self, width: int, height: int) -> Box:
        """The box in an image of that size, in pixels."""
        side = self.side * max(width, height)
        return (self.x * width - side / 2, self.y * height - side / 2, side, side)

    def save(self, path: Path) -> None:
        """Writes it as JSON."""
        write_json(path, asdict(self))

    @classmethod
    def open(cls, path: Path) -> UsualBox:
        """Reads what :meth:`save` wrote."""
        return cls(**read_json(path))


def usual_box(labeled: Dataset) -> UsualBox | None:
    """What the boxes of labelled images agree on.

    Returns:
        none where an image has several objects or one without a box, where there are few images,
        or where the boxes differ in size or place.
    """
    images = [image for image in labeled if image.labeled]
    if len(images) < FEWEST or any(
        len(image.instances) != 1 or image.instances[0].box is None for image in images
    ):
        return None
    sized, problems = with_sizes(labeled.subset(images))
    if problems or not all(image.width and image.height for image in sized):
        return None
    rows = np.array([_shares(image) for image in sized])
    low, (x, y, side), high = np.quantile(rows, [0.1, 0.5, 0.9], axis=0)
    spread = high - low
    if spread[2] > SIZE_SPREAD * side or (spread[:2] > PLACE_SPREAD).any():
        return None
    return UsualBox(float(x), float(y), float(side))


def with_usual_boxes(dataset: Dataset, box: UsualBox) -> Dataset:
    """Unlabelled images of which no box is known get that one; the others stay as they are."""
    bare = [image for image in dataset if not image.boxes and not image.instances]
    sized, _ = with_sizes(dataset.subset(bare))
    known = {id(old): new for old, new in zip(bare, sized, strict=True)}
    return dataset.subset(_boxed(known.get(id(image), image), box) for image in dataset)


def _boxed(image: Image, box: UsualBox) -> Image:
    if image.boxes or image.instances or not (image.width and image.height):
        return image
    return replace(image, boxes=[box.within(image.width, image.height)])


def _shares(image: Image) -> tuple[float, float, float]:
    """x, y and side of an image's only box, as in :class:`UsualBox`."""
    box = image.instances[0].box
    assert box is not None
    assert image.width
    assert image.height
    longest = max(image.width, image.height)
    x, y, width, height = box
    return (
        (x + width / 2) / image.width,
        (y + height / 2) / image.height,
        max(width, height) / longest,
    )


def described(box: UsualBox, count: int) -> str:
    """What is done with so many images, in a line."""
    which = "1 image has" if count == 1 else f"{count} images have"
    return (
        f"{which} no box; the labelled objects usually have about {100 * box.side:.0f} % of the "
        "longest side, so that much is cut out"
    )
