"""Every method on the list: trains, keeps its losses finite, never reads unlabelled labels."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pointillist.augment import ViewMaker, ViewOptions
from pointillist.batch import Batch
from pointillist.errors import ConfigError
from pointillist.methods import METHODS, Method, Setting, get_method
from pointillist.models.localizer import Localizer, create_localizer
from pointillist.models.options import ModelOptions
from pointillist.synthetic import SKELETON, draw_creature
from training_cases import assert_same

SIZE = (64, 48)
BACKBONE = "resnet10t"

#: Options with which an untrained teacher, sure of nothing, teaches.
EAGER: dict[str, dict[str, object]] = {
    "auto": {"threshold": 0},
    "mean_teacher": {"threshold": 0},
    "pseudo_labels": {"confidence": 0},
    "semantic_consistency": {"threshold": 0},
}


@pytest.fixture(scope="module")
def perceptual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file for the network that compares images: random, but a real file."""
    model = create_localizer(ModelOptions(backbone=BACKBONE), 1).backbone.model
    file = tmp_path_factory.mktemp("weights") / "backbone.safetensors"
    save_file({k.removeprefix("model."): v for k, v in model.state_dict().items()}, file)
    return file


def make_batch(poison: bool = False) -> Batch:
    """Three labelled and three unlabelled creatures; the latter's points unknown or poisoned."""
    drawn = [draw_creature(seed, (80, 60)) for seed in range(6)]
    labeled = torch.tensor([True] * 3 + [False] * 3)
    points = torch.from_numpy(np.stack([i.points for _, i in drawn])).float()
    annotated = torch.from_numpy(np.stack([i.annotated for _, i in drawn]))
    points[3:] = 7.0 if poison else torch.nan
    annotated[3:] = poison
    return Batch(
        images=torch.from_numpy(np.stack([image for image, _ in drawn])).permute(0, 3, 1, 2),
        points=points,
        annotated=annotated,
        absent=torch.zeros_like(annotated),
        labeled=labeled,
        to_file=torch.eye(3).expand(6, 3, 3).clone(),
        file_size=torch.tensor([[80.0, 60.0]]).expand(6, 2).clone(),
        index=torch.arange(6),
    )


def build(
    name: str, perceptual: Path | None = None, *, average: bool = False, **options: object
) -> Method:
    torch.manual_seed(0)
    kind = get_method(name)
    model: Localizer = create_localizer(ModelOptions(backbone=BACKBONE, width=16), len(SKELETON))
    views = ViewMaker(SIZE, SKELETON, model.mean, model.std)
    if name == "generative":
        options |= {"perceptual_backbone": BACKBONE, "perceptual_weights": perceptual}
    setting = Setting(views, ViewOptions(), 1.5, SKELETON)
    method = kind(model, setting, kind.Options(**options)).train()
    if average:  # as a training gives it to those who have a use for it
        teacher = copy.deepcopy(model).requires_grad_(False).eval()
        object.__setattr__(method, "average", teacher)
    return method


def steps(method: Method, batch: Batch, count: int) -> list[dict[str, float]]:
    """Trains for some steps; the losses of each."""
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=1e-3)
    history = []
    for step in range(count):
        torch.manual_seed(step)
        method.progress = step / count
        losses = method(batch)
        history.append({name: float(value.detach()) for name, value in losses.items()})
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
    return history


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_every_loss_is_finite_and_the_supervised_one_falls(
    name: str, average: bool, perceptual: Path
) -> None:
    method = build(name, perceptual, average=average, **EAGER.get(name, {}))
    batch = make_batch()
    if not method.uses_unlabeled:
        batch = batch.select(batch.labeled)
    history = steps(method, batch, 12)
    assert all(np.isfinite(v) for losses in history for v in losses.values())
    first, last = history[0]["supervised"], history[-1]["supervised"]
    restarts = name == "pseudo_labels"  # its second stage begins with fresh weights
    assert (last < 1.2 * first) if restarts else (last < first)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("name", [n for n, m in METHODS.items() if not m.needs_unlabeled])
def test_a_batch_of_labelled_crops_alone_is_fine(
    name: str, average: bool, perceptual: Path
) -> None:
    method = build(name, perceptual, average=average)
    batch = make_batch()
    history = steps(method, batch.select(batch.labeled), 6)
    assert all(np.isfinite(v) for losses in history for v in losses.values())


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("name", [n for n, m in METHODS.items() if m.uses_unlabeled])
def test_labels_of_unlabelled_crops_are_never_read(
    name: str, average: bool, perceptual: Path
) -> None:
    """Unknown points (NaN) and wrong ones lead to the same losses and weights."""
    histories, states = [], []
    for poison in (False, True):
        method = build(name, perceptual, average=average, **EAGER.get(name, {}))
        histories.append(steps(method, make_batch(poison), 6))
        states.append(method.state_dict())
    # Where nothing was learnt from these crops, nothing could have been read.
    taught = [value for key, value in histories[0][-1].items() if key != "supervised"]
    assert min(taught) > 0
    assert histories[0] == histories[1]
    assert_same(*states, "state_dict")


@pytest.mark.parametrize("name", METHODS)
def test_every_candidate_answers_with_a_heatmap_for_every_keypoint(
    name: str, perceptual: Path
) -> None:
    method = build(name, perceptual).eval()
    assert method.candidates[0] is method.model
    for network in method.candidates:
        output = network(torch.zeros(1, 3, SIZE[1], SIZE[0]))
        assert output.heatmaps.shape == (1, len(SKELETON), SIZE[1] // 4, SIZE[0] // 4)


def test_an_unknown_method_gets_the_nearest_known_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'semantic_consistency'"):
        get_method("semantic_consistancy")
