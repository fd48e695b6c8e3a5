"""Runs the cells of a protocol's grid: each once, a killed one continued, a failed one told."""

from __future__ import annotations

import contextlib
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointillist.benchmark.cells import Cell, CellTaken, Work
from pointillist.benchmark.protocol import Protocol
from pointillist.errors import ConfigError, PointillistError
from pointillist.files import read_json, write_text
from pointillist.training import TrainingInterrupted

Say = Callable[[str], None]


@dataclass(frozen=True)
class Ending:
    """How it ended with a cell.

    Args:
        work: the cell.
        problem: why it has no result; none: it has.
        taken: it has none because another process is at it.
        place: where it ran, if that is worth saying.
    """

    work: Work
    problem: str | None = None
    taken: bool = False
    place: str = ""


#: One for each cell, as they come; closed early, it stops what is running.
Endings = Generator[Ending, None, None]


class CellsFailed(PointillistError):
    """Some cells have no result; the others have theirs."""


class GridStopped(PointillistError):
    """The user stopped the grid; what was done is saved."""

    exit_code = 130


def run_grid(
    protocol: Protocol,
    grid: Sequence[Cell],
    *,
    results: Path,
    runs: Path,
    training: dict[str, Any] | None = None,
    jobs: int = 1,
    ray: str | None = None,
    keep_runs: bool = False,
    quiet: bool = False,
    say: Say = print,
) -> None:
    """Trains and scores every cell that has no result yet.

    Args:
        protocol: data, split and options.
        grid: which cells.
        results: folder for ``<protocol>/<cell>.json``.
        runs: folder for the trainings; one that was killed is continued from there.
        training: training options over the protocol's, ``max_steps`` for example.
        jobs: how many cells at a time, each in a process of its own that has its share of the
            cores; 1: one after the other in this process.
        ray: address of a Ray cluster to spread the cells over (``auto``, ``local``,
            ``ray://host:port``); then ``jobs`` is how many cells a machine has at a time.
        keep_runs: leave the trainings' folders where they are.
        quiet: no progress bars.
        say: is told what happens.

    Raises:
        CellsFailed: at the end, where cells have no result.
        GridStopped: Ctrl-C or a signal to end; the same call continues.
        PointillistError: the protocol's data or an option of a row is not what it should be, or
            a cell is there whose training was of another length.
    """
    if jobs < 1:
        raise ConfigError(f"{jobs} cells at a time are none", do="Give --jobs 1 or more.")
    apart = ray is not None or jobs > 1
    open_works = []
    for cell in grid:
        work = Work(
            protocol=protocol,
            cell=cell,
            results=results,
            runs=runs,
            training=training or {},
            keep_run=keep_runs,
            quiet=quiet or apart,
        )
        work.check()  # what is wrong for one ends it here, before any begins
        if work.file.exists():
            say(f"{cell.name}: done before")
        else:
            open_works.append(work)
    if not open_works:
        return
    if ray is not None:
        from pointillist.benchmark.cluster import on_cluster

        endings = on_cluster(open_works, ray, jobs, say)
    elif jobs > 1:
        from pointillist.benchmark.processes import in_processes

        protocol.data_folder()  # missing data is told once, not by every process
        endings = in_processes(open_works, jobs, say)
    else:
        endings = _one_by_one(open_works, say)
    failed, taken = [], 0
    # What trains in this process answers to signals itself, and saves.
    with contextlib.closing(endings), _ended_by_signal() if apart else contextlib.nullcontext():
        try:
            for number, ending in enumerate(endings, start=1):
                name = f"[{number}/{len(open_works)}] {ending.work.cell.name}"
                if ending.problem is None:
                    ending.work.log.unlink(missing_ok=True)
                    say(f"{name}: {_outcome(ending.work)}{ending.place}")
                elif ending.taken:
                    taken += 1
                    say(f"{name}: {ending.problem}; left to it")
                else:
                    failed.append(ending)
                    say(f"{name}: failed{ending.place}")
        except (KeyboardInterrupt, TrainingInterrupted):
            done = sum(work.file.exists() for work in open_works)
            raise GridStopped(
                f"stopped with {done} of {len(open_works)} cells done; all is saved",
                do="The same command continues.",
            ) from None
    if taken:
        say(f"left to another command: {taken} of {len(open_works)} cells")
    if failed:
        for ending in failed:
            say(f"{ending.work.cell.name} failed: {ending.problem} ({ending.work.log})")
        raise CellsFailed(
            f"{len(failed)} of {len(open_works)} cells failed",
            do="The same command runs them again.",
        )


def _one_by_one(works: Sequence[Work], say: Say) -> Endings:
    """In this process, with the data opened once."""
    dataset = works[0].protocol.open_data()
    for work in works:
        say(f"{work.cell.name}: begins")
        try:
            work.run(dataset)
        except CellTaken as error:
            yield Ending(work, error.what, taken=True)
        except TrainingInterrupted:
            raise
        except Exception as error:
            # One failed cell must not take the others along, whatever it failed of.
            write_text(work.log, traceback.format_exc())
            yield Ending(work, describe(error))
        else:
            yield Ending(work)


def describe(error: Exception) -> str:
    """One line for people: of an error that is not meant for them, its kind too."""
    if isinstance(error, PointillistError):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _outcome(work: Work) -> str:
    result = read_json(work.file)
    metric = work.protocol.metric
    value = result["metrics"][metric]["value"]
    figure = "not computed" if value is None else f"{100 * value:.2f}"
    collapsed = (result["teacher"] or {}).get("collapsed")
    warning = "; a teacher collapsed, what it taught is background" if collapsed else ""
    return f"{metric} {figure} after {result['minutes']:.1f} min{warning}"


@contextlib.contextmanager
def _ended_by_signal() -> Iterator[None]:
    """A signal to end (SIGTERM) is what Ctrl-C is, so that nothing is left running."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def load_results(results: Path, protocol: str) -> list[dict[str, Any]]:
    """Every result of a protocol, in the order of file names."""
    return [read_json(file) for file in sorted((results / protocol).glob("*.json"))]
