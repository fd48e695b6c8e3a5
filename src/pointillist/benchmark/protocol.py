"""A protocol: which data, split and options a benchmark uses, from a YAML file."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pointillist.config import Config, read_yaml, validate
from pointillist.dataset import Dataset
from pointillist.errors import ConfigError, DataError, did_you_mean
from pointillist.formats import open_dataset

#: Folders that protocols name files in: data sets, and weights of backbones.
DATA_VARIABLE, WEIGHTS_VARIABLE = "POINTILLIST_DATA", "POINTILLIST_WEIGHTS"


class DataSource(BaseModel):
    """Where the images are."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(description=f"folder below ${DATA_VARIABLE}")
    format: str
    home: str = Field(description="where the data set lives, for whoever does not have it")


class SplitRule(BaseModel):
    """Fixed parts: by position or by group."""

    model_config = ConfigDict(extra="forbid")

    ranges: dict[str, str] | None = None
    groups: dict[str, str] | None = None


class Protocol(BaseModel):
    """Everything that a cell of the grid has in common with the others."""

    model_config = ConfigDict(extra="forbid")

    name: str
    title: str
    data: DataSource
    split: SplitRule
    metric: str = Field("pck@0.1", description="the figure of the table")
    flip_test: bool = True
    weights: str | None = Field(None, description=f"backbone weights below ${WEIGHTS_VARIABLE}")
    fractions: list[float] = [5, 10, 20, 50, 100]
    methods: dict[str, dict[str, Any]] = Field(
        description="name in the table -> method and options that differ from config"
    )
    config: dict[str, Any] = {}
    published: dict[str, dict[float, str]] = Field(
        default_factory=dict, description="the paper's figures: row -> fraction -> text"
    )

    def open_data(self) -> Dataset:
        """The data set; a missing one is told with where it lives."""
        folder = _below(DATA_VARIABLE, self.data.path, f"the data of protocol {self.name}")
        if not folder.exists():
            raise DataError(
                f"protocol {self.name} expects its data here",
                where=folder,
                do=f"The data set lives at {self.data.home}.",
            )
        return open_dataset(folder, self.data.format)

    def config_for(self, method: str, seed: int, training: dict[str, Any]) -> Config:
        """The config of one cell.

        Args:
            method: a row of :attr:`methods`.
            seed: of the training.
            training: options that bound it, over those of the protocol.
        """
        if method not in self.methods:
            raise ConfigError(
                f"protocol {self.name} has no method '{method}'",
                do=did_you_mean(method, self.methods),
            )
        values: dict[str, Any] = {"method": method}
        for layer in (self.config, self.methods[method], {"training": training | {"seed": seed}}):
            _merge(values, layer)
        if self.weights is not None:
            file = _below(WEIGHTS_VARIABLE, self.weights, "backbone weights")
            _merge(values, {"model": {"weights": str(file)}})
        config: Config = validate(Config, values, where=f"protocol {self.name}, method {method}")
        return config


def _merge(into: dict[str, Any], layer: dict[str, Any]) -> None:
    for key, value in layer.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


def _below(variable: str, name: str, what: str) -> Path:
    folder = os.environ.get(variable)
    if not folder:
        raise ConfigError(
            f"{variable} is not set: {what} ('{name}') is looked for below the folder it names"
        )
    return Path(folder) / name


def protocol_names() -> list[str]:
    """The protocols that come with the package."""
    files = resources.files("pointillist.benchmark").joinpath("protocols").iterdir()
    return sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml"))


def open_protocol(name: str) -> Protocol:
    """A protocol by name, or from a YAML file of one's own."""
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
    elif name in protocol_names():
        path = Path(str(resources.files("pointillist.benchmark").joinpath("protocols")))
        path = path / f"{name}.yaml"
    else:
        raise ConfigError(f"there is no protocol '{name}'", do=did_you_mean(name, protocol_names()))
    protocol: Protocol = validate(Protocol, read_yaml(path), where=path)
    return protocol
