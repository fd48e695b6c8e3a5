"""A small data set, and a network that was trained on it for a few steps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from console import STEPS, TINY, Console, make_console

from pointillist.synthetic import make_dataset


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Console:
    """Runs ``pointillist`` with the given words."""
    return make_console(monkeypatch, capsys)


@pytest.fixture(scope="session")
def creatures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Annotations of 30 built-in creatures of 64 x 64 pixels; 24 are labelled."""
    folder = tmp_path_factory.mktemp("creatures") / "data"
    make_dataset(folder, 30, seed=5, size=(64, 64), labeled=24)
    return folder / "annotations.json"


@pytest.fixture(scope="session")
def run(creatures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short training, made by the real command in a process of its own."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    words = ["train", creatures, "-o", folder, "--max-steps", STEPS, "--preset", "cpu", *TINY]
    done = subprocess.run(
        [sys.executable, "-m", "pointillist", *map(str, words)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert f"{STEPS} steps" in done.stdout
    return folder
