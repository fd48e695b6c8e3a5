import pytest

from pointillist.report.tables import (
    Table,
    comparison_table,
    figure,
    interval,
    keypoint_table,
    markdown,
    metric_table,
    note,
)

PCK = {
    "value": 0.6634,
    "ci95": [0.612, 0.701],
    "per_keypoint": {"nose": {"value": 0.5, "n": 1234}, "tail": {"value": None, "n": 0}},
    "n": 6123,
    "unit": "fraction",
    "left_out": {"instances: the box has no size": 2},
    "definition": "...",
}
ERROR = {
    "value": 3.14159,
    "ci95": None,
    "ci95_reason": "one image",
    "per_keypoint": {"nose": {"value": 3.0, "n": 1}, "tail": {"value": 4.0, "n": 1}},
    "n": 2,
    "unit": "px",
    "definition": "...",
}
MISSING = {
    "value": None,
    "reason": "there is no head box",
    "ci95": None,
    "ci95_reason": "there is no head box",
    "per_keypoint": {},
    "n": 0,
    "unit": "fraction",
    "definition": "...",
}
METRICS = {"pck@0.1": PCK, "pixel_error_mean": ERROR, "pckh@0.5": MISSING}


def test_figures_in_their_units():
    assert figure(0.6634, "fraction") == "66.3 %"
    assert figure(3.14159, "px") == "3.14 px"
    assert figure(0.0941, "lengths") == "0.0941"
    assert figure(None, "px") == "–"
    assert interval(PCK) == "61.2 to 70.1 %"
    assert interval({**ERROR, "ci95": [3, 4]}) == "3.00 to 4.00 px"
    assert interval(ERROR) == "–"


def test_every_score_has_a_row_and_says_what_is_missing():
    table = metric_table(METRICS)
    assert table.columns == ["score", "value", "95 % interval", "n", "note"]
    assert table.rows == [
        ["pck@0.1", "66.3 %", "61.2 to 70.1 %", "6,123", "2 instances: the box has no size"],
        ["pixel_error_mean", "3.14 px", "–", "2", "one image"],
        ["pckh@0.5", "–", "–", "0", "there is no head box"],
    ]


@pytest.mark.parametrize(
    ("normalizer", "said"),
    [
        ("bbox", ""),
        ("head", ""),
        ("image", "by image; "),
        ("torso", "by torso; "),
        (40, "by 40 px; "),
    ],
)
def test_an_unusual_length_is_named(normalizer: str | float, said: str):
    assert note({**ERROR, "normalizer": normalizer}) == f"{said}one image"


def test_keypoints_have_a_row_each():
    table = keypoint_table(METRICS, ["pck@0.1", "pckh@0.5", "unknown", "pixel_error_mean"])
    assert table.columns == ["keypoint", "pck@0.1", "pixel_error_mean", "n"]
    assert table.rows == [["nose", "50.0 %", "3.00 px", "1,234"], ["tail", "–", "4.00 px", "0"]]
    assert keypoint_table(METRICS, ["pckh@0.5"]).rows == []


def test_results_side_by_side():
    table = comparison_table({"one": METRICS, "two": METRICS}, ["pck@0.1", "pckh@0.5"], "Methods")
    assert table.title == "Methods"
    assert table.columns == ["", "pck@0.1", "pckh@0.5"]
    assert table.rows[1] == ["two", "66.3 % (61.2 to 70.1 %)", "–"]


def test_markdown():
    table = Table(
        "t", ["name", "value", "note"], [["a|b", "1", "x"], ["c", "22.5", ""]], prose=(2,)
    )
    assert markdown(table) == (
        "| name | value | note |\n"
        "| :--- | ----: | :--- |\n"
        "| a\\|b |     1 | x    |\n"
        "| c    |  22.5 |      |\n"
    )
