"""Runs the cells of a protocol's grid: each once, a killed one continued."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointillist.benchmark.protocol import Protocol
from pointillist.dataset import Dataset
from pointillist.files import read_json, write_json
from pointillist.inference import evaluate
from pointillist.run import environment
from pointillist.split import split_dataset
from pointillist.training import train


@dataclass(frozen=True)
class Cell:
    """One training: a method on a share of the labels with a seed."""

    method: str
    fraction: float
    seed: int

    @property
    def name(self) -> str:
        """Name of its result file and run folder."""
        return f"{self.method}-{self.fraction:g}-seed{self.seed}"


def cells(
    methods: Sequence[str], fractions: Sequence[float], seeds: int | Iterable[int]
) -> list[Cell]:
    """The grid, in an order in which every row gets its first seed before any its second."""
    numbers = range(seeds) if isinstance(seeds, int) else seeds
    return [Cell(m, f, s) for s in numbers for f in fractions for m in methods]


def run_grid(
    protocol: Protocol,
    grid: Sequence[Cell],
    *,
    results: Path,
    runs: Path,
    training: dict[str, Any] | None = None,
    keep_runs: bool = False,
    quiet: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Trains and scores every cell that has no result yet.

    Args:
        protocol: data, split and options.
        grid: which cells.
        results: folder for ``<protocol>/<cell>.json``.
        runs: folder for the trainings; one that was killed is continued from there.
        training: training options over the protocol's, ``max_steps`` for example.
        keep_runs: leave the trainings' folders where they are.
        quiet: no progress bars.
        say: is told what happens.
    """
    dataset: Dataset | None = None
    for number, cell in enumerate(grid, start=1):
        file = results / protocol.name / f"{cell.name}.json"
        if file.exists():
            say(f"[{number}/{len(grid)}] {cell.name}: done before")
            continue
        say(f"[{number}/{len(grid)}] {cell.name}")
        dataset = dataset if dataset is not None else protocol.open_data()
        folder = runs / protocol.name / cell.name
        result = run_cell(protocol, cell, dataset, folder, training or {}, quiet=quiet)
        write_json(file, result, indent=1)
        figure = result["metrics"][protocol.metric]["value"]
        say(f"    {protocol.metric} {100 * figure:.2f} after {result['minutes']:.1f} min")
        if not keep_runs:
            shutil.rmtree(folder)


def run_cell(
    protocol: Protocol,
    cell: Cell,
    dataset: Dataset,
    folder: Path,
    training: dict[str, Any],
    *,
    quiet: bool,
) -> dict[str, Any]:
    """Trains one cell, or continues it, and scores it on the test part."""
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
        unlabeled=[] if started else [parts.unlabeled],
        val=None if started else parts.val,
        config=None if started else config,
        resume=started,
        quiet=quiet,
    )
    scores, _, _ = evaluate(run, parts.test, flip=protocol.flip_test, quiet=quiet)
    ended = run.metrics
    around = environment()
    used = run.config.model_dump(mode="json")
    # A result is read on other machines: the name below the folder of weights, not this one's path.
    used["model"]["weights"] = protocol.weights
    return {
        "protocol": protocol.name,
        "method": cell.method,
        "fraction": cell.fraction,
        "seed": cell.seed,
        "steps": ended["steps"],
        "minutes": ended["minutes"],
        "best_val_pck@0.1": ended["best_val_pck@0.1"],
        "best_step": ended["best_step"],
        "metrics": scores,
        "dataset": ended["dataset"] | {"test": len(parts.test)},
        "config": used,
        "commit": around["commit"],
        "versions": around["versions"],
        "machine": around["machine"],
    }


def load_results(results: Path, protocol: str) -> list[dict[str, Any]]:
    """Every result of a protocol, in the order of file names."""
    return [read_json(file) for file in sorted((results / protocol).glob("*.json"))]
