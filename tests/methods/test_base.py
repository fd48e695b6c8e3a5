"""What all methods share: ramps, targets, and groups of options."""

from __future__ import annotations

import pytest
from pydantic import Field

from pointillist.augment import ViewOptions
from pointillist.config import validate
from pointillist.errors import ConfigError
from pointillist.methods.base import MethodOptions, RampedOptions, first_step, ramped


class Grouped(MethodOptions):
    view: ViewOptions = Field(default_factory=lambda: ViewOptions(rotation=7, flip=0.25))


@pytest.mark.parametrize(
    ("progress", "weight"),
    [(0.0, 0.0), (0.29, 0.0), (0.3, 0.0), (0.35, 0.5), (0.4, 1.0), (1.0, 1.0)],
)
def test_ramp(progress: float, weight: float) -> None:
    assert ramped(progress, 0.3, 0.1) == pytest.approx(weight)


def test_without_burn_in_and_ramp_the_weight_is_full_at_once() -> None:
    assert ramped(0.0, 0.0, 0.0) == 1.0


def test_a_share_begins_at_the_step_at_which_it_is_done() -> None:
    assert [first_step(share, 3000) for share in (0, 0.4, 0.7, 0.70001, 1)] == [
        0,
        1200,
        2100,
        2101,
        3000,
    ]
    for steps in (10_600, 11_600, 14_100):
        assert first_step(1000 / steps, steps) == 1000


def test_a_group_given_in_part_keeps_its_own_defaults() -> None:
    view = validate(Grouped, {"view": {"rotation": 9}}).view
    assert (view.rotation, view.flip) == (9, 0.25)
    # Those of the group itself: ViewOptions alone would flip half of the images.
    assert ViewOptions().flip == 0.5


def test_an_unknown_option_in_a_group_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"view\.rotatoin.*did you mean 'view.rotation'"):
        validate(Grouped, {"view": {"rotatoin": 9}})


def test_what_waits_and_grows_is_full_before_the_end() -> None:
    assert validate(RampedOptions, {"burn_in": 0.9, "ramp": 0.1}).ramp == 0.1
    with pytest.raises(ConfigError, match=r"burn_in \(0\.9\) and ramp \(0\.2\) are more than"):
        validate(RampedOptions, {"burn_in": 0.9, "ramp": 0.2})
