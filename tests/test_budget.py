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

    def never(*_: object, resume: bool, **__: object) -> None:
        assert resume

    monkeypatch.setattr(module, "train", never)
    again = budget(run, steps=2, seeds=2, device="cpu")
    assert np.array_equal(again.wrong, curve.wrong)


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
    assert "PCK@0.1 on 5 validation images" in done.output
    assert "with 5 more labelled images expect" in done.output
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    assert [entry["more"] for entry in json.loads(done.stdout)["expected"]] == [8, 16]
