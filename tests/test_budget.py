"""Short trainings on fewer labels: which there are, that none is run twice, and the command."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from core_cases import dots_dataset, tiny_config
from pointillist import budget as module
from pointillist.budget import budget, subset_sizes, wrong_points
from pointillist.cli import app
from pointillist.errors import DataError
from pointillist.files import write_json
from pointillist.inference import evaluate
from pointillist.run import Run
from pointillist.training import train
from pointillist.training_data import TrainingData


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A tiny training on 16 images, validated on five."""
    folder = tmp_path_factory.mktemp("budget")
    data = dots_dataset(folder / "images", 21)
    config = tiny_config("training.max_steps=4", "training.validate_every=4")
    val = data.subset(data[16:])
    return train(data.subset(data[:16]), folder / "run", val=val, config=config, quiet=True)


def never(data: object, folder: Path, *, resume: bool, **_: object) -> Run:
    """In place of ``train`` where what is kept is enough."""
    assert data is None
    assert resume
    return Run.open(folder)


def test_subsets_are_a_quarter_a_half_and_all() -> None:
    assert subset_sizes(100) == [25, 50, 100]
    assert subset_sizes(18) == [4, 9, 18]


def test_wrong_points_are_those_that_pck_does_not_count(run: Run) -> None:
    val = TrainingData.open(run.path / "split").val
    wrong, counted = wrong_points(run, val, "cpu")
    scores, _, _ = evaluate(run, val, device="cpu")
    assert counted.tolist() == [3] * 5
    assert 1 - wrong.sum() / counted.sum() == pytest.approx(scores["pck@0.1"]["value"])


def test_points_without_a_length_to_measure_by_do_not_count(run: Run) -> None:
    val = TrainingData.open(run.path / "split").val
    # A single point has no extent.
    lone = replace(val[0].instances[0], visibility=np.array([2, 0, 0], dtype=np.int8), box=None)
    images = [replace(val[0], instances=[lone]), *val[1:]]
    _, counted = wrong_points(run, val.subset(images), "cpu")
    assert counted.tolist() == [0, 3, 3, 3, 3]


def test_nested_subsets_are_trained_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    curve = budget(run, steps=2, seeds=2, device="cpu", say=said.append)
    assert curve.sizes.tolist() == [4, 8, 16, 4, 8, 16]
    assert curve.seeds.tolist() == [0, 0, 0, 1, 1, 1]
    assert curve.labeled == 16
    assert curve.wrong.shape == (6, 5)
    assert len(said) == 6
    paths = {}
    for size, seed in ((4, 0), (8, 0), (4, 1)):
        short = Run.open(run.path / "budget" / f"{size}-of-16-seed{seed}")
        assert short.config.training.max_steps == 2
        data = TrainingData.open(short.path / "split")
        paths[size, seed] = {Path(image.path).name for image in data.labeled}
        assert len(data.val) == 5
    assert paths[4, 0] < paths[8, 0]
    assert paths[4, 0] != paths[4, 1]

    monkeypatch.setattr(module, "train", never)
    again = budget(run, steps=2, seeds=2, device="cpu")
    assert np.array_equal(again.wrong, curve.wrong)


def steps_of_all(run: Run, seeds: int = 1) -> set[int]:
    """How many steps the kept trainings have."""
    folders = [run.path / "budget" / f"{n}-of-16-seed{s}" for n in (4, 8, 16) for s in range(seeds)]
    return {Run.open(folder).metrics["steps"] for folder in folders}


def test_all_trainings_have_the_steps_that_the_time_allows(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Beside the run, from where its images are found too.
    folder = run.path.with_name("cut")
    shutil.copytree(run.path, folder, ignore=shutil.ignore_patterns("budget"))
    own = Run.open(folder)
    said: list[str] = []
    curve = budget(own, steps=100_000, max_minutes=0.05, seeds=1, device="cpu", say=said.append)
    assert 0 < curve.steps < curve.asked == 100_000
    assert steps_of_all(own) == {curve.steps}
    assert said[1] == (
        f"the time limit leaves no room for 100,000 steps: all trainings have {curve.steps:,}"
    )
    # The same question gets the same answer from what is kept; one of more steps does not.
    with monkeypatch.context() as patch:
        patch.setattr(module, "train", never)
        again = budget(own, steps=100_000, max_minutes=0.05, seeds=1, device="cpu")
    assert np.array_equal(again.wrong, curve.wrong)
    assert again.steps == curve.steps
    longer = budget(own, steps=curve.steps + 2, max_minutes=30, seeds=1, device="cpu")
    assert longer.steps == longer.asked == curve.steps + 2
    assert steps_of_all(own) == {curve.steps + 2}
    # These have all the steps, so that a limit has nothing to say.
    with monkeypatch.context() as patch:
        patch.setattr(module, "train", never)
        budget(own, steps=curve.steps + 2, max_minutes=0.0001, seeds=1, device="cpu")


def test_kept_trainings_that_a_limit_had_cut_are_trained_again(run: Run) -> None:
    budget(run, steps=2, seeds=1, device="cpu")
    for size in (4, 8, 16):
        short = Run.open(run.path / "budget" / f"{size}-of-16-seed0")
        training = short.config.training.model_copy(update={"max_minutes": 0.5})
        short.config.model_copy(update={"training": training}).save(short.path / "config.yaml")
        write_json(short.path / "result.json", {**short.metrics, "steps": 1})
    budget(run, steps=2, max_minutes=60, seeds=1, device="cpu")
    assert steps_of_all(run) == {2}


def test_without_validation_images_there_is_nothing_to_measure_by(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "run", ignore=shutil.ignore_patterns("budget"))
    (tmp_path / "run" / "split" / "val.json").unlink()
    with pytest.raises(DataError, match="no validation images"):
        budget(tmp_path / "run")


def test_few_labels_make_no_curve(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "run", ignore=shutil.ignore_patterns("budget"))
    data = TrainingData.open(run.path / "split")
    few = replace(data, labeled=data.labeled.subset(data.labeled[:13]))
    few.save(tmp_path / "run" / "split")
    with pytest.raises(DataError, match=r"13 labelled images are too few"):
        budget(tmp_path / "run")


def test_the_command(run: Run) -> None:
    words = ["budget", str(run.path), "--steps", "2", "--seeds", "1", "--device", "cpu", "--quiet"]
    done = CliRunner().invoke(app, [*words, "--more", "5"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("PCK@0.1 on 5 validation images; short trainings of 2 steps\n")
    assert "with 5 more labelled images expect" in done.output
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    assert [entry["more"] for entry in json.loads(done.stdout)["expected"]] == [8, 16]
