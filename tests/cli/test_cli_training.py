"""What a training begins with when little is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from core_cases import dots_dataset, tiny_config
from pointillist import training
from pointillist.cli import app
from pointillist.config import PRESETS
from pointillist.formats import save_dataset
from pointillist.run import Run


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Labels, on a machine whose preset is a tiny network."""
    tiny = tiny_config("views.erase=0.25", "training.max_steps=3").model_dump(mode="json")
    monkeypatch.setitem(PRESETS, training.default_preset(), tiny)
    save_dataset(dots_dataset(tmp_path / "dots", 4), tmp_path / "labels.json")
    return tmp_path / "labels.json"


def test_a_file_of_options_says_only_what_differs(labels: Path, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("training: {max_steps: 2}", encoding="utf-8")
    out = tmp_path / "run"
    words = ["train", str(labels), "-o", str(out), "--config", str(tmp_path / "my.yaml"), "-q"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    config = Run.open(out).config
    assert (config.training.max_steps, config.views.erase) == (2, 0.25)


def test_python_begins_as_the_command_does(labels: Path, tmp_path: Path) -> None:
    run = training.train(labels, tmp_path / "run", quiet=True)
    assert (run.config.training.max_steps, run.config.views.erase) == (3, 0.25)
