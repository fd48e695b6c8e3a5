"""Which images an export is checked, scored and calibrated on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pointillist.crops import CropSpec
from pointillist.errors import DataError
from pointillist.exporting.reference import find_reference, read_crops
from pointillist.run import Run
from pointillist.samples import Sample, labeled_samples
from pointillist.training_data import TrainingData


def names(samples: list[Sample]) -> list[str]:
    return [sample.file.name for sample in samples]


def paths(data: object) -> list[str]:
    return [Path(image.path).name for image in data]  # type: ignore[attr-defined]


def test_a_runs_own_images(run: Run, split: TrainingData) -> None:
    found = find_reference(run, None)
    assert found.name == "validation images"
    assert paths(found.truth) == paths(split.val)
    assert names(found.checked) == paths(split.val) + paths(split.labeled)
    assert names(found.calibration) == paths(split.unlabeled)
    assert all(sample.instance is None for sample in found.calibration)


def test_without_validation_and_unlabelled_images(
    run: Run, split: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = TrainingData(split.labeled, split.labeled.subset([]), split.labeled.subset([]))
    monkeypatch.setattr(TrainingData, "open", lambda folder: few)
    found = find_reference(run, None)
    assert found.name == "labelled images of the training"
    for samples in (found.checked, found.calibration):
        assert names(samples) == paths(split.labeled)


def test_a_network_that_needs_boxes_is_not_calibrated_on_whole_images(
    run: Run, split: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pointillist.exporting.reference.needs_boxes", lambda run: True)
    assert names(find_reference(run, None).calibration) == paths(split.unlabeled)
    whole = split.unlabeled.subset(replace(image, boxes=[]) for image in split.unlabeled.images)
    monkeypatch.setattr(
        TrainingData, "open", lambda folder: TrainingData(split.labeled, whole, split.val)
    )
    assert names(find_reference(run, None).calibration) == paths(split.labeled)


def test_given_images(run: Run, split: TrainingData) -> None:
    found = find_reference(run, split.unlabeled)
    assert found.name == "the given images"
    assert not found.truth.images
    assert names(found.checked) == names(found.calibration) == paths(split.unlabeled)


def test_crops_are_chosen_by_chance_but_always_the_same(split: TrainingData) -> None:
    samples = labeled_samples(split.labeled)
    spec = CropSpec(48, 32, margin=1.0)
    some, again, every = (read_crops(samples, spec, most) for most in (2, 2, 9))
    assert some.shape == (2, 32, 48, 3)
    assert some.dtype == np.uint8
    np.testing.assert_array_equal(some, again)
    assert len(every) == 4


def test_an_unreadable_image_is_left_out(split: TrainingData) -> None:
    samples = labeled_samples(split.labeled)
    gone = replace(samples[0], file=Path("nowhere.jpg"))
    spec = CropSpec(48, 32, margin=1.0)
    assert len(read_crops([gone, *samples[1:]], spec, most=9)) == 3
    with pytest.raises(DataError, match=r"none can be read: nowhere\.jpg"):
        read_crops([gone], spec, most=9)
    with pytest.raises(DataError, match="none can be read"):
        read_crops([], spec, most=9)
