"""A cell of a protocol's grid: one training, and what there is to do for its result."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from pointillist.benchmark.protocol import Protocol
from pointillist.config import read_yaml
from pointillist.dataset import Dataset
from pointillist.errors import ConfigError, DataError, PointillistError
from pointillist.files import read_json, write_json
from pointillist.inference import evaluate, evaluate_one_look
from pointillist.lock import FolderLock
from pointillist.methods import get_method
from pointillist.run import environment
from pointillist.split import split_dataset
from pointillist.training import train


@dataclass(frozen=True)
class Cell:
    """One training: a row of the protocol on a share of the labels with a seed.

    Args:
        method: the row.
        fraction: percent of the training images that keep their labels.
        seed: of the choice of these images, and of the training.
        unlabeled: percent of the other training images that are there without labels; 0: none.
    """

    method: str
    fraction: float
    seed: int
    unlabeled: float = 100

    @property
    def name(self) -> str:
        """Name of its result file and run folder."""
        part = "" if self.unlabeled == 100 else f"-unlabeled{self.unlabeled:g}"
        return f"{self.method}-{self.fraction:g}{part}-seed{self.seed}"


def cells(
    protocol: Protocol,
    rows: Sequence[str],
    fractions: Sequence[float],
    seeds: int | Iterable[int],
    unlabeled: Sequence[float] = (100,),
) -> list[Cell]:
    """The grid, in an order in which every row gets its first seed before any its second.

    A row that learns from no unlabelled image, or a share of labels that leaves none in a protocol
    that has no others, has no need of several amounts of them and is there once. A method that is
    nothing without them is left out where there are none or none are used.

    Raises:
        ConfigError: a share is none, a row is not known, or nothing is left.
    """
    for share in fractions:
        if not 0 < share <= 100:
            raise ConfigError(
                f"fractions: {share:g} is no percentage above 0", do="Give 5 for 5 %, 100 for all."
            )
    for share in unlabeled:
        if not 0 <= share <= 100:
            raise ConfigError(
                f"unlabeled: {share:g} is no percentage", do="Give 10 for 10 %, 0 for none."
            )
    others = "unlabeled" in protocol.data.files
    kinds = {row: get_method(protocol.method_of(row)) for row in rows}
    grid: dict[Cell, None] = {}
    for seed in range(seeds) if isinstance(seeds, int) else seeds:
        for fraction in fractions:
            some = fraction < 100 or others
            for row, kind in kinds.items():
                if kind.needs_unlabeled and not some:
                    continue
                several = kind.uses_unlabeled and some
                for share in unlabeled if several else (100,):
                    if share or not kind.needs_unlabeled:
                        grid[Cell(row, fraction, seed, share)] = None
    if not grid:
        raise ConfigError(
            f"without unlabelled images there is nothing for {', '.join(rows)} to learn from"
        )
    return list(grid)


class CellTaken(PointillistError):
    """Another process is at this cell."""


class Work(BaseModel):
    """One cell and all that is needed to run it, in this process or another one.

    Args:
        protocol: data, split and options.
        cell: which of its grid.
        results: folder for ``<protocol>/<cell>.json``.
        runs: folder for ``<protocol>/<cell>/``, the training.
        training: training options over the protocol's.
        keep_run: the training's folder stays where it is.
        quiet: no progress bars.
    """

    protocol: Protocol
    cell: Cell
    results: Path
    runs: Path
    training: dict[str, Any] = {}
    keep_run: bool = False
    quiet: bool = True

    @property
    def file(self) -> Path:
        """The result."""
        return self.results / self.protocol.name / f"{self.cell.name}.json"

    @property
    def folder(self) -> Path:
        """The training."""
        return self.runs / self.protocol.name / self.cell.name

    @property
    def log(self) -> Path:
        """What a failed cell had to say."""
        return self.runs / self.protocol.name / f"{self.cell.name}.log"

    def check(self) -> None:
        """Looks at the options, and at what is there of the cell already.

        Raises:
            ConfigError: an option is wrong, or a result or a begun training is there that is
                longer or shorter than what is wanted.
        """
        wanted = self.protocol.config_for(self.cell.method, self.cell.seed, self.training).training
        begun = self.folder / "config.yaml"
        if self.file.exists():
            there, values = self.file, read_json(self.file)["config"]
        elif begun.exists():
            there, values = self.folder, read_yaml(begun)
        else:
            return
        for name, unit in (("max_steps", "steps"), ("max_minutes", "minutes")):
            found, needed = values["training"].get(name), getattr(wanted, name)
            if found != needed:
                have, want = ("no limit" if n is None else f"{n:,}" for n in (found, needed))
                raise ConfigError(
                    f"{self.cell.name} is there with other {unit}: {have}, not {want}",
                    where=there,
                    do="Remove it, or choose other folders with --results and --runs.",
                )

    def lock(self) -> FolderLock:
        """Holds the cell for this process.

        Raises:
            CellTaken: another one has it.
        """
        folder = self.runs / self.protocol.name / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return FolderLock(
                folder / f"{self.cell.name}.lock", busy="another benchmark is at it", do=""
            )
        except DataError as error:
            raise CellTaken(error.what) from None

    def run(self, dataset: Dataset | None = None) -> None:
        """Trains and scores the cell, unless that is done, and writes its result.

        Args:
            dataset: the protocol's data, where it is open already.

        Raises:
            CellTaken: another process is at it.
            TrainingInterrupted: what was done is saved; run again, the cell is continued.
        """
        lock = self.lock()
        try:
            if not self.file.exists():  # whoever had the lock before may have finished it
                self.finish(self.result(dataset))
        finally:
            lock.release()

    def result(self, dataset: Dataset | None = None) -> dict[str, Any]:
        """Trains the cell, or continues it, and scores it on the test part."""
        dataset = dataset if dataset is not None else self.protocol.open_data()
        return run_cell(
            self.protocol, self.cell, dataset, self.folder, self.training, quiet=self.quiet
        )

    def finish(self, result: dict[str, Any]) -> None:
        """Writes the result and clears away what led to it."""
        write_json(self.file, result, indent=1)
        if not self.keep_run:
            shutil.rmtree(self.folder, ignore_errors=True)


def run_cell(
    protocol: Protocol,
    cell: Cell,
    dataset: Dataset,
    folder: Path,
    training: dict[str, Any],
    *,
    quiet: bool,
) -> dict[str, Any]:
    """Trains one cell in a folder, or continues it, and scores it on the test part."""
    rule = protocol.split
    parts = split_dataset(
        dataset,
        ranges=rule.ranges,
        groups=rule.groups,
        labeled=f"{cell.fraction:g}%",
        seed=cell.seed,
    )
    config = protocol.config_for(cell.method, cell.seed, training)
    started = (folder / "problems.txt").exists()
    if not started:  # what a kill left before the run was complete is of no use
        shutil.rmtree(folder, ignore_errors=True)
    run = train(
        None if started else parts.labeled,
        folder,
        unlabeled=[] if started else [some_of(parts.unlabeled, cell.unlabeled, cell.seed)],
        val=None if started else parts.val,
        config=None if started else config,
        resume=started,
        quiet=quiet,
    )
    scores, _, _ = evaluate(run, parts.test, flip=protocol.flip_test, quiet=quiet)
    once = scores
    if protocol.flip_test or run.config.input.copies or run.config.input.smoothing:
        once = evaluate_one_look(run, parts.test, quiet=quiet)
    ended = run.metrics
    around = environment()
    return {
        "protocol": protocol.name,
        "method": cell.method,
        "fraction": cell.fraction,
        "unlabeled": cell.unlabeled,
        "seed": cell.seed,
        "steps": ended["steps"],
        "minutes": ended["minutes"],
        "best_val_pck@0.1": ended["best_val_pck@0.1"],
        "best_step": ended["best_step"],
        "teacher": ended["teacher"],
        "metrics": scores,
        # As the ICLR 2021 paper scores.
        "one_look": {protocol.metric: {k: once[protocol.metric][k] for k in ("value", "ci95")}},
        "dataset": ended["dataset"] | {"test": len(parts.test)},
        "config": protocol.portable(cell.method, run.config),
        "commit": around["commit"],
        "versions": around["versions"],
        "machine": around["machine"],
    }


def some_of(dataset: Dataset, percent: float, seed: int) -> Dataset:
    """The first images of one random order, so that for one seed a smaller share lies within
    every larger one; they keep the order that they have in the data set. Of 0 percent it is none,
    of more at least one."""
    if percent == 100:
        return dataset
    count = max(1, round(len(dataset) * percent / 100)) if percent else 0
    chosen = np.random.default_rng([seed, 2]).permutation(len(dataset))[:count]
    return dataset.subset([dataset[i] for i in sorted(chosen.tolist())], dataset.name)
