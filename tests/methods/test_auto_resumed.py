"""The later parts of auto, interrupted."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from core_cases import dots_dataset, tiny_config
from pointillist import training
from pointillist.batch import Batch
from pointillist.crops import CONTEXT
from pointillist.lightning_module import TrainingModule
from pointillist.methods.auto import Auto
from pointillist.training import TrainingInterrupted
from training_cases import STOPPABLE, assert_same_training, at_step, checkpoint, interrupt

train = partial(training.train, quiet=True)

GIVEN = [
    "method=auto",
    *(
        f"method_options.{option}"
        for option in ("renewed=0.5", "known=0.25", "confidence=0", "detail=2", "last_batch=2.5")
    ),
]


@pytest.mark.parametrize(("step", "detail"), [(9, 2), (14, 1), (14, 2), (17, 2), (21, 1), (21, 2)])
def test_the_later_parts_of_auto_are_resumed(
    step: int,
    detail: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before a second network begins at step 12, before it labels from 18 on (after a closer look
    with fewer pixels), and after."""
    torch.set_num_threads(1)
    data, val = dots_dataset(tmp_path / "data", 12), dots_dataset(tmp_path / "val", 6, seed=1)
    config = tiny_config(*STOPPABLE, *GIVEN, f"method_options.detail={detail}")
    others = dots_dataset(tmp_path / "others", 6, seed=2)
    whole = train(data, tmp_path / "whole", unlabeled=[others], val=val, config=config)
    state = checkpoint(whole)["state_dict"]
    assert state["method.labellers"] == 2
    labels = state["method.labeller._extra_state"]  # so that nobody need be asked again
    assert sorted(labels["index"].tolist()) == list(range(12, 18))
    with monkeypatch.context() as patch:
        patch.setattr(Auto, "forward", at_step(step, interrupt, Auto))
        with pytest.raises(TrainingInterrupted):
            train(data, tmp_path / "run", unlabeled=[others], val=val, config=config)
    assert_same_training(train(out=tmp_path / "run", resume=True), whole)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        # A quarter of four from the middle on, and of ten in the last part.
        ("training.max_minutes=null", [(2, 2)] * 3 + [(1, 3)] * 2 + [(2, 8)]),
        ("method_options.detail=1", [(2, 2)] * 3 + [(1, 3)] * 3),  # crops never get smaller
        ("method_options.known=null", [(2, 2)] * 5 + [(5, 5)]),
        ("method_options.known=0.01", [(2, 2)] * 3 + [(1, 3)] * 2 + [(1, 9)]),  # one at least
        ("method_options.known=0.99", [(2, 2)] * 3 + [(3, 1)] * 2 + [(9, 1)]),  # of the others too
        # A time that is never over changes nothing.
        ("training.max_minutes=60", [(2, 2)] * 3 + [(1, 3)] * 2 + [(2, 8)]),
    ],
)
def test_later_parts_have_other_crops(
    given: str, wanted: list[tuple[int, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = []
    made = Auto.forward

    def forward(self: Auto, batch: Batch) -> dict[str, torch.Tensor]:
        labeled = int(batch.labeled.sum())
        crops.append((labeled, len(batch.labeled) - labeled))
        return made(self, batch)

    monkeypatch.setattr(Auto, "forward", forward)
    per_step = (f"training.{kind}_per_step=2" for kind in ("labeled", "unlabeled"))
    config = tiny_config(*GIVEN, *per_step, "training.max_steps=6", given)
    data, val = dots_dataset(tmp_path / "data", 4), dots_dataset(tmp_path / "val", 2, seed=1)
    others = dots_dataset(tmp_path / "others", 4, seed=2)
    train(data, tmp_path / "run", unlabeled=[others], val=val, config=config)
    assert crops == wanted
    crops.clear()
    # Nothing takes their place where there is nothing else: as many stay.
    train(data, tmp_path / "alone", val=val, config=config)
    assert crops == [(2, 0)] * 6


@pytest.mark.parametrize(("fresh_steps", "goes_on"), [(3, False), (100, True)])
def test_a_training_by_the_clock_reckons_once_and_is_resumed(
    fresh_steps: int, goes_on: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step takes 0.1 of 2.4 minutes: a quarter is done after six of them, half after 12."""
    torch.set_num_threads(1)
    halves: list[float] = []
    made = Auto.forward

    def forward(self: Auto, batch: Batch) -> dict[str, torch.Tensor]:
        losses = made(self, batch)
        halves.append(self.renewed)
        return losses

    monkeypatch.setattr(Auto, "forward", forward)
    monkeypatch.setattr(TrainingModule, "minutes", property(lambda self: self.global_step / 10))
    config = tiny_config(
        *STOPPABLE,
        *GIVEN,
        "training.max_steps=100000",
        "training.max_minutes=2.4",
        "method_options.renewed=0.25",
        "method_options.relabeled=0.5",
        f"method_options.fresh_steps={fresh_steps}",
    )
    data, val = dots_dataset(tmp_path / "data", 12), dots_dataset(tmp_path / "val", 6, seed=1)
    others = dots_dataset(tmp_path / "others", 6, seed=2)
    whole = train(data, tmp_path / "whole", unlabeled=[others], val=val, config=config)
    assert halves == [0.25] * 6 + [0.5 if goes_on else 0.25] * 18
    with monkeypatch.context() as patch:
        patch.setattr(Auto, "forward", at_step(9, interrupt, Auto))
        with pytest.raises(TrainingInterrupted):
            train(data, tmp_path / "run", unlabeled=[others], val=val, config=config)
    assert_same_training(train(out=tmp_path / "run", resume=True), whole)


def test_training_crops_come_with_the_pixels_for_a_closer_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of validation do not: there it counts what a prediction sees."""
    sizes = []
    made = Auto.forward

    def forward(self: Auto, batch: Batch) -> dict[str, torch.Tensor]:
        sizes.append(batch.size)
        return made(self, batch)

    monkeypatch.setattr(Auto, "forward", forward)
    config = tiny_config(*GIVEN, "training.max_steps=2")
    data, val = dots_dataset(tmp_path / "data", 4), dots_dataset(tmp_path / "val", 2, seed=1)
    others = dots_dataset(tmp_path / "others", 4, seed=2)
    train(data, tmp_path / "run", unlabeled=[others], val=val, config=config)
    width, height = config.input.width, config.input.height
    assert sizes == [(round(2 * CONTEXT * width), round(2 * CONTEXT * height))] * 2
