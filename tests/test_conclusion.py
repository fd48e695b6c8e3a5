"""What a training leaves: confidence that was calibrated on validation."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core_cases import dots_dataset, tiny_config
from pointillist.inference import evaluate
from pointillist.run import Run
from pointillist.training import train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("calibrated")
    config = tiny_config(
        "training.max_steps=60",
        "training.validate_every=60",
        "training.labeled_per_step=8",
        "training.learning_rate=0.005",
        "training.ema_decay=0.9",
        "views.rotation=10",
        "views.flip=0",
    )
    data, val = dots_dataset(folder / "data", 12), dots_dataset(folder / "val", 40, seed=1)
    return train(data, folder / "run", val=val, config=config, quiet=True)


def test_confidence_is_calibrated_on_validation(run: Run, tmp_path: Path) -> None:
    """Whoever predicts the validation images again gets nearly no calibration error."""
    calibration = run.calibration
    assert calibration is not None
    val = dots_dataset(tmp_path / "val", 40, seed=1)
    annotated = sum(int((i.visibility > 0).sum()) for image in val for i in image.instances)
    assert calibration.points == annotated
    with_it, _, _ = evaluate(run, val)
    bare = tmp_path / "bare"
    shutil.copytree(run.path, bare)
    (bare / "calibration.json").unlink()
    without, _, _ = evaluate(bare, val)
    # The same points: only what is said of them differs.
    assert with_it["pck@0.1"]["value"] == without["pck@0.1"]["value"]
    errors = [scores["calibration_error"]["value"] for scores in (with_it, without)]
    assert errors[0] < 0.06 < errors[1]


def test_the_learning_network_is_kept_beside_its_average(run: Run) -> None:
    student = run.student()
    assert student is not None
    average = dict(run.network().named_parameters())
    apart = [(p - average[name]).abs().max().item() for name, p in student.named_parameters()]
    # Near the average, which follows it, and not the same.
    assert 0 < max(apart) < 0.1


def test_few_validation_points_leave_none(tmp_path: Path) -> None:
    config = tiny_config("training.max_steps=2", "training.validate_every=2")
    data, val = dots_dataset(tmp_path / "data", 4), dots_dataset(tmp_path / "few", 4, seed=1)
    run = train(data, tmp_path / "run", val=val, config=config, quiet=True)
    assert run.weights.exists()
    assert run.calibration is None
