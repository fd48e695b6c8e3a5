"""Labelling as a person does it: a real browser, real images, mouse and keys."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from label_page_eyes import (
    MARKS,
    NAMES,
    assert_there,
    marks,
    saved,
    scale_of,
    served,
    shown,
    stored,
    until,
)
from playwright.sync_api import Page, expect

from pointillist.formats import open_dataset
from pointillist.web.session import Session


def test_three_images_from_scratch_at_three_zoom_levels(
    address: str, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page(address)
    scales = []

    # The whole image, with the mouse: visible, hidden, absent.
    shown(page, 1)
    places = marks(page)
    assert len(places) == 4
    scales.append(scale_of(places))
    page.mouse.click(*places[0])
    page.keyboard.press("x")
    page.keyboard.down("Shift")
    page.mouse.click(*places[2])
    page.keyboard.up("Shift")
    page.mouse.click(*places[3], button="right")
    page.keyboard.press("h")
    saved(page)
    points = stored(address, 1)
    assert points[1] == "absent"
    # The last point was placed as hidden; H works on the point that is selected.
    assert [p[2] for p in points if p != "absent"] == [2, 1, 1]
    for k in (0, 2, 3):
        assert_there(points[k], MARKS[k], scales[-1])

    # Closer, by the wheel; the view is moved with the middle button in between.
    page.keyboard.press("d")
    shown(page, 2)
    fitted = marks(page)
    scale = scale_of(fitted) * float(np.exp(4 * 120 * 0.0015))
    scales.append(scale)
    for k, point in enumerate(MARKS):
        page.keyboard.press("0")
        page.mouse.move(*fitted[k])
        for _ in range(4):
            page.mouse.wheel(0, -120)
        page.mouse.down(button="middle")
        page.mouse.move(500 + 20 * k, 300, steps=3)
        page.mouse.up(button="middle")
        near = min(
            marks(page), key=lambda place: abs(place[0] - 500 - 20 * k) + abs(place[1] - 300)
        )
        page.mouse.click(*near)
        saved(page)
        assert_there(stored(address, 2)[k], point, scale)

    # Smaller, and with the keys alone: the cross is moved from where the mouse was last.
    page.keyboard.press("f")
    shown(page, 3)
    page.keyboard.press("-")
    page.keyboard.press("-")
    page.keyboard.press("-")
    places = marks(page)
    assert len(places) == 4
    scale = scale_of(places)
    at = (300, 300)
    page.mouse.move(*at)
    for place in places:
        for axis, (less, more) in enumerate(
            (("ArrowLeft", "ArrowRight"), ("ArrowUp", "ArrowDown"))
        ):
            steps = round(place[axis] - at[axis])
            far, near = divmod(abs(steps), 10)
            key = more if steps > 0 else less
            for _ in range(far):
                page.keyboard.press(f"Shift+{key}")
            for _ in range(near):
                page.keyboard.press(key)
        at = (round(place[0]), round(place[1]))
        page.keyboard.press("p")
    saved(page)
    for point, mark, (x, y) in zip(stored(address, 3), MARKS, places, strict=True):
        # The cross moves in whole pixels of the screen: that much it was beside the mark.
        beside = ((round(x) - x) / scale, (round(y) - y) / scale)
        assert_there(point, (mark[0] + beside[0], mark[1] + beside[1]), scale)
    assert len({round(s, 2) for s in (*scales, scale)}) == 3
    assert page.locator("#progress").inner_text() == "3 of 3 finished"


def test_the_pixels_are_right_on_a_dense_screen(
    address: str, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{address}/#label/2", device_scale_factor=2)
    shown(page, 2)
    places = marks(page)
    for place in places:
        page.mouse.click(*place)
    saved(page)
    for point, mark in zip(stored(address, 2), MARKS, strict=True):
        assert_there(point, mark, scale_of(places))


def test_undo_and_redo_without_limit(address: str, open_page: Callable[..., Page]) -> None:
    page = open_page(address)
    shown(page, 1)
    places = marks(page)
    history = [stored(address, 1)]

    def note() -> None:
        saved(page)
        history.append(stored(address, 1))

    for place in places:
        page.mouse.click(*place)
        note()
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(places[0][0] + 40, places[0][1] + 30, steps=4)
    page.mouse.up()
    note()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
        note()
    page.keyboard.press("m")
    note()
    page.keyboard.press("Delete")
    note()
    assert len({json.dumps(state) for state in history}) == len(history) == 13
    for state in reversed(history[:-1]):
        page.keyboard.press("Control+z")
        saved(page)
        assert stored(address, 1) == state
    page.keyboard.press("Control+z")
    assert "nothing to undo" in page.locator("#note").inner_text()
    for i, state in enumerate(history[1:]):
        page.keyboard.press("Control+Shift+z" if i % 2 else "Control+y")
        saved(page)
        assert stored(address, 1) == state


def test_the_first_start(photos: Path, tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with served(Session(tmp_path / "project", photos)) as address:
        page = open_page(address)
        page.fill("#setup-name", "cat")
        page.fill("#setup-keypoints", "\n".join(NAMES))
        page.fill("#setup-edges", "nose - tale")
        page.wait_for_selector("#setup-start:enabled")
        page.click("#setup-start")
        page.wait_for_selector("#setup-problem:has-text('tale')")
        page.fill("#setup-edges", "nose - tail")
        page.click("#setup-start")
        shown(page, 1)
        assert page.locator(".keypoint .name").all_inner_texts() == NAMES
    made = open_dataset(tmp_path / "project" / "annotations.json").skeleton
    assert made is not None
    assert (made.edges, made.flip_pairs, made.name) == (((0, 3),), ((1, 2),), "cat")


def test_a_videos_frame_is_labelled_in_place(
    data: Path, tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    video = next((data / "mirror_mouse" / "videos").glob("*.mp4"))
    with served(Session(tmp_path / "project", video, NAMES)) as address:
        page = open_page(f"{address}/#label/301")
        shown(page, 301)
        page.mouse.click(400, 300)
        saved(page)
        page.keyboard.press("d")
        shown(page, 302)
        page.keyboard.press("c")
        saved(page)
        until(lambda: stored(address, 302) == stored(address, 301) != [])
    frames = {image.frame: image for image in open_dataset(tmp_path / "project").images}
    assert frames[300].labeled
    assert frames[301].labeled
    assert not frames[302].labeled


def test_an_image_that_cannot_be_read_says_so(
    photos: Path, tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    session = Session(tmp_path / "project", photos, NAMES)
    (photos / "photo2.png").write_bytes(b"no picture")
    with served(session) as address:
        page = open_page(f"{address}/#review")
        page.wait_for_selector(".cell.broken .name:has-text('photo2.png')")
        assert page.locator(".cell.broken").count() == 1
        page.locator(".cell.broken").click()
        shown(page, 2)
        assert "photo2.png" in page.locator("#stage-message").inner_text()
        page.keyboard.press("x")
        assert "nothing to label" in page.locator("#note").inner_text()
        assert stored(address, 2) == []


def test_the_help_sheet_lists_the_keys(address: str, open_page: Callable[..., Page]) -> None:
    page = open_page(address)
    shown(page, 1)
    page.keyboard.press("?")
    page.wait_for_selector("#help[open]")
    assert page.locator("#help-keys dt").count() > 35
    # Nothing is hidden below the edge at the smallest supported size.
    assert page.evaluate("(e => e.scrollHeight <= e.clientHeight)(document.querySelector('#help'))")
    page.keyboard.press("d")
    page.keyboard.press("Escape")
    assert page.locator("#stage").get_attribute("data-shown") == "1"


def test_points_lie_close_together_or_are_selected(
    address: str, open_page: Callable[..., Page]
) -> None:
    page = open_page(address)
    shown(page, 1)
    places = marks(page)
    (x, y), scale = places[0], scale_of(places)
    page.mouse.click(x, y)
    page.mouse.click(x + 7, y)  # beside the first point: the next one
    page.mouse.click(x + 1, y + 1)  # on the first point: that one
    saved(page)
    first, second, *rest = stored(address, 1)
    assert (second[0] - first[0]) * scale == pytest.approx(7, abs=0.5)
    assert rest == [None, None]
    assert page.locator(".keypoint[aria-current='true'] .name").inner_text() == "nose"


def test_boxes_instances_and_light(address: str, open_page: Callable[..., Page]) -> None:
    page = open_page(address)
    shown(page, 1)
    places = marks(page)
    page.keyboard.press("b")
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[3], steps=3)
    page.mouse.up()
    page.mouse.click(*places[1])
    page.keyboard.press("n")
    page.mouse.click(*places[2])
    page.mouse.click(*places[0])
    page.keyboard.press("Shift+B")
    saved(page)
    first, second = httpx.get(f"{address}/api/images/1").json()["instances"]
    slack = 1 / scale_of(places)
    assert first["box"] == pytest.approx([30.5, 22.5, 50, 63], abs=slack)
    assert not first["box_from_points"]
    assert second["box"] == pytest.approx([30.5, 22.5, 18, 40], abs=slack)
    assert second["box_from_points"]
    page.keyboard.press("2")
    page.keyboard.press("4")
    light = re.compile(r"brightness\(1\.1\) contrast\(1\.1\)")
    expect(page.locator("#picture")).to_have_attribute("style", light)  # waits for the page
    page.keyboard.press("Shift+Delete")
    saved(page)
    assert len(httpx.get(f"{address}/api/images/1").json()["instances"]) == 1
