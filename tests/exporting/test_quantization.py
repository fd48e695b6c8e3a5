"""What an eight-bit network computes in eight bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from export_cases import Export
from onnx import numpy_helper

from pointillist.errors import PointillistError
from pointillist.exporting.quantization import quantize


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
