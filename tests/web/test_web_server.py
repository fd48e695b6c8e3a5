"""The real server, in a process of its own: killed, started twice, stopped politely."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pointillist.config import Config
from pointillist.errors import PointillistError
from pointillist.run import Run
from pointillist.skeleton import Skeleton
from pointillist.web import serve
from pointillist.web.session import Session

SERVE = """
import json, sys
from pointillist.config import Config
from pointillist.errors import PointillistError
from pointillist.run import Run
from pointillist.skeleton import Skeleton
from pointillist.web import serve
try:
    serve(sys.argv[1], open_browser=False, **json.loads(sys.argv[2]))
except PointillistError as error:
    sys.exit(str(error))
"""

Start = Callable[..., "tuple[subprocess.Popen[str], str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a server on a folder; gives the process and the address that it printed."""
    started: list[subprocess.Popen[str]] = []

    def run(folder: Path, **options: object) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(folder), json.dumps(options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        said = re.search(r"http://\S+", process.stdout.readline())
        return process, said.group() if said else ""

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(photos: Path, tmp_path: Path) -> Path:
    Session(tmp_path / "p", photos, ["nose", "left_ear", "right_ear"]).close()
    return tmp_path / "p"


def save(client: httpx.Client, number: int, base: str, x: float) -> httpx.Response:
    instance = {"points": [[x, 2.0, 2], None, None]}
    body = {"base": base, "author": "tab", "instances": [instance]}
    return client.put(f"/api/images/{number}", json=body)


@pytest.mark.parametrize("after", [1, 37, 80])
def test_kill_9_among_a_hundred_saves_loses_nothing_acknowledged(
    start: Start, folder: Path, after: int
) -> None:
    process, address = start(folder)
    acknowledged: dict[int, float] = {}
    enough = threading.Event()

    def work() -> None:
        bases: dict[int, str] = {}
        with httpx.Client(base_url=address) as client:
            for turn in range(100):
                number = turn % 5 + 1
                base = bases.get(number) or client.get(f"/api/images/{number}").json()["revision"]
                answer = save(client, number, base, float(turn + 1))
                assert answer.status_code == 200
                bases[number] = answer.json()["revision"]
                acknowledged[number] = float(turn + 1)
                if turn + 1 == after:
                    enough.set()

    def quietly() -> None:
        try:
            work()
        except httpx.TransportError:
            enough.set()  # the server is dead: that was the point

    worker = threading.Thread(target=quietly)
    worker.start()
    assert enough.wait(60)
    process.kill()
    process.wait()
    worker.join()
    assert len(acknowledged) >= min(after, 5)

    again = Session(folder)
    assert all("cut short" in p or "kept as" in p for p in again.project.problems)
    for number, x in acknowledged.items():
        stored = again.project.state(number)["instances"][0]["points"][0][0]
        # The very last change may be on disk although nobody heard of it any more.
        assert stored in (x, x + 5)
    again.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT or SIGTERM to send")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_polite_end_folds(start: Start, folder: Path, how: signal.Signals) -> None:
    process, address = start(folder)
    with httpx.Client(base_url=address) as client:
        base = client.get("/api/images/1").json()["revision"]
        assert save(client, 1, base, 7.0).status_code == 200
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == ""
    assert (folder / "annotations.journal").read_bytes() == b""
    content = json.loads((folder / "annotations.json").read_text())
    assert content["annotations"][0]["keypoints"][:3] == [7, 2, 2]


def test_a_second_server_says_where_the_first_one_is(start: Start, folder: Path) -> None:
    _, address = start(folder)
    second, nothing = start(folder)
    assert nothing == ""
    _, errors = second.communicate(timeout=60)
    assert f"already open at {address}" in errors
    assert "Traceback" not in errors


def test_other_machines_need_the_token(start: Start, folder: Path) -> None:
    _, address = start(folder, host="0.0.0.0")
    base, token = address.split("/?token=")
    base = re.sub(r"//[^:]+:", "//127.0.0.1:", base)
    assert len(token) > 20
    assert httpx.get(f"{base}/api/project").status_code == 401
    assert httpx.get(f"{base}/?token={token[:-1]}").status_code == 401
    with httpx.Client(base_url=base, follow_redirects=True) as client:
        assert client.get("/", params={"token": token}).status_code == 200
        assert client.get("/api/project").json()["started"]


def test_a_run_gives_a_new_project_its_keypoints(
    start: Start, photos: Path, tmp_path: Path
) -> None:
    Run.create(tmp_path / "run", Config(), Skeleton(("beak", "tail")))
    options = {"images": str(photos), "run": str(tmp_path / "run")}
    _, address = start(tmp_path / "new", **options)
    described = httpx.get(f"{address}api/project").json()
    assert described["skeleton"]["keypoints"] == ["beak", "tail"]


def test_what_is_no_run_is_said_at_once(start: Start, photos: Path, tmp_path: Path) -> None:
    process, nothing = start(tmp_path / "new", images=str(photos), run=str(photos))
    assert nothing == ""
    _, errors = process.communicate(timeout=60)
    assert "this is not a run" in errors
    assert "Traceback" not in errors


def test_the_server_is_light() -> None:
    code = "import sys, pointillist.web.server; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_address_that_cannot_be_had(folder: Path) -> None:
    with pytest.raises(PointillistError, match=r"cannot listen at 192\.0\.2\.1"):
        serve(folder, host="192.0.2.1", open_browser=False)
    # And the folder is free again.
    Session(folder).close()
