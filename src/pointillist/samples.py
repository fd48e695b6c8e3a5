"""Samples: the crops that a data set gives, one for each instance or unlabelled object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pointillist.crops import CropSpec, cut
from pointillist.dataset import Box, Dataset, Image, Instance
from pointillist.images import read_image


@dataclass(frozen=True)
class Sample:
    """One crop to be: a file and, where there is one, an instance or a box in it.

    Args:
        file: image or video.
        image: what the data set says of it.
        box: what to crop; none: the whole image.
        instance: the labels; none on an unlabelled crop.
    """

    file: Path
    image: Image
    box: Box | None
    instance: Instance | None = None


@dataclass
class Crop:
    """One decoded crop.

    Args:
        pixels: (H, W, 3) uint8.
        to_file: (3, 3) float64, crop pixels to the file's pixels.
        file_size: width and height of the file.
    """

    pixels: np.ndarray
    to_file: np.ndarray
    file_size: tuple[int, int]


def labeled_samples(dataset: Dataset) -> list[Sample]:
    """One sample for every instance with an annotated point, crowds left out."""
    return [
        Sample(dataset.file(image), image, instance.box, instance)
        for image in dataset.images
        for instance in image.instances
        if instance.usable
    ]


def unlabeled_samples(dataset: Dataset) -> list[Sample]:
    """One sample for every object of which only a box is known; without boxes, whole images.

    Whatever is annotated is left behind here, so nothing downstream can read it.
    """
    samples: list[Sample] = []
    for image in dataset.images:
        bare, file = image.without_labels(), dataset.file(image)
        boxes: list[Box | None] = [*bare.boxes] or [None]
        samples.extend(Sample(file, bare, box) for box in boxes)
    return samples


def all_samples(dataset: Dataset) -> list[Sample]:
    """Samples for prediction: every instance, else every box, else the whole image."""
    samples: list[Sample] = []
    for image in dataset.images:
        file = dataset.file(image)
        if image.instances:
            samples.extend(Sample(file, image, i.box, i) for i in image.instances if not i.crowd)
        else:
            boxes: list[Box | None] = [*image.boxes] or [None]
            samples.extend(Sample(file, image, box) for box in boxes)
    return samples


def decode_sample(sample: Sample, spec: CropSpec) -> Crop:
    """Reads a file and cuts the sample's crop out of it.

    Raises:
        DataError: the file is missing or cannot be decoded.
    """
    return make_crop(_read(sample.file, sample.image.frame), sample.box, spec)


def make_crop(pixels: np.ndarray, box: Box | None, spec: CropSpec) -> Crop:
    """A crop of an image (H, W, 3) uint8 that is decoded already; without a box, of all of it."""
    height, width = pixels.shape[:2]
    crop, to_crop = cut(pixels, spec.region(box, width, height), spec.size)
    return Crop(crop, np.linalg.inv(to_crop), (width, height))


def read_pixels(dataset: Dataset, image: Image) -> np.ndarray:
    """(H, W, 3) uint8 RGB pixels of an image file or a frame of a video.

    Raises:
        DataError: the file is missing or cannot be decoded.
    """
    return _read(dataset.file(image), image.frame)


def _read(file: Path, frame: int | None) -> np.ndarray:
    if frame is None:
        return read_image(file)
    from pointillist.video_frames import read_frame  # PyAV is only needed for videos

    return read_frame(file, frame)


def points_of(
    samples: Sequence[Sample], keypoints: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (N, K, 2) in the file's pixels, NaN where unknown, annotated (N, K), and marked
    absent (N, K)."""
    points = np.full((len(samples), keypoints, 2), np.nan)
    absent = np.zeros((len(samples), keypoints), dtype=bool)
    for row, sample in enumerate(samples):
        if sample.instance is not None:
            points[row] = sample.instance.points
            if sample.instance.absent is not None:
                absent[row] = sample.instance.absent
    return points, np.isfinite(points).all(axis=-1), absent


Progress = Callable[[int, int], None]
"""Called with how many are done and how many there are."""
