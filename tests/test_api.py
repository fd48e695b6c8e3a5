"""The public names, and how light they are to import."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import pointillist

#: Adding a name is a decision; taking one away breaks somebody's script.
PUBLIC = [
    "Config",
    "Dataset",
    "Image",
    "Instance",
    "PointillistError",
    "Predictor",
    "Run",
    "Skeleton",
    "__version__",
    "evaluate",
    "export",
    "make_config",
    "open_dataset",
    "predict",
    "save_dataset",
    "train",
]

#: What takes a second or more to import, or is not there without an extra.
HEAVY = {
    *("torch", "torchvision", "timm", "lightning", "cv2", "scipy", "sklearn", "matplotlib"),
    *("pandas", "sleap_io", "av", "fastapi", "uvicorn"),
    *("onnx", "onnxscript", "onnxruntime", "openvino"),
}


def modules_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after running some code."""
    report = (
        "\nimport json, sys"
        "\nprint(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + report], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_public_names_are_these() -> None:
    assert sorted(pointillist.__all__) == PUBLIC
    assert dir(pointillist) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(pointillist, name) is not None


@pytest.mark.parametrize("name", [n for n in PUBLIC if n not in ("__version__",)])
def test_every_public_name_says_what_it_does(name: str) -> None:
    assert getattr(pointillist, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        pointillist.trian  # noqa: B018


def test_import_is_light() -> None:
    loaded = modules_after("import pointillist")
    assert "pointillist" in loaded
    assert not loaded & HEAVY


def test_data_classes_are_light() -> None:
    code = "from pointillist import Dataset, Image, Instance, PointillistError, Skeleton"
    assert not modules_after(code) & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"]])
def test_help_is_light(arguments: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['pointillist', *{arguments!r}]"
        "\nfrom pointillist.cli import main"
        "\ntry:\n    main()"
        "\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )
    loaded = modules_after(code)
    assert "typer" in loaded
    assert not loaded & HEAVY
