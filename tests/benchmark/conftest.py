"""The data of the tiny protocol, drawn once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointillist.benchmark.protocol import Protocol
from pointillist.synthetic import make_dataset
from tiny_protocol import tiny_protocol


@pytest.fixture(scope="session")
def creatures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``POINTILLIST_DATA`` is to name."""
    folder = tmp_path_factory.mktemp("data")
    make_dataset(folder / "creatures", 40, size=(64, 64))
    return folder


@pytest.fixture
def protocol(creatures: Path, monkeypatch: pytest.MonkeyPatch) -> Protocol:
    """The tiny protocol, with its data where it looks for it."""
    monkeypatch.setenv("POINTILLIST_DATA", str(creatures))
    return tiny_protocol()
