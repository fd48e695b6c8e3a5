"""What a person decides about predictions, and what belongs to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from label_page_eyes import (
    MARKS,
    NAMES,
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

from pointillist.web.session import Session

Open = Callable[..., Page]


@pytest.fixture
def predicted(photos: Path, tmp_path: Path) -> Iterator[str]:
    """A project with predictions on the marks of all three photographs."""
    session = Session(tmp_path / "project", photos, NAMES)
    predict(session.folder, {})
    with served(session) as address:
        yield address


def drafts(page: Page) -> str:
    page.wait_for_timeout(60)
    return page.locator("#accept-text").inner_text()


def test_a_drag_ends_with_its_image(predicted: str, open_page: Open) -> None:
    page = open_page(f"{predicted}/#label/1")
    shown(page, 1)
    x, y = marks(page)[0]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 20)
    page.keyboard.press("d")
    shown(page, 2)
    page.mouse.move(x + 60, y + 20)
    page.mouse.up()
    page.keyboard.press("Enter")
    saved(page)
    # Accepted as it was predicted: nothing was dragged here.
    assert [p[:2] for p in stored(predicted, 2)] == [list(mark) for mark in MARKS]
    assert stored(predicted, 1) == []


def test_absent_is_a_decision_about_the_prediction(predicted: str, open_page: Open) -> None:
    page = open_page(f"{predicted}/#label/1")
    shown(page, 1)
    page.locator(".keypoint").nth(2).click()
    page.keyboard.press("x")
    assert drafts(page) == "Accept 3 predictions"
    page.keyboard.press("Enter")
    saved(page)
    assert page.locator("#instances .chip").count() == 2  # one animal, and the button for another
    points = stored(predicted, 1)
    assert points[2] == "absent"
    assert [p[:2] for i, p in enumerate(points) if i != 2] == [
        list(mark) for i, mark in enumerate(MARKS) if i != 2
    ]


def test_a_new_animal_far_away_takes_no_prediction(predicted: str, open_page: Open) -> None:
    page = open_page(f"{predicted}/#label/1")
    shown(page, 1)
    places = marks(page)
    page.keyboard.press("n")
    # In the image's corner, farther from the predicted nose than half of that animal's size.
    scale = scale_of(places)
    page.mouse.click(*(places[0][i] - (MARKS[0][i] - 1) * scale for i in (0, 1)))
    saved(page)
    assert len(stored(predicted, 1)) == 4
    assert drafts(page) == "Accept 4 predictions"


def test_a_wrong_prediction_is_dismissed(predicted: str, open_page: Open) -> None:
    page = open_page(f"{predicted}/#label/1")
    shown(page, 1)
    assert drafts(page) == "Accept 4 predictions"
    page.keyboard.press("o")
    assert drafts(page) == "Hidden (O shows them)"
    page.keyboard.press("o")
    page.keyboard.press("Shift+Delete")
    assert drafts(page) == "All decided"
    assert stored(predicted, 1) == []


def test_nothing_in_the_image_is_a_decision_too(predicted: str, open_page: Open) -> None:
    page = open_page(f"{predicted}/#label/1")
    shown(page, 1)
    page.keyboard.press("Shift+X")
    saved(page)
    assert drafts(page) == "All decided"
    assert stored(predicted, 1) == ["absent"] * 4
    page.reload()
    shown(page, 1)
    assert drafts(page) == "All decided"


def test_undo_brings_back_what_nothing_in_the_image_had_hidden(
    predicted: str, open_page: Open
) -> None:
    page = open_page(f"{predicted}/#label/1")
    shown(page, 1)
    page.keyboard.press("Shift+X")
    saved(page)
    page.keyboard.press("Control+z")
    saved(page)
    assert drafts(page) == "Accept 4 predictions"
    assert stored(predicted, 1) == []


def test_undo_does_not_take_back_what_another_did(predicted: str, open_page: Open) -> None:
    one, two = (open_page(f"{predicted}/#label/1") for _ in range(2))
    for page in (one, two):
        shown(page, 1)
    two.keyboard.press("Enter")
    saved(two)
    one.wait_for_selector(".keypoint[data-state='visible']")
    one.keyboard.press("Control+z")
    assert "nothing to undo" in one.locator("#note").inner_text()
    saved(one)
    assert [p[:2] for p in stored(predicted, 1)] == [list(mark) for mark in MARKS]


def test_review_forgets_what_is_finished_and_keeps_the_place(
    predicted: str, open_page: Open
) -> None:
    page = open_page(f"{predicted}/#review")
    page.select_option("#sort", "confidence")
    page.locator("[data-filter=predicted]").click()
    names = page.locator("#grid .cell .name")
    assert names.all_inner_texts() == ["photo3.png", "photo2.png", "photo1.png"]
    names.nth(1).click()
    shown(page, 2)
    page.keyboard.press("Enter")
    saved(page)
    page.keyboard.press("g")
    until(lambda: names.all_inner_texts() == ["photo3.png", "photo1.png"])
    assert page.locator("#shown").inner_text() == "2 images"
    page.keyboard.press("g")
    shown(page, 2)
    page.keyboard.press("d")  # what came after it in that order, not in the files'
    shown(page, 1)


def test_filters_are_offered_where_they_find_something(predicted: str, open_page: Open) -> None:
    page = open_page(f"{predicted}/#review")
    page.wait_for_selector("#grid .cell")
    # Confidences are 0.72, 0.52 and 0.32 and a little.
    assert page.locator("[data-filter=unsure] .count").inner_text() == "1"
    assert page.locator("[data-filter=wrong]").count() == 0
    page.locator("[data-filter=unsure]").click()
    assert page.locator("#grid .cell .name").all_inner_texts() == ["photo3.png"]


def test_everything_is_in_reach_on_a_telephone(predicted: str, open_page: Open) -> None:
    page = open_page(f"{predicted}/#label/1", viewport={"width": 390, "height": 844})
    shown(page, 1)
    for button in ("#undo", "#names", "#save-state", "#help-button", "nav [data-tab=results]"):
        box = page.locator(button).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    stage = page.locator("#stage").bounding_box()
    assert stage is not None
    assert stage["width"] == 390
    assert stage["height"] > 300
