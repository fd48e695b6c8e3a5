"""One server per project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pointillist.errors import DataError
from pointillist.web.lock import FolderLock

HOLD = """
import sys
from pathlib import Path
from pointillist.web.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
lock.say("http://127.0.0.1:4711/")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_holder_hears_where_the_first_one_is(tmp_path: Path) -> None:
    first = FolderLock(tmp_path / ".lock")
    first.say("http://127.0.0.1:1234/")
    with pytest.raises(DataError, match=r"already open at http://127\.0\.0\.1:1234/ \(process"):
        FolderLock(tmp_path / ".lock")
    first.release()
    FolderLock(tmp_path / ".lock").release()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"held"
        with pytest.raises(DataError, match="4711"):
            FolderLock(path)
        process.kill()
        process.wait()
    FolderLock(path).release()
