"""The documentation: it builds without a warning, and what it states is what the code says."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import pointillist
from pointillist.benchmark.grid import load_results
from pointillist.benchmark.protocol import open_protocol, protocol_names
from pointillist.benchmark.tables import fill_in, markdown, table_rows
from pointillist.methods import METHODS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RESULTS = ROOT / "benchmarks" / "results"


def script(name: str, folder: Path = DOCS) -> ModuleType:
    """A script that lies beside the pages, or elsewhere."""
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built documentation."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_in_the_navigation(site: Path) -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2]
    assert sorted(re.findall(r"\S+\.md", navigation)) == sorted(p.name for p in DOCS.glob("*.md"))
    assert (site / "index.html").is_file()


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)\b[^>]*\bsrc=[\"']?(https?:[^\"'\s>]+)", text)
        loaded += re.findall(r"<link\b[^>]*\bhref=[\"']?(https?:[^\"'\s>]+)", text)
        assert not loaded, page.name


def test_scripts_are_not_published(site: Path) -> None:
    assert not list(site.rglob("*.py"))


def test_the_api_page_has_every_public_name(site: Path) -> None:
    text = (site / "api" / "index.html").read_text(encoding="utf-8")
    documented = set(re.findall(r'id="pointillist\.[a-z_.]+\.([A-Za-z_]+)"', text))
    assert set(pointillist.__all__) - {"__version__"} <= documented


def test_the_options_page_is_up_to_date() -> None:
    written = (DOCS / "options.md").read_text(encoding="utf-8")
    assert script("make_options").page() == written, "run: python docs/make_options.py"


def test_every_method_has_its_section() -> None:
    text = (DOCS / "methods.md").read_text(encoding="utf-8")
    assert set(METHODS) <= set(re.findall(r"^## (\w+)$", text, re.MULTILINE))


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "benchmarks.md"], ids=lambda p: p.name)
def test_tables_are_what_the_results_say(page: Path) -> None:
    shown = re.findall(r"^<!-- benchmark: (.+) -->$", page.read_text(encoding="utf-8"), re.M)
    assert shown
    for place in shown:
        name, _, table = place.partition(" table ")
        if name == "few_frames":
            few = script(name, ROOT / "benchmarks").table(RESULTS / name)
            again = f"run: python benchmarks/few_frames.py --table --render {page.name}"
            assert fill_in(page, place, few) == page.read_text(encoding="utf-8"), again
            continue
        assert name in protocol_names()
        rows = table_rows(
            open_protocol(name), load_results(RESULTS, name), int(table) if table else None
        )
        part = f" --table {table}" if table else ""
        again = f"run: pointillist benchmark {name}{part} --show --render {page.name}"
        assert fill_in(page, place, markdown(rows)) == page.read_text(encoding="utf-8"), again


def test_links_and_pictures_of_the_readme_are_there() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            assert target.startswith("https://") or (ROOT / target).is_file(), f"{name}: {target}"


def test_pictures_are_small() -> None:
    for file in (DOCS / "images").iterdir():
        assert file.stat().st_size < 350_000, file.name
    assert (DOCS / "images" / "demo.jpg").stat().st_size < 150_000


def commands_of(page: Path) -> list[list[str]]:
    """The words of every ``pointillist`` command in the page's code blocks."""
    blocks = re.findall(r"^( *)```\w*\n(.*?)^\1```", page.read_text(encoding="utf-8"), re.M | re.S)
    lines = [line.strip() for _, block in blocks for line in block.splitlines()]
    found = [re.match(r"(?:\S*[/\\])?pointillist (.*?)(?: +#.*)?$", line) for line in lines]
    return [match.group(1).split() for match in found if match]


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name
)
def test_commands_in_the_pages_are_those_of_the_command_line(page: Path) -> None:
    options = (DOCS / "options.md").read_text(encoding="utf-8")
    for verb, *words in commands_of(page):
        section = re.search(rf"^### {verb}$(.*?)^##", options, re.MULTILINE | re.DOTALL)
        assert section, f"there is no verb {verb}"
        known = set(re.findall(r"(?<=[`/])(--?[a-z0-9-]+)", section.group(1)))
        for word in words:
            option = word.strip("[]")
            assert not option.startswith("-") or option in known, f"{verb} has no {option}"


def test_commands_are_found_in_pages() -> None:
    assert commands_of(DOCS / "index.md")[:2] == [["demo"], ["demo"]]


def test_make_is_the_two_commands(tmp_path: Path) -> None:
    """Both targets run in the environment that they make (make only says what it would do)."""
    make = shutil.which("make")
    assert make, "make is needed to test the Makefile"
    # These tests are run by make themselves, and it would speak of a make within a make.
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    for target, last in (("demo", "pointillist demo"), ("test", "-m pytest")):
        done = subprocess.run(
            [make, "-n", target, f"VENV={tmp_path.as_posix()}/venv"],
            cwd=ROOT, capture_output=True, text=True, check=True, env=outside,
        )  # fmt: skip
        lines = done.stdout.splitlines()
        assert lines[0].endswith(f"-m venv {tmp_path.as_posix()}/venv")
        assert last in lines[-1]
        assert f"{tmp_path.as_posix()}/venv" in lines[-1]


def test_the_speed_tables_are_those_of_the_result_files() -> None:
    page = script("make_speed_tables").page
    text = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    assert page(text) == text, "run: python docs/make_speed_tables.py"


def test_the_tables_of_the_findings_are_those_of_the_result_files() -> None:
    page, again = DOCS / "findings.md", "run: python docs/make_findings_tables.py"
    for place, text in script("make_findings_tables").places().items():
        assert fill_in(page, place, text) == page.read_text(encoding="utf-8"), again


def test_every_form_that_is_listed_has_its_files() -> None:
    for (title, *_), *rows in script("make_findings_tables").forms():
        missing = [row[0] for row in rows if row[2] == "not measured"]
        # With 6,000 steps auto is still to be run.
        assert not missing or (title, missing) == ("cub-small, 6,000 steps", ["**`auto`, 5 %**"])


def test_a_missed_goal_is_shown_as_missed() -> None:
    goals = script("make_findings_tables")
    ours, theirs = goals.Scores([60.0, 61.0], [59.0]), goals.Scores([61.0], [58.0])
    row = goals.compare("over", ours, theirs, 0, name="other")
    assert row == [
        "over",
        "60.5 ± 0.7 (2 seeds)",
        "other 61.0 (1 seed)",
        "-0.5",
        "0: **missed** so far",
        "+1.0",
    ]
    assert goals.compare("over", ours, theirs, -0.5, seeds=1)[4] == "-0.5: met"
    unmeasured = goals.compare("over", ours, theirs, -0.5, seeds=1, complete=False)
    assert unmeasured[4] == "-0.5: met so far"
    assert goals.compare("over", goals.Scores([]), theirs, 0)[1] == "not measured"
