"""Eyes and hands for the tests of the labelling page.

Marks of a colour that no photograph has are painted into real images at known pixels. The tests
look for them on the screen, as eyes would, and point there; so nothing of the page's own
arithmetic is used to check the page.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import httpx
import numpy as np
import uvicorn
from playwright.sync_api import Page

from pointillist.web.app import create_app
from pointillist.web.security import Guard
from pointillist.web.session import Session

NAMES = ["nose", "left_paw", "right_paw", "tail"]


#: Centres of the marks in the file's pixels: the middle of a block of 3 x 3.
MARKS = [(30.5, 22.5), (75.5, 40.5), (48.5, 62.5), (80.5, 85.5)]


MAGENTA = (255, 0, 255)


@contextmanager
def served(session: Session) -> Iterator[str]:
    config = uvicorn.Config(Guard(create_app(session)), port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        session.close()


def until(true: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def predict(folder: Path, errors: dict[int, tuple[float, float]]) -> None:
    """Predictions on the marks, with less confidence from image to image; some are off."""
    results = []
    for number in (1, 2, 3):
        points = [(*mark, 0.9 - 0.2 * number + 0.01 * k) for k, mark in enumerate(MARKS)]
        dx, dy = errors.get(number, (0, 0))
        points[0] = (points[0][0] + dx, points[0][1] + dy, points[0][2])
        results.append(
            {
                "image_id": number,
                "category_id": 1,
                "keypoints": np.ravel(points).tolist(),
                "score": 1,
            }
        )
    (folder / "predictions.json").write_text(json.dumps(results), encoding="utf-8")


def shown(page: Page, number: int) -> None:
    page.wait_for_selector(f"#stage[data-shown='{number}']")
    page.wait_for_timeout(50)


def saved(page: Page) -> None:
    page.wait_for_selector("#save-state[data-state='saved']")


def marks(page: Page) -> list[tuple[float, float]]:
    """Where the marks are on the screen, in CSS pixels, from the top."""
    page.mouse.move(5, 5)
    page.wait_for_timeout(60)
    picture = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    density = page.evaluate("devicePixelRatio")
    blue, green, red = (picture[..., c].astype(float) for c in range(3))
    strength = np.clip(np.minimum(blue, red) - green, 0, None)
    count, regions = cv2.connectedComponents((strength > 60).astype(np.uint8))
    found = []
    for region in range(1, count):
        y, x = np.nonzero(regions == region)
        weights = strength[y, x]
        if weights.max() < 150 or len(x) < 4:
            continue
        # The centre of the screen's first pixel is at (0.5, 0.5).
        centre = [(np.average(v, weights=weights) + 0.5) / density for v in (x, y)]
        found.append((centre[0], centre[1]))
    return sorted(found, key=lambda place: place[1])


def scale_of(places: list[tuple[float, float]]) -> float:
    """Screen pixels per image pixel, from where the first and the last mark are."""
    return float(np.subtract(places[-1], places[0])[1] / (MARKS[-1][1] - MARKS[0][1]))


def stored(address: str, number: int) -> list:
    instances = httpx.get(f"{address}/api/images/{number}").json()["instances"]
    return instances[0]["points"] if instances else []


def assert_there(point: list, mark: tuple[float, float], scale: float) -> None:
    """The stored pixel is the mark's, within half a pixel of the screen."""
    assert abs(point[0] - mark[0]) * scale <= 0.5, (point, mark, scale)
    assert abs(point[1] - mark[1]) * scale <= 0.5, (point, mark, scale)
