from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core_cases import SKELETON, TINY, tiny_config
from pointillist.callbacks import save_network
from pointillist.errors import ConfigError, DataError
from pointillist.files import write_json
from pointillist.models.localizer import create_localizer
from pointillist.run import Run, commit, environment
from pointillist.skeleton import Skeleton

FULL = Skeleton(
    ("nose", "left_ear", "right_ear", "tail"),
    edges=((0, 1), (0, 2)),
    flip_pairs=((1, 2),),
    sigmas=(0.03, 0.04, 0.04, 0.1),
    name="mouse",
    head=(0, 1),
    torso=(0, 3),
)


@pytest.mark.parametrize("skeleton", [SKELETON, FULL, Skeleton(("a",))])
def test_created_and_opened_again(tmp_path: Path, skeleton: Skeleton) -> None:
    config = tiny_config("training.seed=5", "views.flip=0.25", "method_options.weight=7")
    Run.create(tmp_path / "run", config, skeleton)
    run = Run.open(tmp_path / "run")
    assert run.config == config
    assert run.skeleton == skeleton
    assert run.metrics == {}


def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    Run.create(tmp_path, tiny_config(), SKELETON)
    with pytest.raises(DataError, match=r"there is a run in this folder already.*--resume"):
        Run.create(tmp_path, tiny_config("training.seed=1"), FULL)
    assert Run.open(tmp_path).skeleton == SKELETON


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not a run: it has no config\.yaml"):
        Run.open(tmp_path)
    run = Run.create(tmp_path, tiny_config(), SKELETON)
    with pytest.raises(DataError, match="no trained network yet"):
        run.network()
    (tmp_path / "skeleton.json").unlink()
    with pytest.raises(DataError, match=r"it has no skeleton\.json"):
        Run.open(tmp_path)


def test_an_option_of_another_version_is_named(tmp_path: Path) -> None:
    Run.create(tmp_path, tiny_config(), SKELETON)
    file = tmp_path / "config.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "colour: red\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"config\.yaml: there is no option 'colour'"):
        Run.open(tmp_path)


def test_the_network_comes_back(tmp_path: Path) -> None:
    # As from a pretrained backbone that brings its own normalisation.
    run = Run.create(tmp_path, tiny_config("model.pretrained=true"), SKELETON)
    network = create_localizer(
        run.config.model.model_copy(update={"pretrained": False}), len(SKELETON)
    )
    network.mean, network.std = (0.5, 0.4, 0.3), (0.1, 0.2, 0.3)
    network.train()(torch.rand(2, 3, 48, 64))  # batch norm has seen something
    save_network(network, run.weights)
    again = Run.open(tmp_path).network()
    assert not again.training
    assert (again.mean, again.std) == ((0.5, 0.4, 0.3), (0.1, 0.2, 0.3))
    images = torch.rand(1, 3, 48, 64)
    with torch.no_grad():
        assert torch.equal(again(images).heatmaps, network.eval()(images).heatmaps)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    run = Run.create(tmp_path, tiny_config(), SKELETON)
    other = create_localizer(run.config.model.model_copy(update={"width": 8}), len(SKELETON))
    save_network(other, run.weights)
    with pytest.raises(DataError, match=r"model\.safetensors.*does not fit"):
        run.network()
    run.weights.write_bytes(b"no tensors")
    with pytest.raises(DataError, match=r"model\.safetensors"):
        run.network()


def test_metrics(tmp_path: Path) -> None:
    run = Run.create(tmp_path, tiny_config(), SKELETON)
    write_json(tmp_path / "result.json", {"steps": 3})
    assert run.metrics == {"steps": 3}


def test_environment_says_what_ran_where() -> None:
    around = environment()
    assert around["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert around["machine"]["cores"] >= 1
    assert set(around) == {"pointillist", "commit", "python", "versions", "machine"}
    assert TINY  # the network of these tests needs no download


def test_a_copy_outside_a_checkout_has_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.py").touch()
    monkeypatch.setattr("pointillist.run.__file__", str(tmp_path / "run.py"))
    assert commit() is None
