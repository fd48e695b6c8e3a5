"""What is shipped: the wheel and the source archive, built from this checkout."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import pytest
import yaml

import pointillist
from pointillist.benchmark.protocol import protocol_names

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    """The wheel, opened."""
    return zipfile.ZipFile(next(built.glob("*.whl")))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    sources = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "pointillist").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {n for n in names if not n.startswith(f"pointillist-{pointillist.__version__}")} == (
        sources
    )
    assert "pointillist/py.typed" in names
    assert {f"pointillist/benchmark/protocols/{n}.yaml" for n in protocol_names()} <= names
    assert "pointillist/web/static/index.html" in names


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    folder = f"pointillist-{pointillist.__version__}.dist-info"
    about = Parser().parsestr(wheel.read(f"{folder}/METADATA").decode("utf-8"))
    assert about["Version"] == pointillist.__version__
    assert about["License-Expression"] == "Apache-2.0"
    assert about["Requires-Python"] == ">=3.10"
    assert f"{folder}/licenses/LICENSE" in wheel.namelist()
    scripts = wheel.read(f"{folder}/entry_points.txt").decode("utf-8")
    assert "pointillist = pointillist.cli:main" in scripts


def test_nothing_is_pinned_upwards(wheel: zipfile.ZipFile) -> None:
    folder = f"pointillist-{pointillist.__version__}.dist-info"
    about = Parser().parsestr(wheel.read(f"{folder}/METADATA").decode("utf-8"))
    for requirement in about.get_all("Requires-Dist", []):
        assert not re.search(r"<|==|~=", requirement.partition(";")[0]), requirement


def test_the_source_archive_can_be_tested_and_holds_no_leftovers(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        *("pyproject.toml", "Makefile", "mkdocs.yml", "README.md", "CHANGELOG.md", "LICENSE"),
        *("CONTRIBUTING.md", "CITATION.cff", "src/pointillist/__init__.py", "tests/conftest.py"),
        *("docs/index.md", "benchmarks/speed.py", ".ci/run"),
    }
    assert wanted <= names
    leftovers = [n for n in names if "__pycache__" in n or n.startswith((".venv", "site/", "runs"))]
    assert not leftovers


def test_versions_agree() -> None:
    assert metadata.version("pointillist") == pointillist.__version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == pointillist.__version__
    assert citation["license"] == "Apache-2.0"
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(pointillist.__version__)}\b", changes, re.MULTILINE)
