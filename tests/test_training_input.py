"""Trainings on data and with options that do not fit: one line, and no folder left behind."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from core_cases import dots_dataset, tiny_config
from pointillist import training
from pointillist.errors import ConfigError, DataError

train = partial(training.train, quiet=True)


def test_unreadable_images_are_left_out_and_counted(tmp_path: Path) -> None:
    data = dots_dataset(tmp_path / "data", 6, labeled=5)
    (tmp_path / "data" / "001.png").write_bytes(b"no image")
    (tmp_path / "data" / "005.png").unlink()
    config = tiny_config("training.max_steps=2")
    with pytest.raises(DataError, match=r"001\.png"):
        train(data, tmp_path / "strict", config=config, strict=True)
    assert not (tmp_path / "strict").exists()
    run = train(data, tmp_path / "run", config=config)
    assert run.metrics["dataset"]["left_out"] == 2
    assert run.metrics["dataset"]["labeled"] == 4
    lines = (run.path / "problems.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert "001.png" in lines[0]
    assert "005.png" in lines[1]


def test_a_single_point_is_validated_by_the_image(tmp_path: Path) -> None:
    """It has no extent, and there are no boxes."""
    data = dots_dataset(tmp_path / "data", 4)
    for image in data:
        image.instances[0].visibility[1:] = 0
        image.instances[0].points[1:] = np.nan
    run = train(data, tmp_path / "run", val=data, config=tiny_config("training.max_steps=2"))
    assert 0 <= run.metrics["val_pck@0.1"] <= 1


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["method=supervised", "method_options.wieght=3"], "did you mean 'weight'"),
        (["method=supervizd"], "no method 'supervizd'"),
        (["model.backbone=resnet19"], "no backbone 'resnet19'"),
        (["input.width=50"], "must be multiples of"),
        (["training.accelerator=gppu"], "gppu"),
    ],
)
def test_wrong_options_are_one_line_and_leave_no_folder(
    sets: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        train(dots_dataset(tmp_path / "data", 4), tmp_path / "run", config=tiny_config(*sets))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_nothing_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no data"):
        train(out=tmp_path / "run")
    with pytest.raises(DataError, match="not a run"):
        train(out=tmp_path / "run", resume=True)
    crowd = dots_dataset(tmp_path / "data", 2)
    for image in crowd:
        image.instances[0].crowd = True
    with pytest.raises(DataError, match="crowds"):
        train(crowd, tmp_path / "run", config=tiny_config())
