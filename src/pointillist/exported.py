"""Exported networks: the file, the JSON that describes it, and computing with them.

The file takes (B, H, W, 3) uint8 RGB crops and gives points and confidence; the JSON beside it
says of what size they are, how they are cut out and what the points are called. What writes both
is :mod:`pointillist.exporting`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ValidationError

from pointillist.errors import ConfigError, DataError, PointillistError
from pointillist.files import read_json
from pointillist.run import Run
from pointillist.skeleton import Skeleton

if TYPE_CHECKING:
    from pointillist.backend import Backend

Format = Literal["onnx", "openvino"]
Precision = Literal["float32", "bfloat16", "int8"]

#: What the files of each format end with.
SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "openvino": ".xml"}

INPUT = "images"
OUTPUTS = ("points", "confidence")


class InputDescription(BaseModel):
    """What the network takes: (batch, height, width, 3) crops."""

    name: str = INPUT
    type: Literal["uint8"] = "uint8"
    layout: Literal["NHWC"] = "NHWC"
    color: Literal["RGB"] = "RGB"
    width: int
    height: int
    batch: Literal[1, "any"]


class Description(BaseModel):
    """The JSON beside an exported network.

    Attributes:
        pointillist_export: version of this description.
        format, precision: of the file.
        run: name of the run's folder.
        input: the crops.
        outputs: what comes out, in words.
        skeleton: see :meth:`pointillist.skeleton.Skeleton.values`.
        margin: the crop shows the box, enlarged to the input's aspect ratio and by this factor.
        trained_on_boxes: whole images are strange to the network: it needs boxes.
        mean, std: the normalisation of values from 0 to 1. It is done inside, as is all below.
        stride: input pixels per heatmap pixel.
        decoding: from heatmaps to points, see :func:`pointillist.heatmaps.decode`.
        flip: whether it averages over the crop and its mirror image.
        opset: of ONNX, also where OpenVINO's file was made from it.
        versions: of what wrote the file.
        equality: how near the float32 file is to the PyTorch network, in input pixels.
        pck: of the float32 file and of this one, where its precision is another.
    """

    pointillist_export: Literal[1] = 1
    format: Format
    precision: Precision
    run: str
    input: InputDescription
    outputs: dict[str, str]
    skeleton: dict[str, Any]
    margin: float
    trained_on_boxes: bool
    mean: list[float]
    std: list[float]
    stride: int
    decoding: str
    flip: bool
    opset: int
    versions: dict[str, str]
    equality: dict[str, Any]
    pck: dict[str, Any] | None = None


@dataclass(frozen=True)
class ExportedModel:
    """An exported network on disk.

    Args:
        path: the file, ``.onnx`` or ``.xml``.
        description: the JSON beside it.
        skeleton: of its points.
    """

    path: Path
    description: Description
    skeleton: Skeleton

    @classmethod
    def open(cls, path: str | Path) -> ExportedModel:
        """Reads the description; the network itself is read when it is used.

        Raises:
            DataError: a file is missing, or the description is none of ours.
        """
        path = Path(path)
        if not path.is_file():
            raise DataError("there is no such file", where=path)
        beside = description_path(path)
        if not beside.is_file():
            raise DataError(
                f"the file {beside.name}, which describes this network, is not beside it",
                where=path,
                do="pointillist export writes both: copy both, or export again.",
            )
        values = read_json(beside)
        try:
            description = Description.model_validate(values)
            skeleton = Skeleton.from_values(description.skeleton)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise DataError(
                f"this does not describe an exported network: {first['msg'].lower()}",
                where=beside,
                row=place,
            ) from None
        except TypeError:
            raise DataError("the skeleton has no keypoints", where=beside, row="skeleton") from None
        if path.suffix.lower() != SUFFIXES[description.format]:
            raise DataError(f"this describes a file of {description.format}", where=beside)
        return cls(path, description, skeleton)

    def backend(self, *, flip: bool = True, device: str = "auto") -> Backend:
        """What computes it: onnxruntime or OpenVINO, on the processor.

        Args:
            flip: false is refused where the file averages over the mirror image: it cannot be
                told not to. Where it does not, nothing can add that.
            device: ``auto`` or ``cpu``.

        Raises:
            ConfigError: it cannot do what is asked for.
            DataError: the file is damaged, or none of ours.
            PointillistError: the library that runs it is not installed.
        """
        if device not in ("auto", "cpu"):
            raise ConfigError(
                f"exported files are computed on the processor, not on '{device}'",
                do="Predict with the run itself to use a GPU.",
            )
        if self.description.flip and not flip:
            raise ConfigError(
                "this file averages over the mirror image, and cannot do without",
                where=self.path,
                do="Export it with --no-flip.",
            )
        return _OnnxBackend(self) if self.description.format == "onnx" else _OpenVinoBackend(self)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the crops."""
        return self.description.input.width, self.description.input.height


Model = Run | ExportedModel
"""What can predict."""


def open_model(source: Model | str | Path) -> Model:
    """A run by its folder, or an exported network by its file.

    Raises:
        DataError: it is neither.
    """
    if not isinstance(source, (str, Path)):
        return source
    exported = Path(source).suffix.lower() in SUFFIXES.values()
    return ExportedModel.open(source) if exported else Run.open(source)


def description_path(path: Path) -> Path:
    """The JSON beside an exported file."""
    return path.with_name(f"{path.name}.json")


def import_library(name: str) -> Any:
    """A library that only exported files need.

    Raises:
        PointillistError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise PointillistError(
            f"exported files need {(error.name or name).partition('.')[0]}, which is not installed",
            do="Run: pip install 'pointillist[export]'",
        ) from None


class _ExportedBackend:
    """What both libraries have in common."""

    def __init__(self, model: ExportedModel) -> None:
        self.skeleton, self.size = model.skeleton, model.size
        self.margin = model.description.margin

    def _check(self, model: ExportedModel, inputs: list[str], outputs: list[str]) -> None:
        if inputs != [INPUT] or sorted(outputs) != sorted(OUTPUTS):
            raise DataError(
                f"pointillist did not export this network: it goes from {', '.join(inputs)} "
                f"to {', '.join(outputs)}, not from {INPUT} to {' and '.join(OUTPUTS)}",
                where=model.path,
            )


class _OnnxBackend(_ExportedBackend):
    """An ONNX file in onnxruntime."""

    def __init__(self, model: ExportedModel) -> None:
        super().__init__(model)
        onnxruntime = import_library("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        try:
            self._session = onnxruntime.InferenceSession(
                str(model.path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its own classes have no common base
            raise _unreadable("onnxruntime", model, error) from None
        inputs = [value.name for value in self._session.get_inputs()]
        self._check(model, inputs, [value.name for value in self._session.get_outputs()])
        self._batch = model.description.input.batch

    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As :class:`~pointillist.backend.Backend` has it."""
        step = len(crops) if self._batch == "any" else self._batch
        parts = [
            self._session.run(list(OUTPUTS), {INPUT: crops[start : start + step]})
            for start in range(0, len(crops), step)
        ]
        points, confidence = (np.concatenate(values) for values in zip(*parts, strict=True))
        return points, confidence


class _OpenVinoBackend(_ExportedBackend):
    """OpenVINO's files in OpenVINO.

    Several crops go one to a core: faster on any number of cores than one batch on all of them,
    and in the memory of few crops. A single one has all cores to itself.
    """

    def __init__(self, model: ExportedModel) -> None:
        super().__init__(model)
        openvino = import_library("openvino")
        self._core = openvino.Core()
        # Without the hint, a float32 file is computed in bfloat16 where the processor has that.
        self._precision = "bf16" if model.description.precision == "bfloat16" else "f32"
        try:
            self._network = self._core.read_model(model.path)
            inputs = [value.any_name for value in self._network.inputs]
            self._check(model, inputs, [value.any_name for value in self._network.outputs])
            self._network.reshape([1, *self.size[::-1], 3])
            self._queue = openvino.AsyncInferQueue(self._compiled("THROUGHPUT"))
        except RuntimeError as error:
            raise _unreadable("OpenVINO", model, error) from None
        self._queue.set_callback(_keep)

    def _compiled(self, hint: str) -> Any:
        options = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": self._precision}
        return self._core.compile_model(self._network, "CPU", options)

    @cached_property
    def _single(self) -> Any:
        """What computes one crop; made when it is needed, as it takes the weights' memory again."""
        return self._compiled("LATENCY").create_infer_request()

    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As :class:`~pointillist.backend.Backend` has it."""
        keypoints = len(self.skeleton)
        points = np.empty((len(crops), keypoints, 2), np.float32)
        confidence = np.empty((len(crops), keypoints), np.float32)
        if len(crops) == 1 and len(self._queue) > 1:
            self._single.infer({INPUT: crops})
            _keep(self._single, (points[0], confidence[0]))
            return points, confidence
        for i, crop in enumerate(crops):
            self._queue.start_async({INPUT: crop[None]}, (points[i], confidence[i]))
        self._queue.wait_all()
        return points, confidence


def _keep(request: Any, places: tuple[np.ndarray, np.ndarray]) -> None:
    """Copies results to their places before the request is used again."""
    for name, place in zip(OUTPUTS, places, strict=True):
        place[:] = request.get_tensor(name).data[0]


def _unreadable(library: str, model: ExportedModel, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:200]
    return DataError(
        f"{library} cannot read this file: {reason}", where=model.path, do="Is it complete?"
    )
