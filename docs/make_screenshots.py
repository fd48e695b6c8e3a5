"""Makes the pictures of the labelling guide: docs/images/label-*.png.

    POINTILLIST_WEIGHTS=../shared/weights python docs/make_screenshots.py

Drawn creatures stand for photographs. Two rounds are really trained, with the default method and
an ImageNet backbone, on a sixth of the images and then on nearly half; it takes some minutes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import PIL.Image
import uvicorn
from playwright.sync_api import Page, sync_playwright

from pointillist.formats import open_dataset, save_dataset
from pointillist.synthetic import make_dataset
from pointillist.web.app import create_app
from pointillist.web.records import InstanceRecord, to_record
from pointillist.web.security import Guard
from pointillist.web.session import Session

IMAGES = Path(__file__).parent / "images"
COUNT, SIZE = 240, (320, 240)
FIRST, SECOND = 40, 110
TRAINING = """
input: {{width: 96, height: 96, sigma: 1.0}}
model: {{backbone: resnet18, weights: {weights}, frozen_stride: 4}}
training: {{max_steps: {steps}, validate_every: 100}}
"""


def shot(page: Page, name: str) -> None:
    """A picture of the page in 256 colours, which makes it small."""
    page.mouse.move(1200, 5)
    page.wait_for_timeout(700)
    path = IMAGES / f"label-{name}.png"
    page.screenshot(path=path)
    with PIL.Image.open(path) as picture:
        picture.convert("RGB").quantize(256).save(path, optimize=True)


def decided(record: dict[str, Any]) -> dict[str, Any]:
    """The record with what lies outside the picture marked as absent."""
    return {**record, "id": None, "points": [point or "absent" for point in record["points"]]}


def label(session: Session, truth: list[list[dict[str, Any]]], numbers: range) -> None:
    """What a person would do with the mouse."""
    for number in numbers:
        base = session.project.state(number)["revision"]
        records = [InstanceRecord.model_validate(one) for one in truth[number - 1]]
        session.project.save(number, base, records, "person")
        session.fresh_row(number)


def place(page: Page, points: list[list[float] | str]) -> None:
    """Points one after another in the first image, which fills the stage but for its margins."""
    stage = page.locator("#stage").bounding_box()
    assert stage is not None
    scale = min((stage["width"] - 48) / SIZE[0], (stage["height"] - 88) / SIZE[1])
    left = stage["x"] + (stage["width"] - SIZE[0] * scale) / 2
    top = stage["y"] + (stage["height"] - 48 - SIZE[1] * scale) / 2
    for point in points:
        if isinstance(point, str):
            page.keyboard.press("x")
        else:
            page.mouse.click(left + point[0] * scale, top + point[1] * scale)


def train(page: Page) -> None:
    """A round, by the button."""
    page.click("nav [data-tab=train]")
    page.click("#train-start")
    page.wait_for_selector("#train-state[data-state=busy]")
    page.wait_for_selector("#train-state[data-state=finished]", timeout=1_200_000)


def take(page: Page, address: str, session: Session, truth: list[list[dict[str, Any]]]) -> None:
    """All pictures, in the order of the guide."""
    page.goto(f"{address}/#label/1")
    page.wait_for_selector("#stage[data-shown='1']")
    label(session, truth, range(2, FIRST + 1))
    page.wait_for_selector(f"#progress:has-text('{FIRST - 1} of')")
    place(page, truth[0][0]["points"][:9])
    shot(page, "place")
    page.keyboard.press("?")
    shot(page, "keys")
    page.keyboard.press("Escape")
    train(page)
    shot(page, "train")
    page.goto(f"{address}/#label/{FIRST + 8}")
    page.wait_for_selector(f"#stage[data-shown='{FIRST + 8}']")
    shot(page, "predictions")
    label(session, truth, range(FIRST + 1, SECOND + 1))
    page.goto(f"{address}/#review")
    page.reload()
    page.select_option("#sort", "error")
    shot(page, "review")
    train(page)
    page.click("nav [data-tab=results]")
    page.wait_for_selector("#plot-rounds .plot-dot")
    shot(page, "results")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000, help="of each training")
    steps = parser.parse_args().steps
    weights = Path(os.environ["POINTILLIST_WEIGHTS"]).resolve() / "resnet18.safetensors"
    with tempfile.TemporaryDirectory() as folder:
        make_dataset(Path(folder) / "data", COUNT, size=SIZE)
        full = open_dataset(Path(folder) / "data")
        truth = [[decided(to_record(one)) for one in image.instances] for image in full]
        bare = full.subset([image.without_labels() for image in full])
        for image in bare:
            image.boxes = []
        save_dataset(bare, Path(folder) / "data" / "annotations.json")
        session = Session(Path(folder) / "creatures", Path(folder) / "data")
        (session.folder / "training.yaml").write_text(
            TRAINING.format(steps=steps, weights=weights), encoding="utf-8"
        )
        config = uvicorn.Config(Guard(create_app(session)), port=0, log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
                )
                page = browser.new_page(viewport={"width": 1280, "height": 720})
                take(page, address, session, truth)
                browser.close()
        finally:
            server.should_exit = True
            thread.join()
            session.close()


if __name__ == "__main__":
    main()
