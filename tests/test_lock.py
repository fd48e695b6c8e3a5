"""One process per folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core_cases import dots_dataset, tiny_config
from pointillist.errors import DataError
from pointillist.lock import FolderLock, holding_process
from pointillist.training import train

WORDS = {"busy": "this project is already open", "do": "Stop that server first."}

HOLD = """
import sys
from pathlib import Path
from pointillist.lock import FolderLock, holding_process
lock = FolderLock(Path(sys.argv[1]), busy="busy", do="Wait.")
lock.say("http://127.0.0.1:4711/")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_holder_hears_where_the_first_one_is(tmp_path: Path) -> None:
    first = FolderLock(tmp_path / ".lock", **WORDS)
    first.say("http://127.0.0.1:1234/")
    with pytest.raises(DataError, match=r"already open at http://127\.0\.0\.1:1234/ \(process"):
        FolderLock(tmp_path / ".lock", **WORDS)
    first.release()
    FolderLock(tmp_path / ".lock", **WORDS).release()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"held"
        with pytest.raises(DataError, match="4711"):
            FolderLock(path, **WORDS)
        assert holding_process(path) == process.pid
        process.kill()
        process.wait()
    # What it wrote is still there, and means nothing.
    assert holding_process(path) is None
    assert holding_process(tmp_path / "none") is None
    FolderLock(path, **WORDS).release()


def test_a_run_takes_one_training_at_a_time(tmp_path: Path) -> None:
    run = tmp_path / "run"
    data = dots_dataset(tmp_path / "data", 4)
    train(data, run, config=tiny_config("training.max_steps=1"), quiet=True)
    (run / "result.json").unlink()  # as if it had been killed
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run / "training.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(DataError, match="another training is writing to this run"):
            train(out=run, resume=True, quiet=True)
        process.kill()
        process.wait()
    assert train(out=run, resume=True, quiet=True).metrics["status"] == "finished"
