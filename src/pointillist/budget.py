"""How much more labels would bring: short trainings on fewer of them, and a curve through these."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from pointillist.boxes.data import with_boxes
from pointillist.config import Config, validate
from pointillist.dataset import Dataset
from pointillist.errors import DataError
from pointillist.inference import evaluate
from pointillist.learning_curve import ALPHA, LearningCurve
from pointillist.methods import get_method
from pointillist.metrics import lengths_of, match
from pointillist.run import Run
from pointillist.training import train
from pointillist.training_data import TrainingData

#: Shares of the labelled images that are trained on.
SHARES = (0.25, 0.5, 1.0)
#: A training on fewer images than this says nothing of one on many.
FEWEST = 4
#: Optimiser steps of each training, where the run had more.
STEPS = 1500
#: Of the time that each training has, this share is for reading images and for its steps; the rest
#: is for scoring.
TRAINING_SHARE = 0.8


def budget(
    run: Run | str | Path,
    *,
    steps: int | None = None,
    max_minutes: float = 30.0,
    seeds: int = 2,
    device: str = "auto",
    quiet: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> LearningCurve:
    """Trains on nested subsets of a run's labelled images and scores each on its validation part.

    The trainings lie in the run's folder, ``budget/``; one that has finished is used again. All
    have the run's config but for their length: the same for all, or they could not be compared.
    Where the first one's share of the time ends before its steps, all have as many as it reached.

    Args:
        run: a finished training that has validation images.
        steps: of each training; none: the run's, at most :data:`STEPS`.
        max_minutes: for all trainings together.
        seeds: nested orders of the images, each trained with a seed of its own.
        device: to score on; training chooses as the run did.
        quiet: no progress bars.
        say: is told what happens.

    Raises:
        DataError: the run has too few labelled images, or nothing to validate on.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    data = TrainingData.open(run.path / "split")
    sizes = subset_sizes(len(data.labeled))
    if sizes[0] < FEWEST:
        raise DataError(
            f"{len(data.labeled)} labelled images are too few for a learning curve",
            where=run.path,
            do=f"{round(FEWEST / SHARES[0])} are needed at least.",
        )
    if not data.val.labeled:
        raise DataError(
            "this run has no validation images, so nothing to measure a learning curve by",
            where=run.path,
            do="Train with --val, or with more labelled images: some are then held out.",
        )
    if run.config.localize:  # it is the points whose learning is measured, in the labels' boxes
        data = replace(data, labeled=with_boxes(data.labeled), val=with_boxes(data.val))
    asked = steps = steps or min(run.config.training.max_steps, STEPS)
    cells = [(size, seed) for seed in range(seeds) for size in sizes]
    names = [f"{size}-of-{len(data.labeled)}-seed{seed}" for size, seed in cells]
    folders = [run.path / "budget" / name for name in names]
    # Where all are kept, the time has no say; else the first one finds out what there is time for.
    complete = all(_fits(folder, steps, None) for folder in folders)
    minutes = None if complete else TRAINING_SHARE * max_minutes / len(cells)
    own, counted = wrong_points(run.path, data.val, device)
    wrong = []
    for number, ((size, seed), folder) in enumerate(zip(cells, folders, strict=True), start=1):
        say(f"[{number}/{len(cells)}] {size} labelled images, seed {seed}")
        reached = _train(run, data, size, seed, folder, steps, minutes, quiet=quiet)
        if reached < steps:
            steps = reached
            say(f"the time limit leaves no room for {asked:,} steps: all trainings have {steps:,}")
        minutes = None
        wrong.append(wrong_points(folder, data.val, device)[0])
    return LearningCurve(
        sizes=np.array([size for size, _ in cells]),
        seeds=np.array([seed for _, seed in cells]),
        wrong=np.array(wrong),
        counted=counted,
        labeled=len(data.labeled),
        own=own,
        steps=steps,
        asked=asked,
    )


def subset_sizes(labeled: int) -> list[int]:
    """How many images the subsets have: :data:`SHARES` of all."""
    return [round(share * labeled) for share in SHARES]


def wrong_points(
    run: Run | str | Path, val: Dataset, device: str = "auto"
) -> tuple[np.ndarray, np.ndarray]:
    """Of each validation image: points that a run gets wrong, and points that count, (I,) each.

    The same points count for every run: those of images that can be read, in instances whose box
    has a length.
    """
    _, truth, predicted = evaluate(run, val, alphas=(ALPHA,), device=device, localize=False)
    pairs = match(truth, predicted, paired=True).pairs
    lengths = lengths_of(pairs, "bbox").values
    counts = pairs.annotated & (lengths > 0)[:, None]
    with np.errstate(invalid="ignore"):
        right = pairs.distances <= ALPHA * lengths[:, None]
    return tuple(  # type: ignore[return-value]
        np.bincount(pairs.image, weights=part.sum(axis=1), minlength=pairs.images)
        for part in (counts & ~right, counts)
    )


def _train(
    run: Run,
    data: TrainingData,
    size: int,
    seed: int,
    folder: Path,
    steps: int,
    minutes: float | None,
    *,
    quiet: bool,
) -> int:
    """One short training, unless it is there already; one that was killed is continued.

    Returns:
        the steps that it has: fewer than asked for if ``minutes`` have ended it.
    """
    training = run.config.training.model_copy(
        update={"max_steps": steps, "max_minutes": minutes, "seed": seed, "validate_every": steps}
    )
    config = run.config.model_copy(update={"training": training, "localize": False})
    # Every option counts as given: what the run was not planned with is not planned now.
    options = validate(get_method(config.method).Options, config.method_options)
    options = options.by_the_clock()  # as the first one is: they are to be alike
    config = validate(
        Config, config.model_dump() | {"method_options": options.model_dump(mode="json")}
    )
    started = _fits(folder, steps, minutes)
    if not started:
        shutil.rmtree(folder, ignore_errors=True)
    chosen = np.random.default_rng([seed, 6]).permutation(len(data.labeled))[:size]
    short = train(
        None if started else data.labeled.subset(data.labeled[int(i)] for i in sorted(chosen)),
        folder,
        unlabeled=[] if started else [data.unlabeled],
        val=None if started else data.val,
        config=None if started else config,
        resume=started,
        quiet=quiet,
    )
    return int(short.metrics["steps"])


def _fits(folder: Path, steps: int, minutes: float | None) -> bool:
    """Whether a training that is there, finished or not, has the length that is asked for now."""
    if not (folder / "problems.txt").exists():
        return False
    run = Run.open(folder)
    training, ended = run.config.training, run.metrics
    if (training.max_steps, training.max_minutes) == (steps, minutes):
        return True
    if ended.get("status") != "finished" or ended["steps"] != steps:
        return False
    return minutes is None or ended["minutes"] <= minutes
