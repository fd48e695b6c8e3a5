"""Reviewing, sharing and training as a person does it: a real browser, real images."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from label_page_eyes import (
    MARKS,
    NAMES,
    assert_there,
    marks,
    predict,
    saved,
    scale_of,
    served,
    shown,
    stored,
    until,
)
from playwright.sync_api import Page

from pointillist.web import jobs
from pointillist.web.session import Session


def test_predictions_are_accepted_and_corrected(
    photos: Path, tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    session = Session(tmp_path / "project", photos, NAMES)
    predict(session.folder, {2: (12, 0)})
    with served(session) as address:
        page = open_page(f"{address}/#review")
        page.select_option("#sort", "confidence")
        names = page.locator("#grid .cell .name").all_inner_texts()
        assert names == ["photo3.png", "photo2.png", "photo1.png"]
        page.locator("#grid .cell").first.click()
        shown(page, 3)
        page.keyboard.press("Shift+Enter")
        shown(page, 2)
        until(lambda: [p[:2] for p in stored(address, 3)] == [list(mark) for mark in MARKS])

        # The wrong one is dragged to its mark, then the rest is accepted.
        places = marks(page)
        scale = scale_of(places)
        page.mouse.move(places[0][0] + 12 * scale, places[0][1])
        page.mouse.down()
        page.mouse.move(places[0][0] + 5, places[0][1] + 5)
        page.mouse.move(*places[0])
        page.mouse.up()
        saved(page)
        assert [point is None for point in stored(address, 2)] == [False, True, True, True]
        page.keyboard.press("Enter")
        saved(page)
        for point, mark in zip(stored(address, 2), MARKS, strict=True):
            assert_there(point, mark, scale)

        # Sorted by error, the corrected image comes first; only photo1 is left to review.
        page.keyboard.press("g")
        page.select_option("#sort", "error")
        assert page.locator("#grid .cell .name").first.inner_text() == "photo2.png"
        page.get_by_role("button", name="To review").click()
        assert page.locator("#grid .cell .name").all_inner_texts() == ["photo1.png"]


def test_a_conflict_of_two_tabs_is_asked_about(
    address: str, open_page: Callable[..., Page]
) -> None:
    one, two = open_page(address), open_page(address)
    # The second tab does not hear of the first one's change before it makes its own: its question
    # stays without an answer (a refused one would say "offline" where "saved" is waited for).
    two.route("**/api/changes*", lambda route: None)
    for page in (one, two):
        shown(page, 1)
    places = marks(one)
    marks(two)
    one.mouse.click(*places[0])
    saved(one)
    theirs = stored(address, 1)
    two.mouse.click(*places[3])
    two.wait_for_selector("#conflict[open]")
    assert "photo1.png" in two.locator("#conflict").inner_text()
    assert stored(address, 1) == theirs

    two.click("#take-theirs")
    saved(two)
    assert stored(address, 1) == theirs
    two.keyboard.press("Control+z")
    saved(two)
    assert_there(stored(address, 1)[0], MARKS[3], scale_of(places))

    # Now the first tab is the stale one if it has not looked again; keep its version this time.
    two.click("#undo", force=True, trial=True)
    two.unroute("**/api/changes*")
    one.route("**/api/changes*", lambda route: None)
    two.mouse.click(*places[1])
    saved(two)
    one.mouse.click(*places[2])
    one.wait_for_selector("#conflict[open]")
    one.click("#keep-mine")
    saved(one)
    points = stored(address, 1)
    assert points[2:] == [None, None] or points[3] is None
    assert_there(points[1], MARKS[2], scale_of(places))


def test_a_change_elsewhere_appears_by_itself(address: str, open_page: Callable[..., Page]) -> None:
    one, two = open_page(address), open_page(address)
    shown(one, 1)
    shown(two, 1)
    one.mouse.click(*marks(one)[0])
    two.wait_for_selector(".keypoint[data-state='visible']")


def test_ten_thousand_images_are_not_ten_thousand_elements(
    photos: Path, tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    small = cv2.imencode(".png", np.full((8, 8, 3), 90, np.uint8))[1].tobytes()
    for number in range(2000):
        (photos / f"z{number}.png").write_bytes(small)
    with served(Session(tmp_path / "project", photos, NAMES)) as address:
        page = open_page(f"{address}/#review")
        page.wait_for_selector("#grid .cell")
        assert page.locator("#grid .cell").count() < 100
        page.locator("#grid .cell").first.focus()
        page.keyboard.press("End")
        page.wait_for_selector(".cell[data-position='2002'] img[src]")
        assert page.locator("#grid .cell").count() < 100
        page.keyboard.press("Enter")
        shown(page, 2003)


TRAINING = """
import json, sys, time
from pathlib import Path
verb, here, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[sys.argv.index("-o") + 1])
if verb == "train":
    out.mkdir(parents=True, exist_ok=True)
    resumed = "--resume" in sys.argv
    (out / "config.yaml").touch()
    with (out / "metrics.csv").open("a") as file:
        if not resumed:
            file.write("step,loss,val/pck@0.1\\n")
        for step in range(40 if resumed else 0, 60 if resumed else 10000):
            file.write(f"{step},{1 / (step + 1)},{min(step / 60, 1)}\\n")
            file.flush()
            time.sleep(0.02)
else:
    points = [0.5] * 12
    out.write_text(json.dumps([{"image_id": 2, "keypoints": points, "score": 1}]))
"""


def test_a_training_is_watched_stopped_and_continued(
    photos: Path, tmp_path: Path, open_page: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a real training does is for test_web_jobs; here is what the page makes of one.
    monkeypatch.setattr(jobs, "POINTILLIST", (sys.executable, "-c", TRAINING))
    with served(Session(tmp_path / "project", photos, NAMES)) as address:
        page = open_page(f"{address}/#train")
        page.wait_for_selector("#train-start:disabled")
        page.goto(f"{address}/#label/1")
        shown(page, 1)
        page.mouse.click(*marks(page)[0])
        saved(page)
        page.click("nav [data-tab=train]")
        assert page.locator("#train-labelled").inner_text() == "1"
        page.click("#train-start")
        page.wait_for_selector("#plot-score .plot-dot:nth-of-type(9)")
        page.click("#train-stop")
        page.wait_for_selector("#train-state[data-state='stopped']")
        page.click("#train-resume")
        page.wait_for_selector("#train-state[data-state='finished']")
        assert page.locator("#rounds tr").count() == 1
        # The review list has refreshed itself.
        page.click("nav [data-tab=review]")
        assert page.locator("[data-filter=predicted] .count").inner_text() == "1"
        page.get_by_role("button", name="To review").click()
        page.wait_for_selector("#grid .cell .name:has-text('photo2.png')")
        page.click("nav [data-tab=results]")
        page.wait_for_selector("#plot-rounds .plot-dot")
