"""Writes docs/options.md: every command and every option, from the code that reads them.

python docs/make_options.py
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.models import ArgumentInfo
from typer.utils import get_params_from_function

from pointillist.cli import app
from pointillist.config import PRESETS, Config
from pointillist.files import write_text
from pointillist.methods import METHODS

PAGE = Path(__file__).with_name("options.md")

HEAD = """\
# Commands and options

This page is written by `docs/make_options.py` from the code; do not edit it.

## Commands

`pointillist COMMAND --help` says the same. Every command prints errors as one line on standard \
error and leaves with exit code 1 (the data), 2 (an option) or 130 (Ctrl-C).
"""

TRAINING = """\
## Options of a training

Given in three ways, the later over the earlier: a preset (`--preset`; if none is named, that of \
the machine), a YAML file (`--config`), single settings (`--set training.learning_rate=1e-4`; \
the value is YAML). The run's folder keeps the result as `config.yaml`, which `--config` takes \
again. An unknown option is an error that names the nearest known one.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, *_commands(), TRAINING, *_options(), *_methods(), *_presets()]
    return "\n".join(parts)


# -- commands ------------------------------------------------------------------------------------


def _commands() -> Iterator[str]:
    for command in app.registered_commands:
        verb = command.callback
        assert verb is not None
        arguments, rows = [], []
        for name, parameter in get_params_from_function(verb).items():
            info = parameter.default
            if isinstance(info, ArgumentInfo):
                arguments.append(name.upper())
                shown = f"`{name.upper()}`"
            else:
                names = info.param_decls or (f"--{name.replace('_', '-')}",)
                shown = ", ".join(f"`{n}`" for n in names)
            rows.append([shown, _default(info.default), _cell(info.help or "")])
        yield f"### {command.name}\n"
        yield f"`pointillist {' '.join([command.name or '', *arguments])}`: {_help(verb)}\n"
        yield _table(["", "default", "meaning"], rows)


def _help(verb: Any) -> str:
    text = " ".join((inspect.getdoc(verb) or "").split())
    return text[0].lower() + text[1:]


def _default(value: Any) -> str:
    if value is ...:
        return "required"
    if value is None or value is False:
        return ""
    if value is True:
        return "on"
    if isinstance(value, Enum):
        value = value.value
    return f"`{value.as_posix() if isinstance(value, Path) else value}`"


# -- options -------------------------------------------------------------------------------------


def _options() -> Iterator[str]:
    yield _fields(Config, "")
    for name, field in Config.model_fields.items():
        kind = field.annotation
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            yield f"### {name}\n\n{inspect.getdoc(kind)}\n"
            yield _fields(kind, f"{name}.")


def _methods() -> Iterator[str]:
    yield "## Options of the methods\n"
    yield "What `method_options` may hold; [Methods](methods.md) says what they are about.\n"
    for name, method in METHODS.items():
        yield f"### `method: {name}`\n"
        # What is not published nobody can be faithful to.
        hidden = () if method.Options.published else ("faithful",)
        yield _fields(method.Options, "method_options.", hidden=hidden)
        published = method.Options.published
        if published:
            values = ", ".join(f"`{name}={_yaml(value)}`" for name, value in published.items())
            yield f"`faithful` stands for {values}.\n"
        for part, field in method.Options.model_fields.items():
            kind = field.annotation
            if inspect.isclass(kind) and issubclass(kind, BaseModel):
                default = field.get_default(call_default_factory=True)
                yield f"`method_options.{part}`: {field.description}\n"
                yield _fields(kind, f"method_options.{part}.", default)


def _fields(
    model: type[BaseModel], place: str, values: BaseModel | None = None, hidden: Sequence[str] = ()
) -> str:
    """A table of options; their defaults are those of ``values``, if given."""
    rows = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if name in hidden or (inspect.isclass(kind) and issubclass(kind, BaseModel)):
            continue
        if not field.description:
            raise SystemExit(f"{model.__name__}.{name} has no description")
        default = field.get_default(call_default_factory=True)
        if values is not None:
            default = getattr(values, name)
        shown = "" if default is None else f"`{_yaml(default)}`"
        rows.append([f"`{place}{name}`", _range(field), shown, _cell(field.description)])
    return _table(["option", "values", "default", "meaning"], rows)


def _range(field: FieldInfo) -> str:
    """What may be given: choices, or a kind of value and its limits."""
    kinds, origin = typing.get_args(field.annotation), typing.get_origin(field.annotation)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in kinds)
    known: dict[Any, str] = {
        **{int: "whole number", float: "number", bool: "true or false", str: "text", Path: "file"},
        **{dict: "mapping", tuple: "list", list: "list"},
    }
    optional = set(kinds) & {type(None)}
    words = [
        known[kind]
        for kind in (kinds if optional else [origin or field.annotation])
        if kind in known
    ]
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits = [
        f"{sign} {getattr(limit, name):g}"
        for limit in field.metadata
        for name, sign in signs.items()
        if getattr(limit, name, None) is not None
    ]
    return ", ".join([*words, *limits])


def _presets() -> Iterator[str]:
    yield "## Presets\n"
    yield "What each sets; everything else keeps its default.\n"
    flat = {name: dict(_flat(values)) for name, values in PRESETS.items()}
    keys = dict.fromkeys(key for values in flat.values() for key in values)
    rows = [
        [f"`{key}`", *(f"`{_yaml(v[key])}`" if key in v else "" for v in flat.values())]
        for key in keys
    ]
    yield _table(["option", *(f"`{name}`" for name in flat)], rows)


def _flat(values: dict[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{place}{key}.")
        else:
            yield f"{place}{key}", value


# -- Markdown ------------------------------------------------------------------------------------


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_yaml(item) for item in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    write_text(PAGE, page())
