"""Exported files on disk: opened with their description, refused where something is wrong."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from export_cases import Export
from onnx import TensorProto, helper

from pointillist import predict
from pointillist.cli import main
from pointillist.dataset import Dataset
from pointillist.errors import ConfigError, DataError, PointillistError
from pointillist.exported import ExportedModel, description_path, open_model
from pointillist.files import read_json, write_json
from pointillist.run import Run
from pointillist.training_data import TrainingData

Copy = Callable[[str], Path]


@pytest.fixture
def copy(exported: Export, tmp_path: Path) -> Copy:
    """Exported files in a folder where they can be spoilt."""

    def make(format: str) -> Path:
        path = exported(format).path
        for file in path.parent.iterdir():
            shutil.copy(file, tmp_path / file.name)
        return tmp_path / path.name

    return make


def test_a_file_or_a_folder_is_opened_for_what_it_is(copy: Copy, run: Run) -> None:
    path = copy("onnx")
    opened = open_model(str(path))
    assert isinstance(opened, ExportedModel)
    assert opened.skeleton == run.skeleton
    assert isinstance(open_model(run.path), Run)
    assert open_model(run) is run


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"model\.xml: there is no such file"):
        open_model(tmp_path / "model.xml")


def test_the_description_is_missing(copy: Copy) -> None:
    path = copy("onnx")
    description_path(path).unlink()
    with pytest.raises(DataError, match=r"model\.onnx\.json, .* is not beside it.* export again"):
        ExportedModel.open(path)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("pointillist_export", 2, "pointillist_export: .*input should be 1"),
        ("margin", "wide", "margin: .*valid number"),
        ("format", "openvino", "this describes a file of openvino"),
        ("skeleton", {}, "skeleton: the skeleton has no keypoints"),
        ("skeleton", {"keypoints": ["a", "a"]}, "named twice"),
    ],
)
def test_the_description_is_damaged(copy: Copy, place: str, value: object, message: str) -> None:
    path = copy("onnx")
    beside = description_path(path)
    write_json(beside, read_json(beside) | {place: value})
    with pytest.raises(DataError, match=message):
        ExportedModel.open(path)


def test_the_description_is_something_else(copy: Copy) -> None:
    path = copy("onnx")
    write_json(description_path(path), [1, 2])
    with pytest.raises(DataError, match="does not describe an exported network"):
        ExportedModel.open(path)


@pytest.mark.parametrize(("format", "library"), [("onnx", "onnxruntime"), ("openvino", "OpenVINO")])
def test_a_truncated_file(copy: Copy, format: str, library: str) -> None:
    path = copy(format)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=f"{library} cannot read this file: .* Is it complete"):
        ExportedModel.open(path).backend()


def test_openvinos_weights_are_missing(copy: Copy) -> None:
    path = copy("openvino")
    path.with_suffix(".bin").unlink()
    with pytest.raises(DataError, match="OpenVINO cannot read this file"):
        ExportedModel.open(path).backend()


def test_another_network_in_its_place(copy: Copy) -> None:
    path = copy("onnx")
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", *([v] for v in values))
    opset = helper.make_opsetid("", 18)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), path)
    with pytest.raises(DataError, match="did not export this network: it goes from x to y, not"):
        ExportedModel.open(path).backend()


@pytest.mark.parametrize(("format", "library"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_a_missing_library_is_one_line(
    copy: Copy, format: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    model = ExportedModel.open(copy(format))
    with pytest.raises(PointillistError, match=rf"need {library}.*pip install 'pointillist"):
        model.backend()


def test_what_it_cannot_do_is_refused(exported: Export) -> None:
    with pytest.raises(ConfigError, match="on the processor, not on 'cuda'"):
        exported("onnx").backend(device="cuda")
    with pytest.raises(ConfigError, match=r"cannot do without. Export it with --no-flip"):
        exported("onnx").backend(flip=False)


def test_whole_images_are_strange_to_a_network_that_needs_boxes(
    copy: Copy, creatures: Dataset, split: TrainingData
) -> None:
    """No box finder is exported, so that nothing would find them."""
    path = copy("onnx")
    beside = description_path(path)
    write_json(beside, read_json(beside) | {"trained_on_boxes": True})
    folder = Path(creatures.root) / "images"
    said: list[str] = []
    with pytest.raises(DataError, match=r"finds no objects.* --boxes, or say --no-localize"):
        predict(path, folder, say=said.append)
    assert said == []  # nothing is announced that is not done
    assert len(predict(path, folder, localize=False)[0].instances) == 1
    assert len(predict(path, split.labeled)) == 4  # these have boxes


def test_the_commands(
    run: Run,
    creatures: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Export with 8 bits, predict and evaluate with the file, and what a wrong use says."""

    def command(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pointillist", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        return (int(end.value.code or 0), *capsys.readouterr())

    file, table = tmp_path / "small.xml", tmp_path / "points.csv"
    code, out, err = command("export", run.path, "--format", "openvino", "--int8", "-o", file)
    assert code == 0, err
    assert "float32 differs from PyTorch by " in out
    assert "float32 -> int8 on 2 validation images: pck@0.05 " in out
    assert "calibrating 8 bits on 4 crops" in err
    code, out, err = command("predict", file, Path(creatures.root) / "images", "-o", table)
    assert (code, len(table.read_text(encoding="utf-8").splitlines())) == (0, 11), err
    code, out, err = command("evaluate", file, Path(creatures.root), "--json")
    assert code == 0, err
    assert '"pck@0.1"' in out
    code, _, err = command("export", run.path, "--int8", "--bf16")
    assert code == 2
    assert "choose one of --int8 and --bf16" in err
    code, _, err = command("export", tmp_path)
    assert (code, err.count("error: ")) == (1, 1)
    assert "this is not a run" in err
