"""Exporting a run: the files give PyTorch's points, say what they are, and are whole or absent."""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
import torch
from export_cases import HEIGHT, WIDTH, Export, make_run

from pointillist import evaluate, exporting, predict
from pointillist.dataset import Dataset
from pointillist.errors import ConfigError, DataError, PointillistError
from pointillist.exporting import export
from pointillist.exporting.checks import Equality
from pointillist.inference import Predictor
from pointillist.points import CropPoints
from pointillist.run import Run
from pointillist.training_data import TrainingData


@torch.inference_mode()
def by_torch(network: CropPoints, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    points, confidence = network(torch.from_numpy(crops))
    return points.numpy(), confidence.numpy()


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_points_are_pytorchs(
    format: str, count: int, exported: Export, network: CropPoints, crops: np.ndarray
) -> None:
    """Several crops at a time, and one, which OpenVINO computes in another way."""
    crops = crops[:count]
    points, confidence = by_torch(network, crops)
    found = exported(format).backend()(crops)
    assert found[0].shape == (count, 16, 2)
    assert points.std() > 5  # it is not all one place
    np.testing.assert_allclose(found[0], points, rtol=0, atol=1e-3)
    np.testing.assert_allclose(found[1], confidence, rtol=0, atol=1e-4)


def test_the_bare_file_takes_any_number_of_crops(
    exported: Export, network: CropPoints, crops: np.ndarray
) -> None:
    """As somebody without pointillist uses it."""
    session = onnxruntime.InferenceSession(exported("onnx").path)
    for some in (crops[:1], crops[1:4]):
        points, confidence = session.run(["points", "confidence"], {"images": some})
        wanted = by_torch(network, some)
        np.testing.assert_allclose(points, wanted[0], rtol=0, atol=1e-3)
        np.testing.assert_allclose(confidence, wanted[1], rtol=0, atol=1e-4)


def test_the_bare_file_takes_one_crop(
    exported: Export, network: CropPoints, crops: np.ndarray
) -> None:
    core = openvino.Core()
    model = core.read_model(exported("openvino").path)
    assert [list(port.shape) for port in model.inputs] == [[1, HEIGHT, WIDTH, 3]]
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    points = compiled({"images": crops[:1]})["points"]
    np.testing.assert_allclose(points, by_torch(network, crops[:1])[0], rtol=0, atol=1e-3)


def test_the_description(exported: Export, run: Run) -> None:
    model = exported("onnx")
    values = json.loads(model.path.with_name("model.onnx.json").read_text(encoding="utf-8"))
    assert values["skeleton"]["keypoints"] == list(run.skeleton.keypoints)
    assert values["input"] == {
        "name": "images", "type": "uint8", "layout": "NHWC", "color": "RGB",
        "width": WIDTH, "height": HEIGHT, "batch": "any",
    }  # fmt: skip
    assert values["margin"] == run.config.input.margin
    assert (values["decoding"], values["flip"], values["stride"]) == ("dark", True, 4)
    assert values["opset"] == onnx.load(model.path).opset_import[0].version
    assert values["versions"]["onnx"] == onnx.__version__
    assert not values["trained_on_boxes"]
    assert values["equality"]["crops"] == 6
    assert values["equality"]["points"] == 6 * 16
    assert 0 <= values["equality"]["largest_difference_px"] <= 1e-3
    assert values["pck"] is None
    assert exported("openvino").description.input.batch == 1


@pytest.fixture
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch does not compute in 16 bits, so that its predictions can be compared."""
    monkeypatch.setattr(
        "pointillist.backend.inference_autocast", lambda *_: contextlib.nullcontext()
    )


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_predictions_are_the_runs(
    format: str, exported: Export, run: Run, creatures: Dataset
) -> None:
    """In the files' pixels, from whole images and boxes, through the same call."""
    wanted = predict(run, creatures)
    found = predict(exported(format).path, creatures)
    assert found.skeleton == wanted.skeleton
    for one, other in zip(found, wanted, strict=True):
        assert one.path == other.path
        for a, b in zip(one.instances, other.instances, strict=True):
            assert a.box == b.box
            np.testing.assert_allclose(a.points, b.points, rtol=0, atol=2e-3)


@pytest.mark.usefixtures("float32")
def test_scores_are_the_runs(exported: Export, run: Run, creatures: Dataset) -> None:
    wanted, _, _ = evaluate(run, creatures)
    found, _, _ = evaluate(str(exported("onnx").path), creatures)
    assert found["pck@0.2"]["value"] == wanted["pck@0.2"]["value"]
    assert found["nme"]["value"] == pytest.approx(wanted["nme"]["value"], abs=1e-4)


def test_another_skeleton_is_refused(exported: Export, creatures: Dataset) -> None:
    assert creatures.skeleton is not None
    names = ("snout", *creatures.skeleton.keypoints[1:])
    other = Dataset(replace(creatures.skeleton, keypoints=names), creatures.images, creatures.root)
    with pytest.raises(DataError, match="other keypoints"):
        evaluate(exported("onnx"), other)


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_eight_bits(format: str, exported: Export, crops: np.ndarray) -> None:
    exact, small = exported(format), exported(format, "int8")
    about = small.description
    assert about.precision == "int8"
    assert about.pck is not None
    assert about.pck["images"] == 2
    assert about.pck["of"] == "validation images"
    for precision in ("float32", "int8"):
        assert all(0 <= about.pck[precision][f"pck@{a:g}"] <= 1 for a in (0.05, 0.1, 0.2))
    weights = "onnx" if format == "onnx" else "bin"
    sizes = [model.path.with_suffix(f".{weights}").stat().st_size for model in (exact, small)]
    assert sizes[1] < 0.6 * sizes[0]
    points, confidence = exact.backend()(crops)
    found = small.backend()(crops)
    assert np.abs(found[1] - confidence).max() < 0.2 * confidence.max()
    assert np.median(np.abs(found[0] - points)) < 1
    assert np.abs(found[0] - points).max() > 0  # it is another network


def test_sixteen_bits(exported: Export, crops: np.ndarray) -> None:
    exact, fast = exported("openvino"), exported("openvino", "bfloat16")
    assert fast.description.pck is not None
    assert set(fast.description.pck) == {"images", "of", "float32", "bfloat16"}
    points, _ = exact.backend()(crops)
    found, _ = fast.backend()(crops)
    assert np.median(np.abs(found - points)) < 0.5


def test_a_file_that_differs_is_not_kept(
    run: Run, tmp_path: Path, exported: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what lay there before stays as it was."""
    for file in exported("onnx").path.parent.iterdir():
        shutil.copy(file, tmp_path / file.name)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    far = Equality(crops=2, points=32, undecided=0, largest=0.5, confidence=0.0)
    monkeypatch.setattr(exporting, "write_onnx", lambda *_, **__: 18)
    monkeypatch.setattr(exporting, "compare", lambda *_: far)
    monkeypatch.setattr("pointillist.exported.ExportedModel.backend", lambda self: None)
    with pytest.raises(PointillistError, match=r"differ from PyTorch's by up to 0\.5 pixels"):
        export(run, "onnx", tmp_path / "model.onnx")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_without_the_mirror_image(
    run: Run, tmp_path: Path, network: CropPoints, crops: np.ndarray
) -> None:
    model = export(run, "onnx", tmp_path / "straight.onnx", flip=False)
    assert not model.description.flip
    points, _ = model.backend(flip=False)(crops)
    plain = CropPoints(network.network, run.skeleton, decoding="dark", flip=False)
    np.testing.assert_allclose(points, by_torch(plain, crops)[0], rtol=0, atol=1e-3)
    assert np.abs(points - by_torch(network, crops)[0]).max() > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "onyx"}, "no format 'onyx'. did you mean 'onnx'"),
        ({"precision": "int4"}, "no precision 'int4'. did you mean 'int8'"),
        ({"precision": "bfloat16"}, "onnxruntime does not compute in bfloat16. OpenVINO does"),
        ({"out": "model.xml"}, r"a file for onnx ends with .onnx, 'model.xml' does not"),
        ({"format": "openvino", "out": "m.bin"}, r"a file for openvino ends with .xml"),
    ],
)
def test_options_that_do_not_fit(run: Run, options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        export(run, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("library", ["onnx", "onnxscript", "onnxruntime", "openvino"])
def test_a_missing_library_is_one_line(
    run: Run, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(PointillistError) as caught:
        export(run, "openvino")
    assert str(caught.value) == (
        f"exported files need {library}, which is not installed. "
        "Run: pip install 'pointillist[export]'"
    )
    assert not (run.path / "export").exists()


@pytest.fixture
def moved(split: TrainingData, tmp_path: Path) -> Run:
    """A run whose images are gone."""
    lost = [replace(image, path=f"gone/{image.path}") for image in split.labeled.images]
    data = TrainingData(
        split.labeled.subset(lost), split.unlabeled.subset([]), split.val.subset([])
    )
    return make_run(tmp_path / "moved", data)


def test_images_that_are_gone(moved: Run, split: TrainingData) -> None:
    with pytest.raises(DataError, match=r"gone.* Give others with --data"):
        export(moved)
    model = export(moved, data=split.labeled)
    assert model.path == moved.path / "export" / "model.onnx"
    assert model.description.equality["crops"] == 4
    assert Predictor.open(model.path).skeleton == split.skeleton
