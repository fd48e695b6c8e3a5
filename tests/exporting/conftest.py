"""A run with a small random network, and what is exported of it."""

from __future__ import annotations

import numpy as np
import pytest
from export_cases import HEIGHT, WIDTH, Export, make_run

from pointillist.crops import CropSpec
from pointillist.dataset import Dataset
from pointillist.exported import ExportedModel
from pointillist.exporting import export
from pointillist.exporting.reference import read_crops
from pointillist.points import CropPoints
from pointillist.run import Run
from pointillist.samples import labeled_samples
from pointillist.synthetic import make_dataset
from pointillist.training_data import TrainingData


@pytest.fixture(scope="session")
def creatures(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Ten images of built-in creatures; six are labelled."""
    return make_dataset(tmp_path_factory.mktemp("creatures") / "data", 10, seed=3, labeled=6)


@pytest.fixture(scope="session")
def split(creatures: Dataset) -> TrainingData:
    """Four labelled, four unlabelled and two validation images."""
    labeled = creatures.subset(creatures.labeled[:4])
    return TrainingData(
        labeled, creatures.subset(creatures.unlabeled), creatures.subset(creatures.labeled[4:])
    )


@pytest.fixture(scope="session")
def run(split: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with validation and unlabelled images."""
    return make_run(tmp_path_factory.mktemp("runs") / "run", split)


@pytest.fixture(scope="session")
def network(run: Run) -> CropPoints:
    """What was exported, in PyTorch."""
    return CropPoints(run.network(), run.skeleton, decoding="dark", flip=True).eval()


@pytest.fixture(scope="session")
def crops(creatures: Dataset) -> np.ndarray:
    """(5, H, W, 3) crops of real pictures."""
    spec = CropSpec(WIDTH, HEIGHT, margin=1.5)
    return read_crops(labeled_samples(creatures), spec, most=5)


@pytest.fixture(scope="session")
def exported(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Exports the run, each combination of options once."""
    known: dict[tuple[str, str], ExportedModel] = {}

    def make(format: str, precision: str = "float32") -> ExportedModel:
        key = (format, precision)
        if key not in known:
            folder = tmp_path_factory.mktemp("exported")
            known[key] = export(
                run,
                format,  # type: ignore[arg-type]
                folder / ("model.onnx" if format == "onnx" else "model.xml"),
                precision=precision,  # type: ignore[arg-type]
                # One format with any number of crops at a time and one with a single one.
                dynamic_batch=format == "onnx" and precision == "float32",
            )
        return known[key]

    return make
