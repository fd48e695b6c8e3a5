import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np

from pointillist.report.html import Picture, page, photograph
from pointillist.report.tables import Table

METRIC = {
    "value": 0.5,
    "ci95": [0.4, 0.6],
    "per_keypoint": {"<nose>": {"value": 0.5, "n": 4}},
    "n": 4,
    "unit": "fraction",
    "definition": "share of <right> points",
}


class Checker(HTMLParser):
    """Collects the tags, and checks that each one is closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.sources, self.text = [], [], [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        attributes = dict(attributes)
        self.sources += [attributes[name] for name in ("src", "href") if name in attributes]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def parse(text):
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    return checker


PIXELS = np.zeros((8, 12, 3), np.uint8)
PIXELS[..., 0] = 250


def whole():
    return page(
        "A & B <script>",
        intro="Trained on < 5 %.",
        tables=[Table("Methods <i>", ["", "pck"], [["a&b", "1 %"]])],
        metrics={"pck@0.1": METRIC},
        plots=[Picture(b"\x89PNG plot", 'a "plot"')],
        pictures=[photograph(PIXELS, "one")],
        config={"data": Path("some", "where"), "name": "ä <b>"},
    )


def test_the_page_is_whole_and_everything_is_escaped():
    checker = parse(whole())
    assert not {"script", "i>", "b", "right", "nose"} & set(checker.tags)
    for text in ("A & B <script>", "Trained on < 5 %.", "Methods <i>", "a&b", "<nose>", "ä <b>"):
        assert text in checker.text
    assert "share of <right> points" in checker.text
    assert "40.0 to 60.0 %" in checker.text


def test_the_page_needs_nothing_but_itself():
    text = whole()
    checker = parse(text)
    assert len(checker.sources) == 2
    assert all(source.startswith("data:image/") for source in checker.sources)
    assert not re.search(r"https?://|url\(|@import|<link", text)


def test_pictures_are_in_it():
    png, jpeg = parse(whole()).sources
    assert png.startswith("data:image/png;base64,")
    assert base64.b64decode(png.split(",")[1]) == b"\x89PNG plot"
    data = np.frombuffer(base64.b64decode(jpeg.split(",")[1]), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_allclose(pixels.astype(int), PIXELS, atol=6)


def test_what_was_not_given_is_not_there():
    text = page("Short")
    assert parse(text).tags.count("h2") == 0
    assert "<details>" not in text
    assert "Configuration" in page("Short", config={})
