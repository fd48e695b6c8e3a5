"""A protocol: which data, split and options a benchmark uses, from a YAML file."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pointillist.benchmark.ablations import CHANGED
from pointillist.benchmark.joining import join_parts
from pointillist.config import Config, read_yaml, validate
from pointillist.dataset import Dataset
from pointillist.errors import ConfigError, DataError, did_you_mean
from pointillist.formats import open_dataset

#: Folders that protocols name files in: data sets, and weights of backbones.
DATA_VARIABLE, WEIGHTS_VARIABLE = "POINTILLIST_DATA", "POINTILLIST_WEIGHTS"

#: Options that name a file below the folder of weights.
_WEIGHTS_FILES = (("model", "weights"), ("method_options", "perceptual_weights"))


class DataSource(BaseModel):
    """Where the images are."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(description=f"folder below ${DATA_VARIABLE}")
    format: str
    home: str = Field(description="where the data set lives, for whoever does not have it")
    files: dict[Literal["train", "test", "unlabeled"], str] = Field(
        default_factory=dict,
        description="part -> file below path, where there are several; images then have the "
        "part's name as group; unlabeled may be of any format",
    )
    images: dict[Literal["train", "test", "unlabeled"], str] = Field(
        default_factory=dict,
        description="part -> folder below path where its images lie, if not beside its file",
    )
    held_out: dict[Literal["val", "test"], int] = Field(
        default_factory=dict,
        description="group -> so many labelled images of files.train, always the same, become it",
    )
    annotated_only: bool = Field(
        False, description="objects in files.train and files.unlabeled without a point are left out"
    )


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
    variants: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="the same for rows that run only where they are asked for by name",
    )
    config: dict[str, Any] = {}
    published: dict[int, dict[str, dict[float, str]]] = Field(
        default_factory=dict,
        description="the paper's figures: table -> row -> percent of labelled images (of "
        "unlabelled ones in Table 3) -> text",
    )

    def data_folder(self) -> Path:
        """Where the data is; a missing one is told with where it lives."""
        lives = f"The data set lives at {self.data.home}."
        what = f"the data of protocol {self.name}"
        folder = _below(DATA_VARIABLE, self.data.path, what, lives)
        for place in (folder, *(folder / name for name in self.data.files.values())):
            if not place.exists():
                raise DataError(
                    f"protocol {self.name} expects its data here",
                    where=place,
                    do=lives,
                )
        return folder

    def open_data(self) -> Dataset:
        """The data set; of several files, as one.

        Raises:
            DataError: it is not there, or of one of the files no image is: a training would go
                through without them.
        """
        folder, data = self.data_folder(), self.data
        if not data.files:
            return open_dataset(folder, data.format)
        parts: dict[str, Dataset] = {}
        for part, name in data.files.items():
            kind = None if part == "unlabeled" else data.format
            below = folder / data.images[part] if part in data.images else None
            found = parts[part] = open_dataset(folder / name, kind, images=below)
            # A sample: to ask for each of 100,000 files would take longer than to read them.
            if not any(found.file(i).exists() for i in found.images[:: len(found) // 16 + 1]):
                raise DataError(
                    "none of the images that this file names is there",
                    where=folder / name,
                    do=f"{data.home} has them.",
                )
        held_out = {str(name): count for name, count in data.held_out.items()}
        return join_parts(parts, held_out=held_out, annotated_only=data.annotated_only)

    def method_of(self, row: str) -> str:
        """The method of a row.

        Raises:
            ConfigError: there is no such row.
        """
        return str(self._row(row).get("method", row))

    def config_for(self, row: str, seed: int, training: dict[str, Any]) -> Config:
        """The config of one cell.

        Args:
            row: of :attr:`methods` or :attr:`variants`, or one of :data:`~.ablations.CHANGED`.
            seed: of the training.
            training: options that bound it, over those of the protocol.

        Raises:
            ConfigError: there is no such row, an option is not known, or a folder is not set.
        """
        values = self._values(row, training | {"seed": seed})
        for group, name in _WEIGHTS_FILES:
            if values.get(group, {}).get(name) is not None:
                file = _below(WEIGHTS_VARIABLE, values[group][name], "backbone weights")
                values[group][name] = str(file)
        config: Config = validate(Config, values, where=f"protocol {self.name}, method {row}")
        return config

    def portable(self, row: str, config: Config) -> dict[str, Any]:
        """A config's values for readers on other machines: weights by their names below the
        folder of weights, not by this machine's paths."""
        values, named = config.model_dump(mode="json"), self._values(row, {})
        for group, name in _WEIGHTS_FILES:
            if values[group].get(name) is not None:
                values[group][name] = named[group][name]
        return values

    def _values(self, row: str, training: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {"method": row}
        weights = {} if self.weights is None else {"model": {"weights": self.weights}}
        for layer in (weights, self.config, self._row(row), {"training": training}):
            _merge(values, layer)
        return values

    def _row(self, row: str) -> dict[str, Any]:
        own = self.methods | self.variants
        if row in own:
            return own[row]
        changed = {name: change for name, change in CHANGED.items() if change.of in self.methods}
        if row in changed:
            whole = {"method": changed[row].of} | self.methods[changed[row].of]
            given = whole.get("method_options", {})
            return whole | {"method_options": given | changed[row].apply(whole["method"], given)}
        known = [*own, *changed]
        raise ConfigError(
            f"protocol {self.name} has no method '{row}'", do=did_you_mean(row, known)
        )


def _merge(into: dict[str, Any], layer: dict[str, Any]) -> None:
    for key, value in layer.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


def _below(variable: str, name: str, what: str, lives: str = "") -> Path:
    folder = os.environ.get(variable)
    if not folder:
        raise ConfigError(
            f"{variable} is not set: {what} ('{name}') is looked for below the folder it names",
            do=f"Set it: export {variable}=FOLDER. {lives}".rstrip(),
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
