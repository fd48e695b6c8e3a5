"""Writing a network as ONNX and as OpenVINO's files."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from pointillist.errors import PointillistError
from pointillist.exported import INPUT, OUTPUTS, import_library
from pointillist.geometry import Size
from pointillist.points import CropPoints


def write_onnx(model: CropPoints, size: Size, path: Path, *, dynamic_batch: bool) -> int:
    """Writes ONNX, weights and all in one file.

    Args:
        model: what to write.
        size: width and height of the crops.
        path: the file.
        dynamic_batch: any number of crops at a time; otherwise one.

    Returns:
        the version of ONNX's operators ("opset").

    Raises:
        PointillistError: a library is missing, or the network has a part that ONNX does not.
    """
    onnx = import_library("onnx")
    import_library("onnxscript")
    width, height = size
    model = _writable(model, size)
    # With one example, the exporter would take its batch size for a constant.
    crops = torch.zeros(2 if dynamic_batch else 1, height, width, 3, dtype=torch.uint8)
    shapes = ({0: torch.export.Dim("batch")},) if dynamic_batch else None
    try:
        with _silence():
            torch.onnx.export(
                model,
                (crops,),
                str(path),
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                dynamic_shapes=shapes,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # the exporter lets through whatever its many parts raise
        reason = " ".join(str(error.__cause__ or error).split())[:300]
        raise PointillistError(
            f"this network ({model.network.backbone.name}) cannot be written as ONNX: {reason}"
        ) from error
    opsets = onnx.load(path, load_external_data=False).opset_import
    return next(opset.version for opset in opsets if opset.domain in ("", "ai.onnx"))


def write_openvino(source: Path, path: Path) -> None:
    """Writes an ONNX file as OpenVINO's ``.xml`` and ``.bin``."""
    openvino = import_library("openvino")
    # read_model and not convert_model, which reports to its maker that it was used.
    network = openvino.Core().read_model(source)
    openvino.save_model(network, path, compress_to_fp16=False)


def _writable(model: CropPoints, size: Size) -> CropPoints:
    """A copy that computes the same with parts that ONNX and OpenVINO have."""
    model = copy.deepcopy(model)
    for module in model.modules():
        part: Any = module
        # Attention in one call comes apart into steps that not every shape can take.
        if hasattr(part, "fused_attn"):
            part.fused_attn = False
        # A transformer's positions are resampled here and now: OpenVINO would do it otherwise.
        if getattr(part, "dynamic_img_size", False) and hasattr(part, "set_input_size"):
            part.set_input_size(img_size=size[::-1])
    return model


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """The exporter's progress and advice are for people who write operators."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
