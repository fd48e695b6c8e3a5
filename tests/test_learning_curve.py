"""Power laws through points that lie on one, and what they promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointillist.learning_curve import EXPONENTS, LearningCurve, PowerLaw, describe, fit

IMAGES = 400


def curve(
    errors: list[list[float]], own: float = 0.3, labeled: int = 40, images: int = IMAGES
) -> LearningCurve:
    """Errors at 10, 20 and 40 labelled images, one row a seed, of ten points in each image."""
    sizes = np.tile([10, 20, 40], len(errors))
    return LearningCurve(
        sizes=sizes,
        seeds=np.repeat(np.arange(len(errors)), 3),
        wrong=np.concatenate([np.array(row) for row in errors])[:, None] * np.full(images, 10.0),
        counted=np.full(images, 10.0),
        labeled=labeled,
        own=np.full(images, 10.0 * own),
        steps=1500,
        asked=1500,
    )


#: 0.1 + 2 / n: at 80 images 0.125, that is 5/6 of the 0.15 at 40.
FALLING = [0.3, 0.2, 0.15]


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 0.5), st.floats(0.01, 2), st.sampled_from([float(e) for e in EXPONENTS[5:]]))
def test_a_law_is_found_again(floor: float, factor: float, exponent: float) -> None:
    sizes = np.array([10, 20, 40, 80])
    errors = floor + factor * sizes**-exponent
    found = [float(part[0]) for part in fit(sizes, errors[None])]
    law = PowerLaw(*found)
    # Laws with a small exponent are hardly told apart by four sizes; their values are.
    for size in (10, 40, 80, 120):
        assert law(size) == pytest.approx(floor + factor * size**-exponent, abs=2e-4)


def test_floor_and_factor_are_never_negative() -> None:
    sizes = np.array([10, 20, 40])
    # Rising errors, and errors that fall faster than 1 / n, which a free fit takes below zero.
    floor, factor, exponent = fit(sizes, np.array([[0.2, 0.3, 0.4], [0.4, 0.1, 0.02]]))
    assert (floor >= 0).all()
    assert (factor >= 0).all()
    assert factor[0] == 0
    assert floor[0] == pytest.approx(0.3)
    assert floor[1] == 0
    assert exponent[1] == 1


def test_the_run_falls_as_the_short_trainings_do() -> None:
    expected = curve([FALLING]).expect(40)
    assert expected.labeled == 80
    assert expected.value == pytest.approx(1 - 0.3 * 5 / 6, abs=1e-6)
    assert not expected.guess


def test_equal_images_and_trainings_leave_no_doubt() -> None:
    expected = curve([FALLING, FALLING]).expect(40)
    assert expected.low == pytest.approx(expected.value, abs=1e-6)
    assert expected.high == pytest.approx(expected.value, abs=1e-6)


def test_trainings_that_differ_widen_the_interval() -> None:
    steady = curve([[0.31, 0.21, 0.155], [0.29, 0.19, 0.145]]).expect(20)
    shaky = curve([[0.35, 0.25, 0.2], [0.25, 0.15, 0.1]]).expect(20)
    assert steady.low < steady.value < steady.high
    assert shaky.high - shaky.low > 2 * (steady.high - steady.low)


def test_few_images_widen_the_interval() -> None:
    rng = np.random.default_rng(0)

    def width(images: int) -> float:
        base = curve([FALLING], images=images)
        own = rng.binomial(10, 0.3, images).astype(float)
        expected = replace(base, own=own).expect(20)
        return expected.high - expected.low

    # Half as wide with four times the images.
    assert width(100) / width(1600) == pytest.approx(4, rel=0.3)


def test_beyond_twice_the_labels_it_is_a_guess() -> None:
    assert not curve([FALLING]).expect(40).guess
    assert curve([FALLING]).expect(41).guess


def test_as_json_says_it_all() -> None:
    value = curve([FALLING, FALLING]).as_json()
    assert value["metric"] == "pck@0.1"
    assert value["validation_images"] == IMAGES
    assert value["labeled"] == 40
    assert value["value"] == pytest.approx(0.7)
    assert [entry["more"] for entry in value["expected"]] == [20, 40]
    assert [entry["labeled"] for entry in value["trainings"]] == [10, 20, 40] * 2
    assert value["trainings"][0]["value"] == pytest.approx(0.7)
    assert (value["steps"], value["steps_asked"]) == (1500, 1500)
    assert value["law"]["floor"] == pytest.approx(0.1, abs=1e-6)
    assert [entry["more"] for entry in curve([FALLING]).as_json([7])["expected"]] == [7]


def test_in_words() -> None:
    lines = describe(curve([FALLING]).as_json([40, 100]))
    assert lines[0] == "PCK@0.1 on 400 validation images; short trainings of 1,500 steps"
    assert lines[1] == "      10 labelled images, short trainings: 70.0"
    assert lines[4] == "      40 labelled images, the run: 70.0"
    assert lines[5] == "error of the short trainings: 0.100 + 2.000 n^-1.00"
    assert lines[6] == "with 40 more labelled images expect 75 ± 0 PCK@0.1 (75 to 75)"
    assert lines[7].endswith("a guess: more than 2 times what there is")


def test_trainings_that_the_time_cut_short_are_named() -> None:
    cut = replace(curve([FALLING]), steps=85)
    assert describe(cut.as_json())[0].endswith(
        "short trainings of 85 steps: the time limit leaves no room for 1,500"
    )


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.69, 0.67, 0.71, "69 ± 2 PCK@0.1 (67 to 71)"),
        (0.691, 0.6726, 0.7104, "69 ± 2 PCK@0.1 (67 to 71)"),
        # What is off the middle has no plus and minus, and neither has what ends at 0 or 100.
        (0.05, 0.0, 0.22, "5 PCK@0.1 (0 to 22)"),
        (0.69, 0.64, 0.71, "69 PCK@0.1 (64 to 71)"),
        (0.05, 0.0, 0.10, "5 PCK@0.1 (0 to 10)"),
        (0.95, 0.90, 1.0, "95 PCK@0.1 (90 to 100)"),
    ],
)
def test_an_interval_is_written_in_one_way(
    value: float, low: float, high: float, text: str
) -> None:
    answer = curve([FALLING]).as_json([40])
    answer["expected"][0].update(value=value, low=low, high=high)
    assert describe(answer)[6] == f"with 40 more labelled images expect {text}"
