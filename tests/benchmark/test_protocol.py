"""Protocols: every one that ships opens, names what it needs, and makes configs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointillist.benchmark.protocol import open_protocol, protocol_names
from pointillist.errors import ConfigError, DataError
from pointillist.methods import METHODS


def test_the_protocols_that_ship() -> None:
    assert {"lsp", "cub", "mpii", "atrw", "lsp-small", "cub-small"} <= set(protocol_names())


@pytest.mark.parametrize("name", protocol_names())
def test_every_row_of_every_protocol_gives_a_config(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POINTILLIST_WEIGHTS", str(tmp_path))
    protocol = open_protocol(name)
    for row in protocol.methods:
        config = protocol.config_for(row, 3, {"max_steps": 7})
        assert config.method in METHODS
        METHODS[config.method].Options(**config.method_options)
        assert config.training.seed == 3
        assert config.training.max_steps == 7


def test_the_papers_settings() -> None:
    config = open_protocol("lsp").config_for("semantic_consistency", 0, {})
    assert (config.input.width, config.input.height, config.input.sigma) == (256, 256, 2.0)
    assert (config.model.backbone, config.training.learning_rate) == ("hrnet_w32", 1e-4)
    options = METHODS[config.method].Options(**config.method_options).model_dump()
    assert (options["valid_only"], options["burn_in"], options["ramp"]) == (False, 0, 0)
    weights = [options[k] for k in ("supervised", "semantic", "equivariance", "invariance")]
    assert weights == [1000.0, 0.5, 100.0, 100.0]
    published = open_protocol("lsp").published
    assert published[1]["Ours"][5] == "66.98 ± 0.94"
    assert published[2]["TE + TI"][20] == "64.01"
    assert published[4]["Without g/t heatmaps"][100] == "73.65"
    assert open_protocol("cub").published[3] == {
        "Ours": {10: "87.01", 20: "88.33", 50: "89.44", 100: "91.34"},
        "SB": {100: "85.33"},
    }


def test_every_method_of_the_papers_protocols_is_faithful() -> None:
    for name in ("lsp", "cub", "mpii", "atrw"):
        protocol = open_protocol(name)
        assert len(protocol.methods) == 5
        for row in protocol.methods:
            assert protocol.config_for(row, 0, {}).method_options["faithful"] is True


def test_weights_are_named_below_their_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POINTILLIST_WEIGHTS", str(tmp_path))
    protocol = open_protocol("lsp-small")
    protocol.methods["generative"] = {"method_options": {"perceptual_weights": "vgg/19.pth"}}
    config = protocol.config_for("generative", 0, {})
    assert config.model.weights == tmp_path / "resnet18.safetensors"
    assert config.method_options["perceptual_weights"] == str(tmp_path / "vgg" / "19.pth")
    # What is kept of it names no folder of this machine.
    kept = protocol.portable("generative", config)
    assert kept["model"]["weights"] == "resnet18.safetensors"
    assert kept["method_options"]["perceptual_weights"] == "vgg/19.pth"
    assert str(tmp_path) not in str(kept)


def test_missing_data_is_told_with_where_it_lives(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POINTILLIST_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"atrw expects its data here.*https://") as error:
        open_protocol("atrw").open_data()
    assert str(tmp_path / "atrw") in str(error.value)
    monkeypatch.delenv("POINTILLIST_DATA")
    with pytest.raises(ConfigError, match="POINTILLIST_DATA is not set"):
        open_protocol("atrw").open_data()


def test_names_are_helped_with() -> None:
    with pytest.raises(ConfigError, match="did you mean 'lsp-small'"):
        open_protocol("lsp-smal")
    with pytest.raises(ConfigError, match="did you mean 'supervised'"):
        open_protocol("lsp").config_for("superwised", 0, {})


def test_an_own_protocol_with_a_typing_mistake(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\ntitel: Mine\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        open_protocol(str(file))
