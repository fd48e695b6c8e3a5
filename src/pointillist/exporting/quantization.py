"""Eight-bit networks: post-training static quantisation, calibrated on crops."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.errors import PointillistError
from pointillist.exported import INPUT, import_library

#: The parts that compute in eight bits, and those that only hand eight-bit values on.
_OPERATORS = (
    "Conv", "MatMul", "Gemm", "Add", "Mul", "Concat", "MaxPool", "AveragePool",
    "GlobalAveragePool", "Resize", "Relu", "Clip", "Sigmoid", "Reshape", "Transpose",
)  # fmt: skip


def quantize(source: Path, target: Path, crops: np.ndarray) -> None:
    """Writes an ONNX file that computes in 8 bits.

    Weights have a scale for each channel; the range of an activation is what the crops show. What
    comes before the first convolution (normalisation, copies) and what comes after the last one
    (their mean, smoothing, decoding) stays in float32, and so does the last one itself:
    neighbouring pixels of a peak would be equal in 8 bits, and its place be lost.

    Args:
        source: as :func:`~pointillist.exporting.graph.write_onnx` wrote it.
        target: the file to write.
        crops: (N, H, W, 3) uint8 to calibrate on.
    """
    onnx = import_library("onnx")
    library = import_library("onnxruntime.quantization")
    inner = _inner_nodes(onnx.load(source).graph)
    logging.disable(logging.WARNING)  # it recommends steps that are not needed here
    try:
        library.quantize_static(
            str(source),
            str(target),
            _Crops(crops),
            quant_format=library.QuantFormat.QDQ,
            activation_type=library.QuantType.QUInt8,
            weight_type=library.QuantType.QInt8,
            per_channel=True,
            # Weights of 7 bits: processors without VNNI add two products in 16 bits, and those of
            # 8 bits overflow there.
            reduce_range=True,
            calibrate_method=library.CalibrationMethod.MinMax,
            op_types_to_quantize=list(_OPERATORS),
            nodes_to_quantize=inner,
        )
    except Exception as error:  # it has no exceptions of its own
        reason = " ".join(str(error).split())[:300]
        raise PointillistError(f"this network cannot be quantised: {reason}") from error
    finally:
        logging.disable(logging.NOTSET)


class _Crops:
    """Hands the calibration one crop at a time."""

    def __init__(self, crops: np.ndarray) -> None:
        self._rest = iter(crops)

    def get_next(self) -> dict[str, np.ndarray] | None:
        crop = next(self._rest, None)
        return None if crop is None else {INPUT: crop[None]}


def _inner_nodes(graph: Any) -> list[str]:
    """Names of the nodes from a network's first convolution to before its last one.

    A graph that averages over copies has the network several times. What follows the last
    convolution of each, mirror images and smoothing included, is no part of a network.
    """
    makers = {name: node for node in graph.node for name in node.output}
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)

    def before(node: Any) -> list[Any]:
        return [makers[name] for name in node.input if name in makers]

    def after(node: Any) -> list[Any]:
        return [user for name in node.output for user in users.get(name, [])]

    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    # What other convolutions lead to, and what leads to others: they themselves only where they
    # are neither a network's first nor its last.
    behind, ahead = (
        _reached([other for node in convolutions for other in way(node)], way)
        for way in (after, before)
    )
    first = [node for node in convolutions if node.name not in behind]
    between = _reached(first, after) & ahead
    return [node.name for node in graph.node if node.name in between]


def _reached(start: list[Any], neighbours: Any) -> set[str]:
    """Names of the nodes that lie on a way from ``start``, that included."""
    seen, waiting = set(), list(start)
    while waiting:
        node = waiting.pop()
        if node.name not in seen:
            seen.add(node.name)
            waiting += neighbours(node)
    return seen
