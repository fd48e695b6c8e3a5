from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pointillist.config import PRESETS, Config, make_config, read_yaml, validate
from pointillist.errors import ConfigError
from pointillist.methods import METHODS, get_method


def test_later_wins(tmp_path: Path) -> None:
    """Defaults, preset, file, values, settings."""
    file = tmp_path / "options.yaml"
    file.write_text("training:\n  max_steps: 5\n  seed: 7\n  workers: 9\n", encoding="utf-8")
    config = make_config(
        preset="paper",
        file=file,
        values={"training": {"seed": 8, "workers": 10}},
        sets=["training.workers=11"],
    )
    training = config.training
    assert (training.optimizer, training.max_steps, training.seed, training.workers) == (
        "adam",
        5,
        8,
        11,
    )
    assert training.labeled_per_step == Config().training.labeled_per_step


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_validate_and_are_left_as_they_were(preset: str) -> None:
    before = yaml.safe_dump(PRESETS[preset])
    config = make_config(preset=preset, sets=["model.width=8", "input.width=64"])
    assert (config.model.width, config.input.width) == (8, 64)
    assert yaml.safe_dump(PRESETS[preset]) == before


def test_the_papers_numbers() -> None:
    config = make_config(preset="paper")
    assert (config.input.width, config.input.height, config.input.sigma) == (256, 256, 2.0)
    assert (config.model.backbone, config.training.learning_rate) == ("hrnet_w32", 1e-4)
    assert config.training.ema_decay == 0


def test_values_are_not_changed() -> None:
    values = {"method_options": {"deep": {"er": 1}}}
    config = make_config(values=values, sets=["method_options.deep.er=2"])
    assert config.method_options == {"deep": {"er": 2}}
    assert values == {"method_options": {"deep": {"er": 1}}}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("training.learning_rate=1e-4", 1e-4),  # for YAML 1.1 this is text
        ("training.learning_rate=0.5", 0.5),
        ("training.gradient_clip=null", None),
        ("training.compile=true", True),
        ("training.accelerator=cpu", "cpu"),
        ("training.precision=32", "32"),
        ("model.weights=a folder/x=y.safetensors", Path("a folder/x=y.safetensors")),
        (" input.sigma =2", 2.0),
    ],
)
def test_settings(setting: str, value: object) -> None:
    place = setting.partition("=")[0].strip()
    found = make_config(sets=[setting])
    for part in place.split("."):
        found = getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("trainng.seed=1", "no option 'trainng'.*did you mean 'training'"),
        (
            "training.max_step=1",
            r"no option 'training\.max_step'.*did you mean 'training.max_steps'",
        ),
        ("input.widht=1", "did you mean 'input.width'"),
        ("model.backbon=x", "did you mean 'model.backbone'"),
        ("views.rotaton=1", "did you mean 'views.rotation'"),
        ("training.max_steps=0", "option 'training.max_steps' is 0: .*greater than or equal to 1"),
        ("training.max_steps=many", "option 'training.max_steps' is 'many': .*integer"),
        ("training.schedule=linear", "'cosine', 'constant' or 'stairs'"),
        ("input=5", "option 'input' is 5"),
        ("training.seed", "not of the form option=value"),
        ("=3", "not of the form option=value"),
        ("training.seed=[1", "is not valid YAML"),
        ("model.pretrained=maybe", "option 'model.pretrained' is 'maybe'"),
    ],
)
def test_wrong_settings_are_one_line_that_names_them(setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make_config(sets=[setting])
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_two_options_that_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="either pretrained or weights"):
        make_config(sets=["model.pretrained=true", "model.weights=x.safetensors"])


def test_a_file_of_weights_takes_the_place_of_published_ones(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("model: {weights: w.safetensors}", encoding="utf-8")
    by_file = make_config(preset="cpu", file=tmp_path / "my.yaml")
    by_value = make_config(preset="cpu", values={"model": {"weights": "w.safetensors"}})
    by_setting = make_config(preset="cpu", sets=["model.weights=w.safetensors"])
    for config in (by_file, by_value, by_setting):
        assert config.model.weights == Path("w.safetensors")
        assert not config.model.pretrained
        assert config.views.erase == 0.5  # all else of the preset stays
    # What comes later and asks for both is told that it cannot have them.
    with pytest.raises(ConfigError, match="either pretrained or weights"):
        make_config(file=tmp_path / "my.yaml", sets=["model.pretrained=true"])


def test_unknown_preset() -> None:
    with pytest.raises(ConfigError, match=r"no preset 'gpus'.*did you mean 'gpu'"):
        make_config(preset="gpus")


def test_yaml_round_trip(tmp_path: Path) -> None:
    config = make_config(
        preset="paper",
        sets=["training.max_minutes=1.5", "views.flip=0", "method_options.weight=3"],
        values={"model": {"pretrained": False, "weights": "w.safetensors"}},
    )
    config.save(tmp_path / "config.yaml")
    assert make_config(file=tmp_path / "config.yaml") == config
    # Every option is written, so that later defaults change nothing.
    assert set(read_yaml(tmp_path / "config.yaml")["training"]) == set(
        type(config.training).model_fields
    )


def test_broken_files(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("training:\n  seed: [1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"broken\.yaml, row 3: this is not valid YAML"):
        make_config(file=broken)
    broken.write_text("- a\n- b\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no mapping"):
        make_config(file=broken)
    with pytest.raises(ConfigError, match="no such file"):
        make_config(file=tmp_path / "none.yaml")
    broken.write_text("", encoding="utf-8")
    assert make_config(file=broken) == Config()
    broken.write_text("training:\n  sed: 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"broken\.yaml: there is no option 'training.sed'"):
        make_config(file=broken)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_options_of_every_method(name: str) -> None:
    options = get_method(name).Options
    assert validate(options, {}) == options()
    with pytest.raises(ConfigError, match="method_options: there is no option 'no such'"):
        validate(options, {"no such": 1}, where="method_options")


def test_unknown_method() -> None:
    with pytest.raises(ConfigError, match=r"no method 'supervized'.*did you mean 'supervised'"):
        get_method("supervized")
