"""A browser, photographs with marks and a served project."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from label_page_eyes import (
    MAGENTA,
    MARKS,
    NAMES,
    served,
)
from playwright.sync_api import Browser, Page, sync_playwright

from pointillist.web.session import Session

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = os.environ.get("POINTILLIST_CHROMIUM") or shutil.which("chromium")
    if path is None:
        why = "no chromium: install it, or name it in POINTILLIST_CHROMIUM"
        assert not os.environ.get("CI"), why
        pytest.skip(why)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def photos(data: Path, tmp_path: Path) -> Path:
    """Three real photographs with a mark at each of four known places."""
    folder = tmp_path / "photos"
    folder.mkdir()
    found = []
    for file in sorted((data / "lsp" / "images").glob("*.jpg")):
        picture = cv2.imread(str(file))
        if min(picture.shape[:2]) >= 100:
            found.append(picture)
        if len(found) == 3:
            break
    for number, picture in enumerate(found, start=1):
        for x, y in MARKS:
            picture[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = MAGENTA
        cv2.imwrite(str(folder / f"photo{number}.png"), picture)
    return folder


@pytest.fixture
def address(photos: Path, tmp_path: Path) -> Iterator[str]:
    with served(Session(tmp_path / "project", photos, NAMES)) as url:
        yield url


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens an address in a new tab; whatever the page complains about fails the test."""
    complaints: list[str] = []
    contexts = []

    def make(url: str, **options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type == "error" and "Failed to load resource" not in message.text
                else None
            ),
        )
        page.goto(url)
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []
