"""Cells on a Ray cluster: a local one of two workers, and those that are not there."""

from __future__ import annotations

import json
import re
import secrets
import sys
from pathlib import Path

import pytest

from pointillist.benchmark.cells import Cell, Work
from pointillist.benchmark.cluster import _resources
from pointillist.benchmark.grid import CellsFailed, run_grid
from pointillist.benchmark.protocol import Protocol
from pointillist.errors import ConfigError


def test_two_workers_share_the_cells(
    protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two finish, in two processes; one fails; one is another command's."""
    # Ray's workers stand back for whatever else a machine does, here for the other tests.
    monkeypatch.setenv("RAY_worker_niceness", "0")
    # Otherwise Ray would leave one in the home folder.
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex())
    where = {"results": tmp_path / "results", "runs": tmp_path / "runs"}
    cells = [Cell(row, 25, 0) for row in ("supervised", "te_ti", "sc", "ti")]
    works = [Work(protocol=protocol, cell=cell, **where) for cell in cells]  # type: ignore[arg-type]
    broken, taken = works[2], works[3]
    broken.folder.mkdir(parents=True)  # a run that cannot be continued
    (broken.folder / "problems.txt").touch()
    lock = taken.lock()
    said: list[str] = []
    with pytest.raises(CellsFailed, match="1 of 4 cells failed"):
        run_grid(protocol, cells, **where, jobs=2, ray="local", say=said.append)
    lock.release()
    ran = [re.search(r"(\S+): pck@0\.1 .* min on (\S+), process (\d+)$", line) for line in said]
    found = {match[1]: match[3] for match in ran if match}
    assert set(found) == {"supervised-25-seed0", "te_ti-25-seed0"}
    assert len(set(found.values())) == 2
    for work in works[:2]:
        assert json.loads(work.file.read_text(encoding="utf-8"))["steps"] == 2
        assert not work.folder.exists()
        work.lock().release()
    assert "this is not a run" in said[-1]
    assert "this is not a run" in broken.log.read_text(encoding="utf-8")
    assert not taken.file.exists()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ray://127.0.0.1:1", "refused"),
        ("127.0.0.1:1", "refused"),
        ("ray://127.0.0.1:port", "port"),
        ("auto", "Could not find any running Ray instance"),
    ],
)
def test_no_cluster_is_one_clear_line(
    protocol: Protocol,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    reason: str,
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(ConfigError, match=f"no Ray cluster at '{address}'") as error:
        run_grid(
            protocol,
            [Cell("supervised", 25, 0)],
            results=tmp_path,
            runs=tmp_path,
            ray=address,
            say=lambda _: None,
        )
    assert reason in str(error.value)
    assert "ray start --head" in str(error.value)
    assert "\n" not in str(error.value)


def test_without_ray_it_says_how_to_get_it(
    protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"not installed.*pointillist\[ray\]"):
        run_grid(
            protocol,
            [Cell("supervised", 25, 0)],
            results=tmp_path,
            runs=tmp_path,
            ray="local",
            say=lambda _: None,
        )


@pytest.mark.parametrize(
    ("machines", "jobs", "asked"),
    [
        ([{"CPU": 8.0}], 1, {"num_cpus": 8}),
        ([{"CPU": 8.0}, {"CPU": 4.0}, {"memory": 1.0}], 2, {"num_cpus": 2}),
        ([{"CPU": 4.0}], 9, {"num_cpus": 1}),
        ([{"CPU": 16.0, "GPU": 4.0}], 4, {"num_cpus": 4, "num_gpus": 1}),
        ([{"CPU": 16.0, "GPU": 1.0}], 2, {"num_cpus": 8, "num_gpus": 0.5}),
        ([{"CPU": 16.0, "GPU": 4.0}], 1, {"num_cpus": 16, "num_gpus": 1}),
    ],
)
def test_what_a_task_asks_for(
    machines: list[dict[str, float]], jobs: int, asked: dict[str, float]
) -> None:
    class Ray:
        @staticmethod
        def nodes() -> list[dict[str, object]]:
            lost = {"Alive": False, "Resources": {"CPU": 1.0}}
            return [lost, *({"Alive": True, "Resources": machine} for machine in machines)]

    assert _resources(Ray, jobs) == asked
