"""The labelling page with 10,000 images: how long one takes to open, and how scrolling goes.

    python benchmarks/label_page.py [--images 10000]

Photographs of 1920 x 1080 pixels (drawn here; a hundred different ones, linked under as many names
as asked for) are opened in Chromium without a screen: the next image by its key (fetched ahead, as
for a person who goes on) and images far away (not fetched ahead). An image is open when it has been
drawn. The result goes to ``benchmarks/results/speed/label_page.json``.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import uvicorn
from playwright.sync_api import Page, sync_playwright

from pointillist.files import write_json
from pointillist.run import environment
from pointillist.web.app import create_app
from pointillist.web.security import Guard
from pointillist.web.session import Session

DIFFERENT = 100
ROUNDS = 40
NAMES = ["nose", "left_ear", "right_ear", "tail"]

OPEN = """number => new Promise(resolve => {
  const stage = document.querySelector('#stage'), start = performance.now();
  const done = () => requestAnimationFrame(() => resolve(performance.now() - start));
  const watch = new MutationObserver(() => {
    if (stage.dataset.shown === String(number)) { watch.disconnect(); done(); }
  });
  watch.observe(stage, { attributes: true });
  location.hash = `label/${number}`;
})"""

SCROLL = """async () => {
  const grid = document.querySelector('#grid'), frames = [];
  let last = performance.now();
  for (let i = 0; i < 200; i += 1) {
    grid.scrollTop += 400;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
  }
  return frames.slice(1);
}"""


def photographs(folder: Path, count: int) -> None:
    """Pictures that compress about as photographs do."""
    noise = np.random.default_rng(0)
    folder.mkdir()
    for number in range(min(DIFFERENT, count)):
        coarse = noise.integers(0, 256, (68, 120, 3), dtype=np.uint8)
        smooth = cv2.resize(coarse, (1920, 1080), interpolation=cv2.INTER_CUBIC)
        grain = noise.normal(0, 6, (1080, 1920, 3)).round()
        picture = np.clip(smooth + grain, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"photo{number:05d}.jpg"), picture)
    for number in range(DIFFERENT, count):
        os.link(folder / f"photo{number % DIFFERENT:05d}.jpg", folder / f"photo{number:05d}.jpg")


@contextmanager
def served(session: Session) -> Iterator[str]:
    config = uvicorn.Config(Guard(create_app(session)), port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def times(values: list[float]) -> dict[str, float]:
    """Median and 95th percentile in milliseconds."""
    return {
        "median_ms": round(statistics.median(values), 1),
        "p95_ms": round(float(np.percentile(values, 95)), 1),
    }


def measure(page: Page, address: str, count: int) -> dict[str, object]:
    """Everything that is timed inside the browser."""
    start = time.perf_counter()
    page.goto(f"{address}/#label/1")
    page.wait_for_selector("#stage[data-shown='1']")
    result: dict[str, object] = {"page_ms": round(1000 * (time.perf_counter() - start), 1)}
    following = []
    for number in range(2, ROUNDS + 2):
        page.wait_for_timeout(400)  # a person looks at an image before going on
        following.append(page.evaluate(OPEN, number))
    result["next_image"] = times(following)
    anywhere = random.Random(0).sample(range(count // 2, count), ROUNDS)
    result["any_image"] = times([page.evaluate(OPEN, number) for number in anywhere])
    page.evaluate("location.hash = 'review'")
    page.wait_for_selector("#grid .cell")
    result["scrolling_frame"] = times(page.evaluate(SCROLL))
    result["gallery_elements"] = page.locator("#grid .cell").count()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    count = parser.parse_args().images
    with tempfile.TemporaryDirectory() as folder:
        photographs(Path(folder) / "photos", count)
        start = time.perf_counter()
        session = Session(Path(folder) / "project", Path(folder) / "photos", NAMES)
        result: dict[str, object] = {"images": count, "new_project_s": time.perf_counter() - start}
        with served(session) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            result |= measure(page, address, count)
            browser.close()
        session.close()
    result["machine"] = environment()
    write_json(Path(__file__).parent / "results" / "speed" / "label_page.json", result, indent=1)
    print({key: value for key, value in result.items() if key != "machine"})


if __name__ == "__main__":
    main()
