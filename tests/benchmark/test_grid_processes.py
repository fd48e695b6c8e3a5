"""Cells in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from pointillist.benchmark import processes
from pointillist.benchmark.cells import Cell, Work
from pointillist.benchmark.grid import CellsFailed, GridStopped, run_grid
from pointillist.benchmark.processes import share
from pointillist.benchmark.protocol import Protocol
from pointillist.run import Run
from tiny_protocol import tiny_protocol
from training_cases import checkpoint


def work_of(protocol: Protocol, cell: Cell, folder: Path) -> Work:
    return Work(protocol=protocol, cell=cell, results=folder / "results", runs=folder / "runs")


def test_one_finishes_one_fails_one_is_taken(protocol: Protocol, tmp_path: Path) -> None:
    grid = [Cell(row, 25, 0) for row in ("supervised", "te_ti", "sc")]
    fine, broken, taken = (work_of(protocol, cell, tmp_path) for cell in grid)
    broken.folder.mkdir(parents=True)  # a run that cannot be continued
    (broken.folder / "problems.txt").touch()
    lock = taken.lock()
    said: list[str] = []
    with pytest.raises(CellsFailed, match="1 of 3 cells failed"):
        run_grid(
            protocol,
            grid,
            results=tmp_path / "results",
            runs=tmp_path / "runs",
            jobs=2,
            say=said.append,
        )
    lock.release()
    assert said[:2] == ["supervised-25-seed0: begins", "te_ti-25-seed0: begins"]
    result = json.loads(fine.file.read_text(encoding="utf-8"))
    assert (result["steps"], result["seed"]) == (2, 0)
    assert not fine.folder.exists()
    assert not fine.log.exists()
    assert "this is not a run" in broken.log.read_text(encoding="utf-8")
    assert said[-1].startswith("te_ti-25-seed0 failed: ")
    assert "it has no config.yaml" in said[-1]
    assert said[-2] == "left to another command: 1 of 3 cells"
    assert sum(f"another benchmark is at it (process {os.getpid()})" in s for s in said) == 1
    assert not taken.log.exists()


def test_stopped_by_a_signal_all_is_saved_and_nothing_is_left_running(
    creatures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTILLIST_DATA", str(creatures))
    protocol = tiny_protocol(max_steps=100_000, validate_every=10)
    grid = [Cell("supervised", 25, seed) for seed in (0, 1)]
    works = [work_of(protocol, cell, tmp_path) for cell in grid]
    began: list[processes._Child] = []

    class Child(processes._Child):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            began.append(self)

    monkeypatch.setattr(processes, "_Child", Child)

    def stop_when_both_train() -> None:
        files = [work.folder / "checkpoints" / "last.ckpt" for work in works]
        deadline = time.monotonic() + 300
        while not all(file.exists() for file in files) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_when_both_train).start()
    with pytest.raises(GridStopped, match="stopped with 0 of 2 cells done") as error:
        run_grid(
            protocol,
            grid,
            results=tmp_path / "results",
            runs=tmp_path / "runs",
            jobs=2,
            say=lambda _: None,
        )
    assert error.value.exit_code == 130
    assert [child.process.poll() for child in began] == [130, 130]
    for work in works:
        run = Run.open(work.folder)
        assert run.metrics["status"] == "interrupted"
        assert checkpoint(run)["global_step"] == run.metrics["steps"] >= 10
        assert not work.log.exists()
        work.lock().release()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_cores_and_devices_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "cores", lambda: 16)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert share(0, 5)["OMP_NUM_THREADS"] == "3"
    assert share(0, 50)["OMP_NUM_THREADS"] == "1"
    devices = [share(slot, 6)["CUDA_VISIBLE_DEVICES"] for slot in range(6)]
    assert devices == ["0", "1", "2", "3", "0", "1"]
    assert [share(slot, 2, 2)["CUDA_VISIBLE_DEVICES"] for slot in range(2)] == ["0,1", "2,3"]
    assert "CUDA_VISIBLE_DEVICES" not in share(0, 2, 4)
    # Those that a batch system has given, by whatever names.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")
    assert [share(slot, 2)["CUDA_VISIBLE_DEVICES"] for slot in range(2)] == ["GPU-a", "GPU-b"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert "CUDA_VISIBLE_DEVICES" not in share(0, 2)


def test_a_process_that_is_killed_is_told(protocol: Protocol, tmp_path: Path) -> None:
    work = work_of(protocol, Cell("supervised", 25, 0), tmp_path)
    child = processes._Child(work, share(0, 1))
    child.process.kill()
    ending = child.ending(child.process.wait())
    assert ending.problem == "its process was ended by signal 9"
    assert work.log.exists()
