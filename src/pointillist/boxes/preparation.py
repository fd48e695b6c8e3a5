"""What a training with ``localize`` does first: boxes for all, found where nobody drew them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pointillist.boxes.data import with_boxes
from pointillist.boxes.detector import BoxDetector, Detections
from pointillist.boxes.prediction import has_boxes
from pointillist.boxes.suppression import overlap
from pointillist.boxes.training import train_box_finder
from pointillist.dataset import Dataset
from pointillist.files import write_json
from pointillist.models.box_finder import save_box_finder
from pointillist.run import Run
from pointillist.training_data import TrainingData

#: A box is found if it overlaps the true one by at least this (intersection over union).
_FOUND = 0.5


def prepare_boxes(run: Run, data: TrainingData, *, quiet: bool = False) -> TrainingData:
    """Trains the run's box finder and gives every image of the training its boxes.

    Instances without a box get one around their points; unlabelled images get the boxes that the
    box finder sees, and those in which it sees nothing are left out: a crop of the whole image
    would show the network what it will never be asked about.

    What was done is in ``box_finder.json``; ``box_finder.safetensors`` is written last, so that
    an interrupted preparation is made again.

    Raises:
        DataError: nothing annotated is large enough to have a box, or a file cannot be read.
    """
    labeled, val = with_boxes(data.labeled), with_boxes(data.val)
    network = train_box_finder(run.config, labeled, run.path / "cache", quiet=quiet)
    accelerator = run.config.training.accelerator
    device = accelerator if accelerator == "cpu" else "auto"
    detector = BoxDetector(network, run.config.box_finder, device=device)
    checked = val if val.images else labeled
    report: dict[str, Any] = {
        "images": len(labeled),
        "steps": run.config.box_finder.max_steps,
        "checked_on": "validation images" if val.images else "the images it was trained on",
        **count_found(checked, detector.detect_in(checked, quiet=quiet)),
    }
    pool = data.unlabeled
    unknown = [i for i, known in enumerate(has_boxes(pool)) if not known]
    found = detector.detect_in(pool, unknown, quiet=quiet)
    images, problems = [], list(data.problems)
    for image, boxes in zip(pool, found.boxes, strict=True):
        if boxes is None:
            images.append(image)
        elif boxes:
            images.append(replace(image, boxes=[scored.box for scored in boxes]))
    empty = len(pool) - len(images)
    if empty:
        problems.append(f"{empty} unlabelled images left out: the box finder sees nothing in them")
    report |= {"unlabeled_with_found_boxes": len(unknown) - empty, "unlabeled_left_out": empty}
    prepared = TrainingData(labeled, pool.subset(images), val, problems)
    prepared.save(run.path / "split")
    write_json(run.path / "box_finder.json", report, indent=1)
    save_box_finder(network, run.box_finder_weights)
    return prepared


def count_found(truth: Dataset, detections: Detections) -> dict[str, int]:
    """How many annotated boxes there are, how many were found, and how many boxes are of none.

    Args:
        truth: with boxes.
        detections: in the same images.
    """
    counts = {"objects": 0, "found": 0, "extra": 0}
    for image, boxes in zip(truth, detections.boxes, strict=True):
        true = [i.box for i in image.instances if i.box is not None and not i.crowd]
        others = np.array([scored.box for scored in boxes or ()]).reshape(-1, 4)
        free = np.ones(len(others), dtype=bool)
        for box in true:
            shares = np.where(free, overlap(box, others), 0.0)
            if len(shares) and shares.max() >= _FOUND:
                free[shares.argmax()] = False
        counts["objects"] += len(true)
        counts["found"] += int((~free).sum())
        counts["extra"] += int(free.sum())
    return counts
