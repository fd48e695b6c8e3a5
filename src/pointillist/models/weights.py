"""Backbone weights from a local file, with a report of what did and did not load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pointillist.errors import ConfigError

_PREFIXES = ("module.", "backbone.", "model.")


@dataclass(frozen=True)
class WeightsReport:
    """What a weights file gave to a model. Names are the model's, without container prefixes.

    Attributes:
        path: the file.
        loaded: tensors taken over from the file.
        missing: tensors of the model that the file does not have; they keep their initial values.
        unexpected: tensors of the file that the model has no place for.
        mismatched: name -> (shape in the file, shape in the model); not loaded.
    """

    path: Path
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]

    def summary(self) -> str:
        """One line, and one more for each kind of tensor that did not load."""
        total = len(self.loaded) + len(self.missing) + len(self.mismatched)
        lines = [f"{self.path.name}: {len(self.loaded)} of the backbone's {total} tensors loaded"]
        if self.missing:
            lines.append(
                f"  {len(self.missing)} not in the file, left at random: {_some(self.missing)}"
            )
        if self.mismatched:
            shapes = tuple(
                f"{name} (file {_shape(found)}, model {_shape(wanted)})"
                for name, (found, wanted) in self.mismatched.items()
            )
            lines.append(f"  {len(shapes)} of another shape, left at random: {_some(shapes)}")
        if self.unexpected:
            lines.append(
                f"  {len(self.unexpected)} only in the file, not used: {_some(self.unexpected)}"
            )
        return "\n".join(lines)


def load_weights(model: nn.Module, path: str | Path) -> WeightsReport:
    """Copies what fits from a ``.safetensors`` or ``.pth`` file into ``model``, in place.

    Names are compared without the prefixes ``module.``, ``backbone.`` and ``model.``, so that
    checkpoints of whole models, of DDP and of pointillist's own runs serve too. Floating point
    values of any precision become the model's (float32).

    Raises:
        ConfigError: the file is missing or unreadable, holds values that are not finite, or no
            tensor in it fits the model.
    """
    path = Path(path)
    found = {_bare(name): tensor for name, tensor in _read(path).items()}
    wanted = {_bare(name): tensor for name, tensor in model.state_dict(keep_vars=True).items()}
    # BatchNorm's counter is no weight: with a fixed momentum nothing depends on it, and older
    # files lack it.
    counters = {name for name in {*found, *wanted} if name.endswith("num_batches_tracked")}

    mismatched = {}
    fits = {}
    for name in wanted.keys() & found.keys() - counters:
        if found[name].shape == wanted[name].shape:
            fits[name] = found[name]
        else:
            mismatched[name] = (tuple(found[name].shape), tuple(wanted[name].shape))
    report = WeightsReport(
        path=path,
        loaded=tuple(sorted(fits)),
        missing=tuple(sorted(wanted.keys() - found.keys() - counters)),
        unexpected=tuple(sorted(found.keys() - wanted.keys() - counters)),
        mismatched=dict(sorted(mismatched.items())),
    )
    if not fits:
        raise ConfigError(
            f"none of its {len(found)} tensors fits the model, which has tensors such as "
            f"{_some(report.missing or tuple(report.mismatched))}",
            where=path,
            do="Is it the file of another backbone?",
        )
    for name, tensor in fits.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ConfigError(
                "the tensor holds NaN or infinite values", where=path, row=name, do="Is it damaged?"
            )
    with torch.no_grad():
        for name, tensor in fits.items():
            wanted[name].copy_(tensor)
    return report


def _read(path: Path) -> dict[str, Tensor]:
    """The named tensors of a file. Pickled code is never run."""
    if not path.is_file():
        raise ConfigError("there is no such weights file", where=path)
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise ConfigError(
                f"this is not a readable safetensors file: {error}",
                where=path,
                do="Is the file complete?",
            ) from None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ConfigError(f"it cannot be read: {error.strerror}", where=path) from None
    except Exception:  # the bytes of another kind of file are pickled nonsense: anything may come
        raise ConfigError(
            "this is not a PyTorch file that holds tensors only",
            where=path,
            do="Save the model's state_dict, best as safetensors.",
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    tensors = {}
    if isinstance(content, dict):
        tensors = {str(name): value for name, value in content.items() if torch.is_tensor(value)}
    if not tensors:
        raise ConfigError("the file holds no named tensors", where=path)
    return tensors


def _bare(name: str) -> str:
    while name.startswith(_PREFIXES):
        name = name.split(".", 1)[1]
    return name


def _some(names: tuple[str, ...], limit: int = 3) -> str:
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a single number"
