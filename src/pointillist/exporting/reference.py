"""What an export is checked and calibrated on: the run's own images, or given ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pointillist.boxes.choosing import needs_boxes
from pointillist.crops import CropSpec
from pointillist.dataset import Dataset
from pointillist.decoding import decoded_batches
from pointillist.errors import DataError
from pointillist.inference import as_dataset
from pointillist.run import Run
from pointillist.samples import Crop, Sample, all_samples, labeled_samples, unlabeled_samples
from pointillist.training_data import TrainingData


@dataclass(frozen=True)
class Reference:
    """Images for an export.

    Args:
        name: of the annotated images, in words.
        truth: annotated images, to score with.
        checked: crops to compare points on.
        calibration: crops to learn the range of activations from.
    """

    name: str
    truth: Dataset
    checked: list[Sample]
    calibration: list[Sample]


def find_reference(run: Run, data: str | Path | Dataset | None) -> Reference:
    """The images of a run's split, or of ``data`` where that is given.

    Points are compared on validation and labelled images, scores are made on validation images
    (labelled ones where there are none), and unlabelled ones are calibrated on, unless the network
    needs boxes and they have none.

    Raises:
        DataError: nothing is there.
    """
    if data is not None:
        given = as_dataset(data)
        unlabeled = given.subset(given.unlabeled)
        truth = given.subset(given.labeled)
        name, labeled, checked = "the given images", truth, all_samples(given)
    else:
        parts = TrainingData.open(run.path / "split")
        unlabeled, labeled = parts.unlabeled, parts.labeled
        name = "validation images" if parts.val.images else "labelled images of the training"
        truth = parts.val if parts.val.images else labeled
        checked = labeled_samples(parts.val) + labeled_samples(labeled)
    free = unlabeled_samples(unlabeled)
    if needs_boxes(run):
        free = [sample for sample in free if sample.box is not None]
    return Reference(name, truth, checked, free or labeled_samples(labeled) or checked)


def read_crops(samples: Sequence[Sample], spec: CropSpec, most: int) -> np.ndarray:
    """(N, H, W, 3) uint8 crops, ``most`` of them, chosen by chance but always the same.

    Raises:
        DataError: none can be read.
    """
    order = np.random.default_rng(0).permutation(len(samples))
    crops: list[np.ndarray] = []
    problem: DataError | None = None
    for _, batch in decoded_batches([samples[i] for i in order], spec, 16, workers=2):
        for crop in batch:
            if isinstance(crop, Crop):
                crops.append(crop.pixels)
            else:
                problem = problem or crop
        if len(crops) >= most:
            break
    if not crops:
        raise DataError(
            "an export is checked on images, and none can be read"
            + (f": {problem}" if problem else ""),
            do="Give others with --data.",
        )
    return np.stack(crops[:most])
