"""A few labelled frames and many without: pixel error of ``auto`` against ``supervised``.

- ``ultrasound``: 30 labelled frames of the training recordings, their other frames without
  labels; tuned on two recordings, scored on four others.
- ``mirror_mouse``: 20 labelled frames and 200 frames of the video; three more are the validation
  set, without which ``train`` would hold out some of the 20; scored on the other labelled frames,
  which are others for every seed.

``auto_missing_absent`` learns, too, that points without annotation in a labelled object cannot be
seen (``train --missing-absent``): of the mouse's frames two in five show no obstacle.

Networks are scored predicting from one look (and its mirror image), and from copies, smoothed,
both methods alike. Those of the last step are taken: validation, which is not before, chooses
nothing. One JSON file for each training; what is there is never run again, what was stopped
(Ctrl-C, SIGTERM) continues.

    POINTILLIST_DATA=... POINTILLIST_WEIGHTS=... python benchmarks/few_frames.py
    python benchmarks/few_frames.py --table --render docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.benchmark.tables import fill_in, markdown
from pointillist.config import Config, make_config
from pointillist.dataset import Dataset
from pointillist.files import read_json, write_json, write_text
from pointillist.formats import open_dataset
from pointillist.inference import evaluate
from pointillist.methods.semantic_consistency import HARD
from pointillist.run import environment
from pointillist.split import split_dataset
from pointillist.training import train

HERE = Path(__file__).parent
#: What a method's name ends in where points that lack are taken for absent.
ABSENT = "_missing_absent"
METHODS = ("supervised", "auto", f"auto{ABSENT}")
LOOKS = {"one look": False, "copies": True}
ERRORS = {
    "mean error, px": "pixel_error_mean",
    "median, px": "pixel_error_median",
    "RMSE, px": "pixel_error_rmse",
}


@dataclass(frozen=True)
class Task:
    """What there is to learn from, and to score on."""

    labeled: Dataset
    unlabeled: list[Dataset | Path]
    val: Dataset
    test: Dataset


def ultrasound(data: Path, seed: int) -> Task:
    """30 frames, by recording."""
    groups = {
        "train": "rest",
        "val": "ArticulateAnonymized_09,TaL_1to8007",
        "test": "ArticulateAnonymized_10,ArticulateAnonymized_11,TaL_1to8008,Ultrax_TD_003",
    }
    parts = split_dataset(open_dataset(data / "ultrasound"), groups=groups, labeled=30, seed=seed)
    return Task(parts.labeled, [parts.unlabeled], parts.val, parts.test)


def mirror_mouse(data: Path, seed: int) -> Task:
    """20 frames and the video."""
    dataset = open_dataset(data / "mirror_mouse")
    frames = dataset.labeled
    order = np.random.default_rng(seed).permutation(len(frames))
    labeled, val, test = (
        dataset.subset(frames[i] for i in sorted(part)) for part in np.split(order, [20, 23])
    )
    videos: list[Dataset | Path] = [*sorted((data / "mirror_mouse" / "videos").glob("*.mp4"))]
    return Task(labeled, videos, val, test)


TASKS = {"ultrasound": ultrasound, "mirror_mouse": mirror_mouse}


def config_of(method: str, seed: int, options: argparse.Namespace) -> Config:
    """The small benchmarks' network; the camera stands still, so views turn little."""
    weights = Path(os.environ["POINTILLIST_WEIGHTS"]) / "resnet18.safetensors"
    turned = {"rotation": 20, "scale": 0.2}
    method = method.removesuffix(ABSENT)
    hard = {"hard": HARD.model_copy(update=turned).model_dump()} if method == "auto" else {}
    return make_config(
        values={
            "method": method,
            "method_options": hard,
            "input": {"width": options.size, "height": options.size, "sigma": 1.5},
            "model": {"backbone": "resnet18", "weights": str(weights), "frozen_stride": 4},
            "views": turned | {"color": 0.4, "erase": 0.5},
            "training": {
                "max_steps": options.steps,
                "validate_every": options.steps,
                "weight_decay": 0.1,
                "seed": seed,
            },
        }
    )


def run(name: str, method: str, seed: int, options: argparse.Namespace) -> None:
    """One training, unless its result is there."""
    file = Path(options.results) / f"{name}-{method}-seed{seed}.json"
    if file.exists():
        return
    task = TASKS[name](Path(os.environ["POINTILLIST_DATA"]), seed)
    folder = Path(options.runs) / file.stem
    started = (folder / "problems.txt").exists()
    if not started:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{file.stem}: {len(task.labeled)} labelled, {len(task.test)} to test", flush=True)
    trained = train(
        None if started else task.labeled,
        folder,
        unlabeled=() if started else task.unlabeled,
        val=None if started else task.val,
        config=None if started else config_of(method, seed, options),
        missing_absent=method.endswith(ABSENT),
        resume=started,
        quiet=True,
    )
    scores = {}
    config = trained.config.model_dump(mode="json")
    for look, copies in LOOKS.items():  # both networks both ways: copies are not the method's
        trained.config.input.copies = copies
        trained.config.input.smoothing = trained.config.input.sigma if copies else 0.0
        scores[look], truth, _ = evaluate(trained, task.test, missing_absent=True)
    around = environment()
    result: dict[str, Any] = {
        "data": name,
        "method": method,
        "seed": seed,
        "labeled": [str(image.path) for image in task.labeled],
        "images": trained.metrics["dataset"] | {"test": len(truth)},
        "steps": trained.metrics["steps"],
        "minutes": trained.metrics["minutes"],
        "metrics": scores,
        "config": config,
        **{key: around[key] for key in ("commit", "versions", "machine")},
    }
    result["config"]["model"]["weights"] = "resnet18.safetensors"
    write_json(file, result, indent=1)
    shutil.rmtree(folder)


def table(results: Path) -> str:
    """A Markdown table: pixels of the file, mean and standard deviation over seeds."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for file in sorted(results.glob("*.json")):
        result = read_json(file)
        found.setdefault((result["data"], result["method"]), []).append(result)
    rows = [["data", "labelled", "without", "method", "predicted from", *ERRORS, "seeds"]]
    for (data, method), cells in sorted(found.items(), key=lambda item: item[0], reverse=True):
        first = cells[0]["images"]
        counts = [str(first["labeled"]), f"{first['unlabeled']:,}"]
        for look in LOOKS:
            errors = []
            for name in ERRORS.values():
                values = [cell["metrics"][look][name]["value"] for cell in cells]
                spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
                errors.append(f"{np.mean(values):.2f}{spread}")
            rows.append([data, *counts, method, look, *errors, str(len(cells))])
    return markdown(rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--methods", nargs="+", default=METHODS[:2], choices=METHODS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--size", type=int, default=128, help="of the network's input, pixels")
    parser.add_argument("--steps", type=int, default=1500, help="of each training")
    parser.add_argument("--results", default=HERE / "results" / "few_frames")
    parser.add_argument("--runs", default=Path("runs/few_frames"), help="folder for the trainings")
    parser.add_argument("--table", action="store_true", help="train nothing, show what there is")
    parser.add_argument("--render", type=Path, help="page whose marked place gets the table")
    options = parser.parse_args()
    if not options.table:
        for seed in options.seeds:
            for name in options.data:
                for method in options.methods:
                    run(name, method, seed, options)
    shown = table(Path(options.results))
    print(shown)
    if options.render is not None:
        write_text(options.render, fill_in(options.render, "few_frames", shown))


if __name__ == "__main__":
    main()
