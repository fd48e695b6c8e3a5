"""Several cells at a time on one machine, each in a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import IO

from pointillist.benchmark.cells import CellTaken, Work
from pointillist.benchmark.grid import Ending, Endings, GridStopped, Say
from pointillist.benchmark.worker import STOPPED, TAKEN
from pointillist.files import write_text

#: Seconds after which a process that was asked to stop is ended whatever it does.
_PATIENCE = 120.0


def in_processes(works: Sequence[Work], jobs: int, say: Say) -> Endings:
    """Runs cells, ``jobs`` at a time; the machine's cores and GPUs are shared out.

    Left early (Ctrl-C), it stops what is running, waits for it to be saved, and ends it if it is
    left a second time.
    """
    waiting = list(works)
    running: dict[int, _Child] = {}
    try:
        while waiting or running:
            free = [slot for slot in range(jobs) if slot not in running]
            while waiting and free:
                work = waiting.pop(0)
                try:
                    work.lock().release()  # taken already? That needs no process to find out.
                except CellTaken as error:
                    yield Ending(work, error.what, taken=True)
                    continue
                slot = free.pop(0)
                running[slot] = _Child(work, share(slot, jobs, _devices(work)))
                say(f"{work.cell.name}: begins")
            for slot, child in list(running.items()):
                code = child.process.poll()
                if code is not None:
                    del running[slot]
                    yield child.ending(code)
            time.sleep(0.1)
    finally:
        _stop(list(running.values()))


class _Child:
    """The process of one cell; what it prints becomes the cell's log if it fails."""

    def __init__(self, work: Work, environment: dict[str, str]) -> None:
        self.work = work
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP
        else:
            flags = 0
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pointillist.benchmark.worker"],
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
            creationflags=flags,
            # Ctrl-C in the terminal is for the process that started this one.
            start_new_session=sys.platform != "win32",
        )
        with contextlib.suppress(OSError):  # gone already? Its exit code will say so.
            self._input.write(work.model_dump_json().encode() + b"\n")
            self._input.flush()

    @property
    def _input(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    def stop(self) -> None:
        """Asks the process to stop; it saves what it has."""
        with contextlib.suppress(OSError):
            self._input.close()

    def ending(self, code: int) -> Ending:
        """How it ended, from its exit code.

        Raises:
            GridStopped: somebody stopped the process, so that is what is wanted.
        """
        self.stop()
        if code == 0:
            return Ending(self.work)
        self._output.seek(0)
        text = self._output.read().decode("utf-8", "replace").strip()
        last = text.splitlines()[-1] if text else ""
        if code == TAKEN:
            return Ending(self.work, last, taken=True)
        if code == STOPPED:
            raise GridStopped(f"{self.work.cell.name} was stopped. {last}")
        write_text(self.work.log, f"{text}\n")
        if code < 0:
            last = f"its process was ended by signal {-code}"
        return Ending(self.work, last or f"its process ended with code {code}")


def _stop(children: Sequence[_Child]) -> None:
    for child in children:
        child.stop()
    deadline = time.monotonic() + _PATIENCE
    try:
        for child in children:
            child.process.wait(max(0.0, deadline - time.monotonic()))
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        for child in children:
            child.process.kill()
            child.process.wait()


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share(slot: int, jobs: int, devices: int = 1) -> dict[str, str]:
    """Environment of one of ``jobs`` processes: its threads and its GPUs.

    Args:
        slot: which of the processes, from 0.
        jobs: how many there are at a time.
        devices: how many GPUs each wants. Where there are fewer, several share one.
    """
    threads = str(max(1, cores() // jobs))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = dict.fromkeys(names, threads)
    gpus = _gpus()
    if len(gpus) > devices:
        mine = [gpus[(slot * devices + i) % len(gpus)] for i in range(devices)]
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
    return environment


def _gpus() -> list[str]:
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name]
    return [str(i) for i in range(torch.cuda.device_count())]


def _devices(work: Work) -> int:
    config = work.protocol.config_for(work.cell.method, work.cell.seed, work.training)
    return config.training.devices
