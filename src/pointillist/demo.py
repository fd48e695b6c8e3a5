"""The demonstration: built-in creatures, few labels, a network trained from nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointillist.config import make_config
from pointillist.dataset import Dataset
from pointillist.errors import ConfigError
from pointillist.files import whole_file, write_json
from pointillist.formats import open_dataset
from pointillist.inference import evaluate, evaluate_one_look
from pointillist.report.evaluation import write_report
from pointillist.report.html import photograph
from pointillist.report.pictures import contact_sheet, side_by_side
from pointillist.run import Run
from pointillist.samples import read_pixels
from pointillist.split import split_dataset
from pointillist.synthetic import make_dataset
from pointillist.training import train

#: Images to train on, of which 5 % are labelled; to validate on; to test on.
PARTS = {"train": 1200, "val": 100, "test": 300}
LABELED = "5%"

#: What is compared, with the same steps.
METHODS = ("supervised", "auto")

#: The picture of all methods side by side, how many creatures are in it and how many in a row,
#: and the pixels of each.
COMPARISON, CREATURES, ACROSS, CELL = "side-by-side.jpg", 6, 2, 192

#: What they share; the crops too, which auto would plan for itself.
_CONFIG: dict[str, Any] = {
    "input": {"width": 80, "height": 80, "sigma": 1.0, "margin": 1.25},
    "model": {"backbone": "resnet18"},
    "training": {"validate_every": 250, "learning_rate": 2e-3, "schedule": "constant"},
}


@dataclass
class Outcome:
    """What one method reached.

    Args:
        method: its name.
        metrics: scores on the test images.
        one_look: PCK@0.1 on them without mirror image, copies and smoothing.
        minutes: of training.
        folder: of the run.
    """

    method: str
    metrics: dict[str, Any]
    one_look: float
    minutes: float
    folder: Path


def run_demo(
    folder: Path, *, steps: int = 2000, seed: int = 0, quiet: bool = False,
    say: Callable[[str], None] = print,
) -> list[Outcome]:  # fmt: skip
    """Draws the data, trains, scores, and writes pictures and a page.

    Args:
        folder: for everything; what is there already is used again.
        steps: of each training.
        seed: of data, labels and training.
        quiet: no progress bars.
        say: is told what happens.

    Returns:
        one outcome for each method.

    Raises:
        ConfigError: the folder has a training of another length.
    """
    data = _data(folder / "data", seed, say)
    start = 0
    ranges = {}
    for name, count in PARTS.items():
        ranges[name] = (start, start + count)
        start += count
    parts = split_dataset(data, ranges=ranges, labeled=LABELED, seed=seed)
    say(f"{len(parts.labeled)} labelled and {len(parts.unlabeled)} unlabelled creatures")
    outcomes, predictions = [], []
    for method in METHODS:
        say(f"training: {method}")
        run_folder = folder / method
        config = make_config(
            values=_CONFIG | {"method": method}, sets=[f"training.max_steps={steps}"]
        )
        resume = (run_folder / "problems.txt").exists()
        if resume and (begun := Run.open(run_folder).config.training.max_steps) != steps:
            raise ConfigError(
                f"there is a demonstration of {begun:,} steps, not {steps:,}",
                where=folder,
                do=f"Continue it with --steps {begun}, or choose another folder with -o.",
            )
        run = train(
            None if resume else parts.labeled,
            run_folder,
            unlabeled=[] if resume else [parts.unlabeled],
            val=None if resume else parts.val,
            config=config,
            resume=resume,
            quiet=quiet,
        )
        scores, truth, predicted = evaluate(run, parts.test, quiet=quiet)
        write_report(
            folder / "report" / method,
            scores,
            truth,
            predicted,
            title=f"pointillist demo: {method}",
            intro=f"Trained on {len(parts.labeled)} labelled of {PARTS['train']} built-in "
            f"creatures, from random weights; scored on {PARTS['test']} others.",
            config=run.config.model_dump(mode="json"),
        )
        predictions.append(predicted)
        once = evaluate_one_look(run, parts.test)["pck@0.1"]["value"]
        outcomes.append(Outcome(method, scores, once, run.metrics["minutes"], run_folder))
    pictures = side_by_side(truth, predictions, read=read_pixels, count=CREATURES)
    titles = METHODS * ACROSS
    sheet = photograph(contact_sheet(pictures, len(titles), titles=titles, cell=CELL), "")
    with whole_file(folder / COMPARISON) as file:
        file.write_bytes(sheet.data)
    write_json(
        folder / "results.json",
        {
            o.method: {
                "minutes": o.minutes,
                "metrics": o.metrics,
                "one_look": {"pck@0.1": {"value": o.one_look}},
            }
            for o in outcomes
        },
        indent=1,
    )
    return outcomes


def _data(folder: Path, seed: int, say: Callable[[str], None]) -> Dataset:
    if (folder / "annotations.json").exists():
        return open_dataset(folder / "annotations.json", "coco")
    # Without annotations it is what an interrupted drawing left behind, and of no use.
    shutil.rmtree(folder, ignore_errors=True)
    say(f"drawing {sum(PARTS.values())} creatures")
    return make_dataset(folder, sum(PARTS.values()), seed)
