"""Small projects to label."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pointillist.web.session import Session

NAMES = ["nose", "left_ear", "right_ear"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with five pictures of 60 x 40 pixels, each of another grey."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(1, 6):
        picture = np.full((40, 60, 3), 40 * number, np.uint8)
        cv2.imwrite(str(folder / f"photo{number}.png"), picture)
    return folder


@pytest.fixture
def session(photos: Path, tmp_path: Path) -> Session:
    """An open project on the five pictures."""
    opened = Session(tmp_path / "project", photos, NAMES)
    yield opened
    opened.close()


@pytest.fixture
def body() -> Callable[..., dict]:
    """The body of a save: three points of which the second and third are open."""

    def make(base: str, x: float = 10.0, y: float = 20.0, **more: object) -> dict:
        instance = {"points": [[x, y, 2], None, None], **more}
        return {"base": base, "author": "tab", "instances": [instance]}

    return make
