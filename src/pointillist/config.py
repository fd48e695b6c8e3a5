"""Every option of a training, with units and ranges; YAML in and out; ``--set a.b=c``."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pointillist.augment import ViewOptions
from pointillist.errors import ConfigError, did_you_mean
from pointillist.files import write_text
from pointillist.models.options import ModelOptions


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid")


class InputOptions(_Options):
    """What the network sees, and what it answers with."""

    width: int = Field(128, ge=32, description="of the network's input, pixels")
    height: int = Field(128, ge=32, description="of the network's input, pixels")
    margin: float = Field(1.25, ge=1, description="a box is enlarged by this factor")
    sigma: float = Field(1.5, gt=0, description="of the Gaussians, heatmap pixels")
    decoding: Literal["argmax", "quarter", "dark"] = Field(
        "dark",
        description="from heatmap to point: the highest pixel, moved a quarter pixel towards its "
        "higher neighbour, or to the top of the Gaussian through its neighbours",
    )
    smoothing: float = Field(
        0.0,
        ge=0,
        description="a prediction's heatmaps are smoothed with a Gaussian of this deviation, "
        "heatmap pixels: the place with the most around it is found, not the likeliest pixel",
    )
    copies: bool = Field(
        False,
        description="a prediction averages over three copies of the crop, turned and magnified: "
        "more accurate, and three times the work",
    )


class TrainingOptions(_Options):
    """How long, how fast and on what to train."""

    max_steps: int = Field(6000, ge=1, description="optimiser steps")
    max_minutes: float | None = Field(
        None, gt=0, description="wall time, decoding included, if that ends first"
    )
    labeled_per_step: int = Field(16, ge=1, description="labelled crops a step, per device")
    unlabeled_per_step: int = Field(16, ge=0, description="unlabelled crops a step, per device")
    optimizer: Literal["adamw", "adam"] = Field(
        "adamw", description="Adam with decoupled weight decay, or plain Adam"
    )
    learning_rate: float = Field(1e-3, gt=0, description="after the warm-up")
    backbone_rate: float = Field(
        1.0, gt=0, description="learning rate of the backbone, as a share of the others'"
    )
    weight_decay: float = Field(0.01, ge=0, description="of weights; norms and biases have none")
    schedule: Literal["cosine", "constant", "stairs"] = Field(
        "cosine",
        description="how the learning rate falls, by steps or time: to 0, not at all, or to a "
        "tenth after each of the shares in stairs",
    )
    stairs: tuple[float, ...] = Field(
        (0.7, 0.9), description="shares of the training for the schedule of that name"
    )
    warmup_steps: int = Field(100, ge=0, description="in which the learning rate grows from 0")
    gradient_clip: float | None = Field(None, gt=0, description="largest norm of the gradient")
    # In YAML and after --set, 32 is a number.
    precision: Annotated[Literal["auto", "32", "bf16", "fp16"], BeforeValidator(str)] = Field(
        "auto", description="auto: bf16 where it pays for the chosen network and device"
    )
    compile: bool = Field(False, description="torch.compile the network")
    ema_decay: float = Field(0.999, ge=0, lt=1, description="of the averaged weights; 0: off")
    validate_every: int = Field(500, ge=1, description="steps")
    patience: int = Field(0, ge=0, description="validations without progress before it stops")
    accelerator: str = Field("auto", description="what Lightning calls it: auto, cpu, gpu, mps...")
    devices: int = Field(1, ge=1, description="GPUs or CPU processes on each machine")
    nodes: int = Field(1, ge=1, description="machines")
    workers: int = Field(2, ge=0, description="processes that decode, where nothing is cached")
    cache: Literal["auto", "memory", "disk", "none"] = Field(
        "auto", description="of decoded crops; auto: in memory, if they fit cache_gib"
    )
    cache_gib: float = Field(2.0, gt=0, description="largest cache of crops in memory")
    seed: int = Field(0, ge=0, description="of everything random")


class BoxFinderOptions(_Options):
    """The network that finds objects in whole images, where ``localize`` asks for it."""

    width: int = Field(256, ge=64, description="whole images are fitted into this width, pixels")
    height: int = Field(256, ge=64, description="whole images are fitted into this height, pixels")
    max_steps: int = Field(1500, ge=1, description="optimiser steps")
    images_per_step: int = Field(8, ge=1, description="images a step")
    learning_rate: float = Field(1e-3, gt=0, description="at its highest; a cosine follows")
    score: float = Field(0.3, gt=0, lt=1, description="boxes that are less certain are dropped")


class Config(_Options):
    """Everything that defines a training, apart from the data."""

    method: str = Field("auto", description="name of a training method")
    method_options: dict[str, Any] = Field(
        default_factory=dict, description="options of that method"
    )
    input: InputOptions = Field(default_factory=InputOptions)
    model: ModelOptions = Field(default_factory=ModelOptions)
    views: ViewOptions = Field(default_factory=ViewOptions)
    training: TrainingOptions = Field(default_factory=TrainingOptions)
    localize: bool = Field(
        False, description="also train a network that finds the objects' boxes in whole images"
    )
    box_finder: BoxFinderOptions = Field(default_factory=BoxFinderOptions)

    def save(self, path: Path) -> None:
        """Writes YAML."""
        text = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        write_text(path, text)


#: What each preset says other than the defaults.
PRESETS: dict[str, dict[str, Any]] = {
    # Views and decay as docs/findings.md found them best for few labels.
    "cpu": {
        "model": {"backbone": "resnet18", "pretrained": True},
        "views": {"scale": 0.4, "color": 0.4, "erase": 0.5},
        "training": {"weight_decay": 0.1},
    },
    "gpu": {
        "model": {"backbone": "hrnet_w32", "pretrained": True},
        "input": {"width": 256, "height": 256, "sigma": 2.0},
        "training": {
            "labeled_per_step": 32,
            "unlabeled_per_step": 32,
            "compile": True,
            "workers": 8,
        },
    },
    # HRNet-W32, 256 px, 64x64 heatmaps, Adam 1e-4 (Moskvyak et al., ICLR 2021, section 4.2).
    "paper": {
        "method": "semantic_consistency",
        "method_options": {"faithful": True},
        "model": {"backbone": "hrnet_w32", "pretrained": True},
        "input": {"width": 256, "height": 256, "sigma": 2.0, "decoding": "quarter"},
        "training": {
            "optimizer": "adam",
            "learning_rate": 1e-4,
            "weight_decay": 0.0,
            "schedule": "constant",
            "warmup_steps": 0,
            "ema_decay": 0.0,
            "max_steps": 50000,
            "patience": 10,
            "workers": 8,
        },
    },
}


def make_config(
    *, preset: str | None = None, file: Path | None = None, sets: Sequence[str] = (),
    values: dict[str, Any] | None = None,
) -> Config:  # fmt: skip
    """Defaults, then the preset, then a YAML file, then values, then ``a.b=c`` settings.

    The defaults alone begin with random weights; presets ask for published ones. A file of weights
    takes the place of published weights that something earlier asks for.

    Raises:
        ConfigError: an unknown preset or key (the nearest known one is named) or a bad value.
    """
    if preset is not None and preset not in PRESETS:
        raise ConfigError(f"no preset '{preset}'", do=did_you_mean(preset, PRESETS))
    single: dict[str, Any] = {}
    for setting in sets:
        _merge(single, _parse_setting(setting))
    merged: dict[str, Any] = {}
    for layer in (PRESETS.get(preset or "", {}), read_yaml(file) if file else {}, values, single):
        model = (layer or {}).get("model")
        if isinstance(model, dict) and model.get("weights") and "pretrained" not in model:
            _merge(merged, {"model": {"pretrained": False}})
        _merge(merged, layer or {})
    return validate(Config, merged, where=file)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping."""
    try:
        value = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=path) from None
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        row = None if line is None else line + 1
        raise ConfigError("this is not valid YAML", where=path, row=row) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError("this YAML holds no mapping of options", where=path)
    return value


def validate(model: type[Any], values: dict[str, Any], where: str | Path | None = None) -> Any:
    """A pydantic model from values; errors are one line for people.

    Raises:
        ConfigError: names the key, and for an unknown one the nearest known one.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known, name = _fields_at(model, first["loc"][:-1]), str(first["loc"][-1])
            raise ConfigError(
                f"there is no option '{place}'",
                where=where,
                do=did_you_mean(name, known, within=place.removesuffix(name)),
            ) from None
        message = first["msg"].removeprefix("Value error, ")
        message = message[0].lower() + message[1:]
        if not place:  # options that do not go together; the message names them
            raise ConfigError(message, where=where) from None
        raise ConfigError(
            f"option '{place}' is {first['input']!r}: {message}", where=where
        ) from None


def _fields_at(model: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    for part in place:
        model = model.model_fields[str(part)].annotation  # type: ignore[assignment]
    return list(model.model_fields)


def _merge(into: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = copy.deepcopy(value)  # later settings must not reach into the presets


def _parse_setting(setting: str) -> dict[str, Any]:
    place, equals, text = setting.partition("=")
    if not equals or not place:
        raise ConfigError(f"'{setting}' is not of the form option=value")
    try:
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"the value of '{setting}' is not valid YAML") from None
    for part in reversed(place.strip().split(".")):
        value = {part: value}
    return dict(value)
