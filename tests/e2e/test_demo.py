"""The demonstration, with few creatures and steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pointillist import demo
from pointillist.cli import app
from pointillist.errors import ConfigError
from pointillist.images import image_size


def test_it_trains_scores_and_shows_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PARTS", {"train": 40, "val": 4, "test": 6})
    arguments = ["demo", "-o", str(tmp_path / "demo"), "-q", "--steps"]
    first = CliRunner().invoke(app, [*arguments, "3"])
    assert first.exit_code == 0, first.output
    assert "2 labelled and 38 unlabelled creatures" in first.output
    assert "from a single look PCK@0.1 is: supervised " in first.output
    results = json.loads((tmp_path / "demo" / "results.json").read_text(encoding="utf-8"))
    for method in ("supervised", "auto"):
        assert method in first.output
        assert 0 <= results[method]["metrics"]["pck@0.1"]["value"] <= 1
        assert 0 <= results[method]["one_look"]["pck@0.1"]["value"] <= 1
        assert (tmp_path / "demo" / "report" / method / "index.html").is_file()
    width, height = image_size(tmp_path / "demo" / "side-by-side.jpg")
    assert width > 4 * 192 > height > 3 * 192

    weights = tmp_path / "demo" / "auto" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    again = CliRunner().invoke(app, [*arguments, "3"])
    assert again.exit_code == 0
    assert weights.stat().st_mtime_ns == before  # nothing is trained twice
    other = CliRunner().invoke(app, [*arguments, "4"])
    assert other.exit_code != 0
    assert isinstance(other.exception, ConfigError)
    assert "a demonstration of 3 steps, not 4" in str(other.exception)
