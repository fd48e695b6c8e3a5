"""The labelling page as a person uses it: a real browser, real images, mouse and keys.

Marks of a colour that no photograph has are painted into real images at known pixels. The tests
look for them on the screen, as eyes would, and point there; so nothing of the page's own
arithmetic is used to check the page.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from pointillist.formats import open_dataset
from pointillist.web import jobs
from pointillist.web.app import create_app
from pointillist.web.security import Guard
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
NAMES = ["nose", "left_paw", "right_paw", "tail"]
#: Centres of the marks in the file's pixels: the middle of a block of 3 x 3.
MARKS = [(30.5, 22.5), (75.5, 40.5), (48.5, 62.5), (80.5, 85.5)]
MAGENTA = (255, 0, 255)


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


def until(true: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


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
    # The second tab does not hear of the first one's change before it makes its own.
    two.route("**/api/changes*", lambda route: route.abort())
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
    one.route("**/api/changes*", lambda route: route.abort())
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


TRAINING = """
import json, sys, time
from pathlib import Path
verb, here, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[sys.argv.index("-o") + 1])
if verb == "train":
    out.mkdir(parents=True, exist_ok=True)
    resumed = "--resume" in sys.argv
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
        page.get_by_role("button", name="To review").click()
        page.wait_for_selector("#grid .cell .name:has-text('photo2.png')")
        page.click("nav [data-tab=results]")
        page.wait_for_selector("#plot-rounds .plot-dot")


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
    assert "brightness(1.1) contrast(1.1)" in page.locator("#picture").get_attribute("style")
    page.keyboard.press("Shift+Delete")
    saved(page)
    assert len(httpx.get(f"{address}/api/images/1").json()["instances"]) == 1
