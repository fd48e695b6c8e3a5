"""Exporting a trained network as one file for onnxruntime or OpenVINO.

Normalisation, flip test and decoding are inside: uint8 crops go in, points in crop pixels come
out. What runs such a file is :mod:`pointillist.exported`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.boxes.choosing import needs_boxes
from pointillist.config import InputOptions
from pointillist.crops import CropSpec
from pointillist.dataset import Dataset
from pointillist.errors import ConfigError, PointillistError, did_you_mean
from pointillist.exported import (
    SUFFIXES,
    Description,
    ExportedModel,
    Format,
    InputDescription,
    Precision,
    description_path,
    import_library,
)
from pointillist.exporting.checks import TOLERANCE, compare
from pointillist.exporting.graph import write_onnx, write_openvino
from pointillist.exporting.quantization import quantize
from pointillist.exporting.reference import Reference, find_reference, read_crops
from pointillist.files import whole_file, write_json
from pointillist.inference import evaluate
from pointillist.points import CropPoints
from pointillist.run import Run

#: Crops that the written file is compared with PyTorch on, and those that 8 bits are fitted to.
CHECKED, CALIBRATED = 48, 128

_ALPHAS = (0.05, 0.1, 0.2)
_LIBRARIES: dict[Format, tuple[str, ...]] = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("onnx", "onnxscript", "onnxruntime", "openvino"),
}
_ENDINGS: dict[Precision, str] = {"float32": "", "bfloat16": "-bf16", "int8": "-int8"}


def export(
    run: Run | str | Path,
    format: Format = "onnx",
    out: str | Path | None = None,
    *,
    precision: Precision = "float32",
    dynamic_batch: bool = False,
    flip: bool = True,
    data: str | Path | Dataset | None = None,
    quiet: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> ExportedModel:
    """Writes a run's network as a file that needs no PyTorch, and the JSON that describes it.

    The file takes (B, height, width, 3) uint8 RGB crops ``images`` and gives ``points`` (B, K, 2)
    in crop pixels, the centre of the top-left one at (0.5, 0.5), and ``confidence`` (B, K).

    Args:
        run: the run or its folder.
        format: ``onnx``, or ``openvino`` (an ``.xml`` with a ``.bin`` beside it).
        out: the file; none: ``export/model...`` in the run's folder.
        precision: ``float32``, ``int8`` (calibrated on the run's unlabelled images) or, with
            OpenVINO, ``bfloat16``, where the processor has it.
        dynamic_batch: any number of crops at a time; otherwise one.
        flip: average over the crop and its mirror image, as a prediction with the run does; never
            without left-right pairs.
        data: images to check and calibrate with, in place of the run's own.
        quiet: no progress bar.
        say: is told what is being done.

    Returns:
        the exported network; its description has the figures.

    Raises:
        ConfigError: an option is not known or does not fit.
        DataError: the run has no trained network, or no image can be read.
        PointillistError: a library is missing, the network cannot be written, or the written
            file's points differ from PyTorch's by more than 1e-3 pixels. Nothing is left then.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    out = _check(run, format, out, precision)
    for library in _LIBRARIES[format]:
        import_library(library)
    options = run.config.input
    model = CropPoints(
        run.network(),
        run.skeleton,
        decoding=options.decoding,
        flip=flip,
        copies=options.copies,
        smoothing=options.smoothing,
        sigma=options.sigma,
        calibration=run.calibration,
    ).eval()
    reference = find_reference(run, data)
    spec = CropSpec(options.width, options.height, options.margin)
    checked = read_crops(reference.checked, spec, CHECKED)
    with tempfile.TemporaryDirectory(prefix="pointillist-") as name:
        folder = Path(name)
        say(f"writing {out.name}")
        plain = folder / "plain.onnx"
        opset = write_onnx(model, spec.size, plain, dynamic_batch=dynamic_batch)
        description = _describe(run, model, format, dynamic_batch, opset)
        exact = ExportedModel(_converted(plain, format), description, run.skeleton)
        say(f"comparing it with PyTorch on {len(checked)} crops")
        description.equality = _compared(model, exact, checked)
        final = exact
        if precision != "float32":
            path = exact.path
            if precision == "int8":
                crops = read_crops(reference.calibration, spec, CALIBRATED)
                say(f"calibrating 8 bits on {len(crops)} crops")
                quantize(plain, folder / "small.onnx", crops)
                path = _converted(folder / "small.onnx", format)
            about = description.model_copy(update={"precision": precision})
            final = ExportedModel(path, about, run.skeleton)
            about.pck = _scores(exact, final, reference, quiet=quiet, say=say)
        _place(final, out)
    return ExportedModel(out, final.description, run.skeleton)


def _check(run: Run, format: Format, out: str | Path | None, precision: Precision) -> Path:
    """Where to write; options that do not fit are refused."""
    for kind, value, known in (
        ("format", format, list(SUFFIXES)),
        ("precision", precision, list(_ENDINGS)),
    ):
        if value not in known:
            raise ConfigError(f"there is no {kind} '{value}'", do=did_you_mean(value, known))
    if precision == "bfloat16" and format != "openvino":
        raise ConfigError("onnxruntime does not compute in bfloat16", do="OpenVINO does.")
    suffix = SUFFIXES[format]
    if out is None:
        return run.path / "export" / f"model{_ENDINGS[precision]}{suffix}"
    if Path(out).suffix.lower() != suffix:
        raise ConfigError(f"a file for {format} ends with {suffix}, '{out}' does not")
    return Path(out)


def _converted(file: Path, format: Format) -> Path:
    """An ONNX file in the format that is wanted."""
    if format == "onnx":
        return file
    target = file.with_suffix(SUFFIXES[format])
    write_openvino(file, target)
    return target


def _describe(
    run: Run, model: CropPoints, format: Format, dynamic_batch: bool, opset: int
) -> Description:
    options: InputOptions = run.config.input
    network = model.network
    points = f"(batch, {len(run.skeleton)}, 2) float32, x and y in input pixels; the centre of the"
    versions = {
        name: metadata.version(name) for name in ("pointillist", "torch", *_LIBRARIES[format])
    }
    return Description(
        format=format,
        precision="float32",
        run=run.path.resolve().name,
        input=InputDescription(
            width=options.width, height=options.height, batch="any" if dynamic_batch else 1
        ),
        outputs={
            "points": f"{points} top-left one is at (0.5, 0.5)",
            "confidence": f"(batch, {len(run.skeleton)}) float32, 0 to 1, "
            + (
                "height of the peak"
                if model.shares is None
                else "calibrated: share of right points"
            ),
        },
        skeleton=run.skeleton.values(),
        margin=options.margin,
        trained_on_boxes=needs_boxes(run),
        mean=list(network.mean),
        std=list(network.std),
        stride=network.stride,
        decoding=options.decoding,
        flip=model.flip_order is not None,
        opset=opset,
        versions=versions,
        equality={},
    )


def _compared(model: CropPoints, exact: ExportedModel, crops: np.ndarray) -> dict[str, Any]:
    """How near the float32 file is to PyTorch; too far is an error."""
    equality = compare(model, exact.backend(), crops)
    if not equality.holds:
        raise PointillistError(
            f"the exported network's points differ from PyTorch's by up to {equality.largest:.2g} "
            f"pixels on {equality.crops} crops, and its confidences by {equality.confidence:.2g}; "
            f"{TOLERANCE:g} is allowed. The file was not kept",
            do="Try the other format, and please report this with the name of the backbone: "
            + model.network.backbone.name,
        )
    return equality.values()


def _scores(
    exact: ExportedModel,
    final: ExportedModel,
    reference: Reference,
    *,
    quiet: bool,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """PCK of the float32 file and of the faster one."""
    if not reference.truth.images:
        return {"reason": f"nothing is annotated in {reference.name}"}
    say(f"scoring float32 and {final.description.precision} on {reference.name}")
    result: dict[str, Any] = {"images": len(reference.truth), "of": reference.name}
    for model in (exact, final):
        scores, _, _ = evaluate(model, reference.truth, alphas=_ALPHAS, localize=False, quiet=quiet)
        names = [f"pck@{alpha:g}" for alpha in _ALPHAS]
        result[model.description.precision] = {name: scores[name]["value"] for name in names}
    return result


def _place(model: ExportedModel, out: Path) -> None:
    """Moves the files to their place; the description, without which they are nothing, comes last.

    So a file never lies beside the description of another.
    """
    described = description_path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    described.unlink(missing_ok=True)
    parts = [(model.path, out)]
    if model.description.format == "openvino":
        parts.insert(0, (model.path.with_suffix(".bin"), out.with_suffix(".bin")))
    for source, target in parts:
        with whole_file(target) as temporary:
            shutil.copyfile(source, temporary)
    write_json(described, model.description.model_dump(mode="json"), indent=1)
