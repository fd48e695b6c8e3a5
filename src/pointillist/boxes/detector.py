"""Finding boxes with a trained box finder, in images that decode ahead of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pointillist.boxes.data import whole_images
from pointillist.boxes.maps import boxes_of
from pointillist.boxes.suppression import ScoredBox, suppress_boxes
from pointillist.config import BoxFinderOptions
from pointillist.dataset import Box, Dataset
from pointillist.decoding import decoded_batches
from pointillist.errors import DataError
from pointillist.models.box_finder import BoxFinder
from pointillist.placement import choose_device
from pointillist.precision import inference_autocast
from pointillist.progress import counted
from pointillist.samples import Crop, Sample


@dataclass(frozen=True)
class Detections:
    """Boxes in the images of a data set.

    Args:
        boxes: of each image, the most certain first; none: nobody looked for boxes in it.
        problems: position of an image -> why it could not be read.
    """

    boxes: list[list[ScoredBox] | None]
    problems: dict[int, str]


class BoxDetector:
    """A box finder that is ready to find.

    Args:
        network: the trained box finder.
        options: size of its input.
        score: boxes that are less certain are dropped; none: as the options say.
        device: ``auto`` takes a GPU if there is one.
        batch_size: images at a time.
        workers: threads that decode.
    """

    def __init__(
        self,
        network: BoxFinder,
        options: BoxFinderOptions,
        *,
        score: float | None = None,
        device: str = "auto",
        batch_size: int = 16,
        workers: int = 2,
    ) -> None:
        self.device = choose_device(device)
        self.network = network.eval().to(self.device).to(memory_format=torch.channels_last)
        self.score = options.score if score is None else score
        self.batch_size, self.workers = batch_size, workers
        self.spec = whole_images(options)

    @torch.inference_mode()
    def detect(self, crops: Sequence[Crop]) -> list[list[ScoredBox]]:
        """Boxes, in the files' pixels, in whole images that were decoded as :attr:`spec` says."""
        if not crops:
            return []
        pixels = torch.from_numpy(np.stack([crop.pixels for crop in crops])).permute(0, 3, 1, 2)
        images = self.network.normalise(pixels.to(self.device))
        with inference_autocast(self.network, self.device):
            maps = self.network(images)
        return [
            suppress_boxes([ScoredBox(_in_file(box, crop), score) for box, score in boxes])
            for crop, boxes in zip(
                crops, boxes_of(maps, self.network.stride, self.score), strict=True
            )
        ]

    def detect_in(
        self, dataset: Dataset, which: Sequence[int] | None = None, *, quiet: bool = True
    ) -> Detections:
        """Boxes in images of a data set.

        Args:
            dataset: its annotations and boxes are not looked at.
            which: positions of the images to look at; none: all.
            quiet: no progress bar.
        """
        wanted = range(len(dataset)) if which is None else which
        found: list[list[ScoredBox] | None] = [None] * len(dataset)
        problems: dict[int, str] = {}
        samples = [Sample(dataset.file(dataset[i]), dataset[i], None) for i in wanted]
        positions = iter(wanted)
        batches = decoded_batches(samples, self.spec, self.batch_size, self.workers)
        with counted("finding boxes", len(samples), quiet) as progress:
            done = 0
            for _, crops in batches:
                boxes = iter(self.detect([crop for crop in crops if isinstance(crop, Crop)]))
                for crop in crops:
                    position = next(positions)
                    if isinstance(crop, DataError):
                        problems[position], found[position] = str(crop), []
                    else:
                        found[position] = next(boxes)
                done += len(crops)
                if progress is not None:
                    progress(done, len(samples))
        return Detections(found, problems)


def _in_file(box: Box, crop: Crop) -> Box:
    """A box of the crop in the file's pixels, cut off at the file's border."""
    scale = np.array([crop.to_file[0, 0], crop.to_file[1, 1]])
    low = np.array(box[:2]) * scale + crop.to_file[:2, 2]
    high = low + np.array(box[2:]) * scale
    low, high = (np.clip(corner, 0, crop.file_size) for corner in (low, high))
    x, y, width, height = (float(v) for v in (*low, *(high - low)))
    return (x, y, width, height)
