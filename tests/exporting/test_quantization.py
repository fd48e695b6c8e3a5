"""What an eight-bit network computes in eight bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from export_cases import Export
from onnx import numpy_helper

from core_cases import SKELETON, TINY
from pointillist.errors import PointillistError
from pointillist.exporting.graph import write_onnx
from pointillist.exporting.quantization import quantize
from pointillist.models.localizer import create_localizer
from pointillist.models.options import ModelOptions
from pointillist.points import COPIES, CropPoints


def test_the_last_convolution_and_what_surrounds_the_network_stay_in_float32(
    exported: Export,
) -> None:
    graph = onnx.load(exported("onnx", "int8").path).graph
    makers = {name: node for node in graph.node for name in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    weights = [makers.get(node.input[1]) for node in convolutions]
    assert weights[-1] is None  # the heatmaps'
    assert all(w is not None and w.op_type == "DequantizeLinear" for w in weights[:-1])
    after = [node for node in graph.node if node.op_type in ("Log", "GatherElements", "Clip")]
    assert not any(
        makers[name].op_type == "DequantizeLinear"
        for node in after
        for name in node.input
        if name in makers
    )


def test_of_copies_each_pass_is_in_eight_bits_and_nothing_else(tmp_path: Path) -> None:
    """And the matrix products that smooth are not taken for a part of the network."""
    network = create_localizer(ModelOptions(backbone=TINY, width=16), len(SKELETON))
    model = CropPoints(network, SKELETON, decoding="dark", flip=True, copies=True, smoothing=1.0)
    write_onnx(model.eval(), (64, 64), tmp_path / "plain.onnx", dynamic_batch=False)
    crops = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), np.uint8)
    quantize(tmp_path / "plain.onnx", tmp_path / "small.onnx", crops)
    graph = onnx.load(tmp_path / "small.onnx").graph
    makers = {name: node for node in graph.node for name in node.output}
    dequantized = [
        (node.op_type, all(_dequantized(name, makers) for name in node.input[:2]))
        for node in graph.node
        if node.op_type in ("Conv", "MatMul")
    ]
    convolutions = [eight for kind, eight in dequantized if kind == "Conv"]
    assert len(convolutions) % len(COPIES) == 0
    assert convolutions.count(False) == len(COPIES)  # the heatmaps' of each copy
    assert not any(eight for kind, eight in dequantized if kind == "MatMul")


def _dequantized(name: str, makers: dict[str, onnx.NodeProto]) -> bool:
    return name in makers and makers[name].op_type == "DequantizeLinear"


def test_weights_have_a_scale_for_each_channel(exported: Export) -> None:
    graph = onnx.load(exported("onnx", "int8").path).graph
    values = {value.name: numpy_helper.to_array(value) for value in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    first = next(node for node in graph.node if node.op_type == "Conv")
    weight, scale, _ = (values[name] for name in makers[first.input[1]].input)
    assert weight.dtype == np.int8
    assert scale.shape == weight.shape[:1]


def test_a_failure_is_one_line(tmp_path: Path, exported: Export) -> None:
    """Crops of a wrong size."""
    target, crops = tmp_path / "small.onnx", np.zeros((1, 8, 8, 3), np.uint8)
    with pytest.raises(PointillistError, match=r"^this network cannot be quantised: .+$"):
        quantize(exported("onnx").path, target, crops)
    assert not target.exists()
