from __future__ import annotations

from pathlib import Path

from core_cases import SKELETON, dots_dataset, tiny_config
from pointillist.familiar import familiar
from pointillist.files import write_json
from pointillist.run import Run
from pointillist.training_data import TrainingData


def run_on(tmp_path: Path) -> Run:
    """Has learnt from the first four of eight images, and was validated on the next two."""
    data = dots_dataset(tmp_path / "data", 8)
    parts = TrainingData(data.subset(data[:4]), data.subset([]), data.subset(data[4:6]))
    run = Run.create(tmp_path / "run", tiny_config("training.max_steps=200"), SKELETON)
    parts.save(run.path / "split")
    return run


def test_images_that_a_run_knows_are_counted(tmp_path: Path) -> None:
    run, data = run_on(tmp_path), dots_dataset(tmp_path / "data", 8)
    assert familiar(run, data.subset(data[6:])) == []
    assert familiar(run, data.subset(data[3:])) == [
        "the run has learnt from the labels of 1 of these 5 images: scores flatter it there",
        "the run's network was chosen on 2 of these 5 images: scores flatter it there",
    ]
    run.calibration_file.touch()
    (line,) = familiar(run, data.subset(data[4:]))
    assert line.startswith("the run's network was chosen, and its confidence calibrated, on 2 of")


def test_other_files_of_the_same_names_are_not_known(tmp_path: Path) -> None:
    assert familiar(run_on(tmp_path), dots_dataset(tmp_path / "elsewhere", 8)) == []


def test_a_split_that_is_gone_is_no_error(tmp_path: Path) -> None:
    run = run_on(tmp_path)
    for file in (run.path / "split").iterdir():
        file.unlink()
    assert familiar(run, dots_dataset(tmp_path / "data", 8)) == []


def test_a_training_that_was_stopped_is_named(tmp_path: Path) -> None:
    run, data = run_on(tmp_path), dots_dataset(tmp_path / "data", 8)
    write_json(run.path / "result.json", {"status": "interrupted", "steps": 102})
    (line,) = familiar(run, data.subset(data[6:]))
    assert line.startswith("this training was stopped after 102 of 200 steps; to go on: ")
    write_json(run.path / "result.json", {"status": "finished", "steps": 102})
    assert familiar(run, data.subset(data[6:])) == []
