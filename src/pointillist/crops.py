"""Crops: which part of a file the network sees, and cutting it out.

One homography leads from the file to the crop. A crop shows the object's box, enlarged to the
network's aspect ratio and by a margin, with some context around it, so that rotated and scaled
views find real pixels. Without a box, or with an empty one (the extent of a single point), it
shows the whole image.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pointillist.dataset import Box

#: A training crop shows this many times the width and height of what a prediction sees.
CONTEXT = 1.25

#: Fill outside the file: ImageNet's mean colour, hence about zero after normalisation.
FILL = (124, 116, 104)


@dataclass(frozen=True)
class CropSpec:
    """Size and margin of crops.

    Args:
        width, height: of the network's input in pixels.
        margin: the box is enlarged by this factor.
        context: the crop shows this many times the width and height of the network's view.
    """

    width: int
    height: int
    margin: float
    context: float = 1.0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the crop in pixels: even, so that the view lies in its middle."""
        return (
            2 * round(self.width * self.context / 2),
            2 * round(self.height * self.context / 2),
        )

    def region(self, box: Box | None, file_width: int, file_height: int) -> Box:
        """The part of the file that the crop shows, in the file's pixels; may reach outside."""
        x, y, width, height = _within_reach(box, file_width, file_height)
        margin = self.margin
        if max(width, height) < 1:  # nothing can be seen in less than a pixel
            x, y, width, height = 0.0, 0.0, float(file_width), float(file_height)
            margin = 1.0
        scale = max(width / self.width, height / self.height) * margin
        crop_width, crop_height = (scale * side for side in self.size)
        return (
            x + (width - crop_width) / 2,
            y + (height - crop_height) / 2,
            crop_width,
            crop_height,
        )


def _within_reach(box: Box | None, file_width: int, file_height: int) -> Box:
    """A box cut off one file size beyond the file: a wrong one must not cost all memory."""
    if box is None:
        return 0.0, 0.0, 0.0, 0.0
    left, right = np.clip([box[0], box[0] + box[2]], -file_width, 2 * file_width)
    top, bottom = np.clip([box[1], box[1] + box[3]], -file_height, 2 * file_height)
    return float(left), float(top), float(right - left), float(bottom - top)


def cut(image: np.ndarray, region: Box, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Cuts a region out of an image and resizes it.

    Shrinking averages over pixels (OpenCV's area interpolation), so that large photographs do
    not alias.

    Args:
        image: (H, W, 3) uint8.
        region: x, y, width, height in the image's pixels; may reach outside.
        size: width and height of the result.

    Returns:
        crop (height, width, 3) uint8 and the homography (3, 3) from the file to the crop.
    """
    # Whole source pixels are cut and the rest is left to the resize: the homography then holds
    # exactly, without half a pixel of doubt.
    left, top = round(region[0]), round(region[1])
    right = max(round(region[0] + region[2]), left + 1)
    bottom = max(round(region[1] + region[3]), top + 1)
    height, width = image.shape[:2]
    inner = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    scale_x, scale_y = size[0] / (right - left), size[1] / (bottom - top)
    to_crop = np.array([[scale_x, 0, -left * scale_x], [0, scale_y, -top * scale_y], [0, 0, 1.0]])
    if inner.size == 0:
        return np.full((size[1], size[0], 3), FILL, np.uint8), to_crop
    before_x, before_y = max(-left, 0), max(-top, 0)
    after_x, after_y = max(right - width, 0), max(bottom - height, 0)
    if before_x or before_y or after_x or after_y:
        inner = cv2.copyMakeBorder(
            inner, before_y, after_y, before_x, after_x, cv2.BORDER_CONSTANT, value=FILL
        )
    shrinking = scale_x < 1 and scale_y < 1
    method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return cv2.resize(inner, size, interpolation=method), to_crop
