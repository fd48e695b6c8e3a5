"""Looking at crops in copies, with a network whose every answer is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_cases import SKELETON, dots_dataset
from pointillist.config import InputOptions
from pointillist.models.heads import LocalizerOutput
from pointillist.run import Run
from pointillist.samples import all_samples
from pointillist.skeleton import Skeleton
from pointillist.suggest.observation import COPIES, Observer


class Colours(nn.Module):
    """Finds the red, the green and the blue dot by their colour, whatever side they are on."""

    stride = 4
    feature_channels = 3
    mean = (0.0, 0.0, 0.0)
    std = (1.0, 1.0, 1.0)

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> LocalizerOutput:
        others = (images.sum(dim=1, keepdim=True) - images) / 2
        heatmaps = F.avg_pool2d((images - others).clamp(min=0), 4)
        return LocalizerOutput(heatmaps, F.avg_pool2d(images, 4))


class Shifted(Colours):
    """Finds them 8 pixels farther to the right."""

    def forward(self, images: Tensor) -> LocalizerOutput:
        output = super().forward(images)
        heatmaps = F.pad(output.heatmaps[..., :-2], (2, 0))
        return LocalizerOutput(heatmaps, output.features)


def observer(
    skeleton: Skeleton, size: tuple[int, int], student: type[Colours] | None = None
) -> Observer:
    options = InputOptions(width=size[0], height=size[1], margin=1.0)
    run = SimpleNamespace(
        network=Colours,
        student=lambda: student and student(),
        skeleton=skeleton,
        calibration=None,
        config=SimpleNamespace(input=options),
    )
    return Observer(cast(Run, cast(Any, run)), "cpu")


@pytest.fixture
def dots(tmp_path: Path) -> Any:
    return dots_dataset(tmp_path, 3, size=(160, 96))


def test_copies_are_brought_back_to_the_plain_view(tmp_path: Path) -> None:
    dots = dots_dataset(tmp_path, 8, size=(160, 96))
    blind = replace(SKELETON, flip_pairs=())
    seen, read, problems = observer(blind, (160, 96)).observe(all_samples(dots))
    assert read == list(range(8))
    assert not problems
    truth = np.stack([image.instances[0].points for image in dots]) / 160
    assert seen.points.shape == (8, len(COPIES), 3, 2)
    # Within a pixel of 160; dots that left the turned copies are not asked for.
    inside = (np.abs(truth * 160 - [80, 48]) < [50, 25]).all(axis=2)
    assert inside.sum() >= 5
    for copy in range(len(COPIES)):
        assert np.abs(seen.points[:, copy] - truth)[inside].max() < 1.5 / 160


def test_whoever_does_not_tell_left_from_right_is_found_out(dots: Any) -> None:
    seen, _, _ = observer(SKELETON, (160, 96)).observe(all_samples(dots))
    plain, mirrored = seen.points[:, 0], seen.points[:, 1]
    # The red dot is called left in the mirror image too, where it is on the other side.
    assert np.abs(mirrored[:, 0] - plain[:, 1]).max() < 1.5 / 160
    assert np.abs(mirrored[:, 1] - plain[:, 0]).max() < 1.5 / 160
    assert np.abs(mirrored[:, 2] - plain[:, 2]).max() < 1.5 / 160


def test_representation_and_thumbnail_are_of_the_plain_view(dots: Any) -> None:
    seen, _, _ = observer(SKELETON, (160, 96)).observe(all_samples(dots))
    assert seen.representation.shape == (3, 3)
    assert ((seen.thumbnail >= 0) & (seen.thumbnail <= 1)).all()
    assert seen.thumbnail.mean(axis=1) == pytest.approx(seen.representation.mean(axis=1), abs=0.01)


def test_the_learning_network_is_asked_too(dots: Any) -> None:
    alone, _, _ = observer(SKELETON, (160, 96)).observe(all_samples(dots))
    assert (alone.student_gap == 0).all()
    seen, _, _ = observer(SKELETON, (160, 96), Shifted).observe(all_samples(dots))
    assert seen.student_gap == pytest.approx(np.full((3, 3), 8 / 160), abs=0.2 / 160)
    # What it says counts in no other way.
    assert (seen.points == alone.points).all()
    assert (seen.representation == alone.representation).all()


def test_files_that_cannot_be_read_are_named(dots: Any) -> None:
    (dots.root / "001.png").write_bytes(b"no picture")
    seen, read, problems = observer(SKELETON, (160, 96)).observe(all_samples(dots))
    assert read == [0, 2]
    assert len(seen) == 2
    assert len(problems) == 1
    assert "001.png" in problems[0]


def test_nothing_to_look_at() -> None:
    seen, read, problems = observer(SKELETON, (64, 48)).observe([])
    assert len(seen) == 0
    assert seen.disagreement.shape == (0, 3)
    assert read == problems == []
