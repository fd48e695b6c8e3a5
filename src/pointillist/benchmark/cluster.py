"""Cells spread over a Ray cluster: each a task; the results come back and are written here.

Trainings lie below the folder of runs on whichever machine has the task. Where that folder is on
a file system that the machines share, a killed cell is continued wherever it is started next.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import socket
import threading
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pointillist.benchmark.cells import CellTaken, Work
from pointillist.benchmark.grid import Ending, Endings, Say, describe
from pointillist.benchmark.processes import cores
from pointillist.benchmark.protocol import DATA_VARIABLE, WEIGHTS_VARIABLE
from pointillist.errors import ConfigError
from pointillist.files import write_text
from pointillist.lock import FolderLock
from pointillist.training import TrainingInterrupted

#: Seconds that a cluster has to answer, and tasks that are asked to stop have to save.
_ANSWER, _PATIENCE = 5.0, 120.0

#: Bytes of shared memory for a cluster of one's own: only descriptions and results pass through.
_STORE = 128 * 2**20


def on_cluster(works: Sequence[Work], address: str, jobs: int, say: Say) -> Endings:
    """Runs cells as Ray tasks, ``jobs`` on each machine at a time.

    Left early (Ctrl-C), it has the tasks stop and save. A task whose machine is lost is started
    again on another one by Ray.

    Args:
        works: the cells.
        address: ``local`` starts a cluster on this machine; ``auto`` takes the one that is
            running here; ``ray://host:port`` or ``host:port``.
        jobs: each task asks for this part of a machine's cores, and for a GPU or a part of one.
        say: is told what happens.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at the address.
    """
    ray = _connect(address, jobs)
    task = ray.remote(max_calls=1, **_resources(ray, jobs))(_run)
    # The machines' own variables, where they have any, come first.
    here = {n: os.environ[n] for n in (DATA_VARIABLE, WEIGHTS_VARIABLE) if n in os.environ}
    running: dict[Any, tuple[Work, FolderLock]] = {}
    try:
        for work in works:
            try:
                lock = work.lock()
            except CellTaken as error:
                yield Ending(work, error.what, taken=True)
                continue
            there = work.model_copy(update={"runs": work.runs.absolute()})
            running[task.remote(there.model_dump_json(), here)] = (work, lock)
        say(f"{len(running)} cells wait for {ray.cluster_resources().get('CPU', 0):.0f} cores")
        while running:
            for done in ray.wait(list(running), timeout=1)[0]:
                work, lock = running.pop(done)
                yield _ending(ray, done, work)
                lock.release()
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            _stop(ray, list(running))
        for _, lock in running.values():
            lock.release()
        ray.shutdown()


def _run(description: str, variables: dict[str, str]) -> dict[str, Any]:
    """A task: the result of a cell or why there is none, and where it ran."""
    import ray

    for name, value in variables.items():
        os.environ.setdefault(name, value)
    ran: dict[str, Any] = {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "node": ray.get_runtime_context().get_node_id(),
    }
    try:
        return ran | {"result": Work.model_validate_json(description).result()}
    except TrainingInterrupted as error:
        return ran | {"problem": str(error), "log": ""}
    except Exception as error:
        return ran | {"problem": describe(error), "log": traceback.format_exc()}


def _ending(ray: Any, reference: Any, work: Work) -> Ending:
    try:
        ran = ray.get(reference)
    except ray.exceptions.RayError as error:  # the task's process or machine was lost, repeatedly
        return Ending(work, f"Ray lost it: {describe(error)}")
    place = f" on {ran['host']}, process {ran['process']}"
    if "result" not in ran:
        write_text(work.log, ran["log"])
        return Ending(work, ran["problem"], place=place)
    work.finish(ran["result"])
    if not work.keep_run and ran["host"] != socket.gethostname():
        _remove_there(ray, ran["node"], work.folder.absolute())
    return Ending(work, place=place)


def _remove_there(ray: Any, node: str, folder: Path) -> None:
    """Clears away the training on the machine that has it, now that its result is safe."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    where = NodeAffinitySchedulingStrategy(node, soft=False)
    remove = ray.remote(num_cpus=0, scheduling_strategy=where)(shutil.rmtree)
    with contextlib.suppress(ray.exceptions.RayError):  # a machine that is gone keeps its folder
        ray.get(remove.remote(str(folder), ignore_errors=True), timeout=60)


def _stop(ray: Any, references: list[Any]) -> None:
    """Ctrl-C in every task, and time to save."""
    for reference in references:
        ray.cancel(reference, force=False)
    if references:
        ray.wait(references, num_returns=len(references), timeout=_PATIENCE)


def _connect(address: str, jobs: int) -> Any:
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError:
        raise ConfigError(
            "--ray needs Ray, which is not installed", do="Run: pip install 'pointillist[ray]'"
        ) from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    _knock(address)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the error says it all
            if address == "local":
                own = {"num_cpus": max(cores(), jobs), "object_store_memory": _STORE}
                ray.init("local", include_dashboard=False, **own, **quiet)
            else:
                ray.init(address, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        raise _unreachable(address, describe(error)) from None
    # Ray has put a handler of its own for the signal to end.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)
    return ray


def _knock(address: str) -> None:
    """Whether anybody listens at host:port; Ray itself tries for minutes."""
    place = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        host, port = place.hostname, place.port
    except ValueError as error:
        raise _unreachable(address, str(error)) from None
    if host is None or port is None:
        return
    try:
        socket.create_connection((host, port), timeout=_ANSWER).close()
    except OSError as error:
        raise _unreachable(address, error.strerror or "no answer") from None


def _unreachable(address: str, reason: str) -> ConfigError:
    # A client, unlike Ray on the cluster's own machines, shows its token only when told to.
    token = " Has it a token? Set RAY_AUTH_MODE=token." if address.startswith("ray://") else ""
    return ConfigError(
        f"there is no Ray cluster at '{address}': {reason}",
        do=f"Start one with: ray start --head. Or use --ray local.{token}",
    )


def _resources(ray: Any, jobs: int) -> dict[str, float]:
    """What a task asks for, so that ``jobs`` of them fit on the smallest machine."""
    machines = [n["Resources"] for n in ray.nodes() if n["Alive"] and n["Resources"].get("CPU")]
    asked: dict[str, float] = {"num_cpus": max(1, min(m["CPU"] for m in machines) // jobs)}
    gpus = min(machine.get("GPU", 0) for machine in machines)
    if gpus:
        asked["num_gpus"] = min(1.0, gpus / jobs)
    return asked
