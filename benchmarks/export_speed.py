"""Speed of exported files against eager PyTorch, in the same run.

    python benchmarks/export_speed.py [--rounds 5] [--seconds 0.5] [--out FILE]

Whole predictions of prepared uint8 crops, flip test included, from crop to point, 1 and 16 crops
at a time, by the backends that ``pointillist predict`` uses. The yardstick is eager PyTorch in
float32 in its usual memory layout, with the same network. Rounds alternate, so that a machine
whose speed drifts treats all alike: rates are medians over rounds, and a ratio is the median of
the ratios of each round. The networks are random: their speed does not depend on what they learnt.

A network is written once, checked against PyTorch as always, and the other files are made from
that one, as an export makes them. What the processor cannot do is left out. It takes four minutes
on two idle cores; the result goes to ``benchmarks/results/speed/export.json``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pointillist.backend import TorchBackend
from pointillist.callbacks import save_network
from pointillist.config import Config, make_config
from pointillist.crops import CropSpec
from pointillist.dataset import Dataset
from pointillist.exported import SUFFIXES, ExportedModel, Format, Precision
from pointillist.exporting import export
from pointillist.exporting.graph import write_openvino
from pointillist.exporting.quantization import quantize
from pointillist.exporting.reference import read_crops
from pointillist.files import write_json
from pointillist.models.localizer import create_localizer
from pointillist.points import CropPoints, predict_heatmaps
from pointillist.run import Run, environment
from pointillist.samples import all_samples
from pointillist.synthetic import SKELETON, make_dataset

#: The two networks of the target.
NETWORKS = {
    "cpu preset": ["model.backbone=resnet18", "input.width=128", "input.height=128"],
    "HRNet-W32": ["model.backbone=hrnet_w32", "input.width=256", "input.height=256"],
}
#: Name -> (format, precision) and the least multiple of eager PyTorch's rate.
EXPORTS: dict[str, tuple[Format, Precision, float]] = {
    "onnx float32": ("onnx", "float32", 1.5),
    "onnx int8": ("onnx", "int8", 2.5),
    "openvino float32": ("openvino", "float32", 1.5),
    "openvino int8": ("openvino", "int8", 2.5),
    "openvino bfloat16": ("openvino", "bfloat16", 2.5),
}
BATCHES = (1, 16)
EAGER = "pytorch eager float32"

Predict = Callable[[np.ndarray], Any]


def make_run(config: Config, folder: Path) -> Run:
    """A run with a random network."""
    run = Run.create(folder, config, SKELETON)
    torch.manual_seed(0)
    network = create_localizer(config.model, len(SKELETON))
    torch.nn.init.normal_(network.head.heatmaps.weight, std=0.05)
    save_network(network, run.weights)
    return run


def eager(model: CropPoints) -> Predict:
    """What a plain script does: float32, contiguous, no mixed precision."""

    @torch.inference_mode()
    def predict(crops: np.ndarray) -> None:
        images = torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous().float()
        images = images * model.scale + model.offset
        model.decode(predict_heatmaps(model.network, images, model.flip_order))

    return predict


def write_files(run: Run, data: Dataset) -> dict[str, ExportedModel]:
    """One file for each of ``EXPORTS`` that this processor can compute, and its description."""
    folder = run.path / "export"
    exact = export(run, "onnx", folder / "float32.onnx", data=data, say=print)
    options = run.config.input
    spec = CropSpec(options.width, options.height, options.margin)
    small = folder / "int8.onnx"
    quantize(exact.path, small, read_crops(all_samples(data), spec, len(data)))
    for source in (exact.path, small):
        write_openvino(source, source.with_suffix(".xml"))
    models = {}
    for name, (format, precision, _) in EXPORTS.items():
        if precision == "bfloat16" and "BF16" not in abilities():
            continue
        path = (small if precision == "int8" else exact.path).with_suffix(SUFFIXES[format])
        about = exact.description.model_copy(update={"format": format, "precision": precision})
        models[name] = ExportedModel(path, about, run.skeleton)
    return models


def seconds(predict: Predict, crops: np.ndarray, times: int) -> float:
    """That so many calls take."""
    start = time.perf_counter()
    for _ in range(times):
        predict(crops)
    return time.perf_counter() - start


def measure(
    sides: dict[str, Predict], crops: np.ndarray, rounds: int, least: float
) -> dict[str, dict[str, float]]:
    """Crops per second of every side, and how many times the yardstick's rate that is.

    Args:
        sides: what is to be compared, taken in turn.
        crops: of one call.
        rounds: how many turns.
        least: how long a side works in its turn, in seconds; at least one call.
    """
    times = {}
    for name, predict in sides.items():
        predict(crops)  # warms up
        times[name] = max(1, round(least / seconds(predict, crops, 1)))
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, predict in sides.items():
            rates[name].append(times[name] * len(crops) / seconds(predict, crops, times[name]))
    ratios = {
        name: [mine / eager for mine, eager in zip(values, rates[EAGER], strict=True)]
        for name, values in rates.items()
    }
    return {
        "crops_per_second": {n: round(statistics.median(v), 1) for n, v in rates.items()},
        "times_eager": {n: round(statistics.median(v), 2) for n, v in ratios.items()},
    }


def compare(
    settings: list[str], data: Dataset, folder: Path, rounds: int, least: float
) -> dict[str, Any]:
    """All figures of one network."""
    config = make_config(sets=settings)
    run = make_run(config, folder)
    options = config.input
    spec = CropSpec(options.width, options.height, options.margin)
    crops = read_crops(all_samples(data), spec, max(BATCHES))
    model = CropPoints(run.network(), run.skeleton, decoding=options.decoding, flip=True).eval()
    models = write_files(run, data)
    sides: dict[str, Predict] = {
        EAGER: eager(model),
        "pointillist in pytorch": TorchBackend(run.network(), run.skeleton, options, device="cpu"),
        **{name: exported.backend() for name, exported in models.items()},
    }
    batches = {}
    for batch in BATCHES:
        batches[str(batch)] = measure(sides, crops[:batch], rounds, least)
        print(f"{batch} at a time: {batches[str(batch)]}", flush=True)
    return {
        "backbone": config.model.backbone,
        "size": options.width,
        "equality": next(iter(models.values())).description.equality,
        "batches": batches,
    }


def abilities() -> list[str]:
    """What OpenVINO can make use of in this processor."""
    import openvino

    return list(openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def processor() -> dict[str, Any]:
    """What the processor can do, and how busy it is."""
    flags: list[str] = []
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        line = next(x for x in cpuinfo.read_text(encoding="utf-8").splitlines() if "flags" in x)
        wanted = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8")
        flags = [flag for flag in wanted if flag in line.split()]
    load = [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None
    return {"flags": flags, "threads": torch.get_num_threads(), "load_average": load}


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each side in each round")
    parser.add_argument("--only", choices=NETWORKS, help="one network")
    here = Path(__file__).parent / "results" / "speed" / "export.json"
    parser.add_argument("--out", type=Path, default=here)
    arguments = parser.parse_args()
    before, started = processor(), time.monotonic()
    networks = {}
    with tempfile.TemporaryDirectory() as name:
        # Unlabelled images: they serve to check and calibrate, and there is nothing to score.
        images = max(BATCHES)
        data = make_dataset(Path(name) / "data", images, seed=0, size=(320, 240), labeled=0)
        for title, settings in NETWORKS.items():
            if arguments.only in (None, title):
                folder = Path(name) / title.replace(" ", "-")
                networks[title] = compare(
                    settings, data, folder, arguments.rounds, arguments.seconds
                )
    result = {
        "flip": True,
        "rounds": arguments.rounds,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "targets": {name: least for name, (_, _, least) in EXPORTS.items()},
        "networks": networks,
        "processor": before | {"load_average_after": processor()["load_average"]},
    }
    around = environment()
    around["versions"] |= {name: metadata.version(name) for name in ("onnxruntime", "openvino")}
    result |= {key: around[key] for key in ("commit", "versions", "machine")}
    write_json(arguments.out, result, indent=1)
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
