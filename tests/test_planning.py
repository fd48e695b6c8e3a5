"""What the default method decides from the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core_cases import dots_dataset, tiny_config
from pointillist.config import make_config
from pointillist.errors import ConfigError
from pointillist.methods.auto import AutoOptions
from pointillist.planning import planned, schedule
from pointillist.training import train


def nobody() -> None:
    """How far out points lie in boxes, where there are none."""


@pytest.mark.parametrize(
    ("labeled", "unlabeled", "steps"),
    [
        (375, 7125, 10_900),  # 2,000 + 20 x 7,125 / 16 = 10,906
        (30, 10, 3000),  # 2,000 + 19: the least
        (30, 0, 6000),  # the least for labels alone, as all other methods have
        (7500, 0, 6700),  # 2,000 + 10 x 469
        (100, 500_000, 40_000),  # the most
    ],
)
def test_steps_follow_from_the_data(labeled: int, unlabeled: int, steps: int) -> None:
    assert schedule(labeled, unlabeled, 16, 16) == steps


def test_more_crops_a_step_need_fewer_steps() -> None:
    assert schedule(375, 7125, 16, 32) == 6500  # 2,000 + 20 x 223


def test_processes_share_the_steps() -> None:
    alone, eight = (
        planned(make_config(sets=[f"training.devices={n}"]), 375, 20_000, lambda: 0.0, nobody)
        for n in (1, 8)
    )
    passes = (alone.training.max_steps - 2000) / (eight.training.max_steps - 2000)
    assert passes == pytest.approx(8, rel=0.05)


def test_only_the_default_method_plans() -> None:
    config = make_config(values={"method": "mean_teacher"})
    # Nor are the poses looked at, which takes a while where there are many.
    assert (
        planned(config, 375, 7125, lambda: pytest.fail("asked"), lambda: pytest.fail("asked"))
        == config
    )


def test_the_plan_is_followed_where_nothing_is_given() -> None:
    config = planned(make_config(preset="cpu"), 375, 7125, lambda: 0.0, nobody)
    assert config.method == "auto"
    assert config.training.max_steps == 10_900
    assert config.input.copies
    assert config.input.smoothing == config.input.sigma == 1.5
    assert config.training.schedule == "constant"


@pytest.mark.parametrize(
    ("steps", "burn_in", "ramp"),
    [
        (8000, 0.125, 0.05),  # 1,000 and 400 steps
        (3000, 0.25, 0.1),  # a quarter and a tenth, at most
    ],
)
def test_a_long_training_does_not_keep_the_teacher_waiting(
    steps: int, burn_in: float, ramp: float
) -> None:
    config = planned(
        make_config(sets=[f"training.max_steps={steps}"]), 375, 7125, lambda: 0.0, nobody
    )
    assert config.method_options == {"burn_in": burn_in, "ramp": ramp}


@pytest.mark.parametrize(
    ("sets", "burn_in", "ramp"),
    [
        ([], 0.1, 0.04),  # a quarter and a tenth of the 0.4 until a fresh network begins
        (["training.max_steps=8000"], 0.1, 0.04),
        (["training.max_steps=20_000"], 0.05, 0.02),  # 1,000 and 400 steps
        (["method_options.renewed=0.6"], 0.15, 0.06),
        (["method_options.renewed=1"], 0.25, 0.1),
        (["training.max_minutes=5"], 0.1, 0.04),
    ],
)
def test_the_teacher_begins_early_in_the_first_networks_training(
    sets: list[str], burn_in: float, ramp: float
) -> None:
    config = make_config(sets=["model.pretrained=true", *sets])
    options = planned(config, 85, 400, lambda: 0.0, nobody).method_options
    assert (options["burn_in"], options["ramp"]) == (burn_in, ramp)
    AutoOptions(**options)


def test_a_training_by_the_clock_has_shares_of_its_time() -> None:
    config = planned(make_config(sets=["training.max_minutes=5"]), 375, 7125, lambda: 0.0, nobody)
    assert config.method_options == {"burn_in": 0.25, "ramp": 0.1}


@pytest.mark.parametrize(
    ("sets", "fresh_steps"),
    [
        ([], 1198),  # 13 x 1,616 others, 16 a step, are 1,313 steps; 0.3 of 4,000 will do
        (["training.max_steps=5000"], 1313),
        (["training.devices=2", "training.max_steps=4000"], 657),
        (["training.max_steps=1000"], None),  # too few, whatever the time
        (["method_options.renewed=0.4"], None),
        (["method_options.detail=1"], None),
    ],
)
def test_a_training_by_the_clock_reckons_with_a_fresh_network_later(
    sets: list[str], fresh_steps: int | None
) -> None:
    small = ["model.pretrained=true", "input.width=96", "input.height=96", *sets]
    known, timed = (
        planned(make_config(sets=[*small, *more]), 85, 1616, lambda: 0.0, nobody).method_options
        for more in ([], ["training.max_minutes=5"])
    )
    assert timed.pop("fresh_steps", None) == fresh_steps
    for name in ("burn_in", "ramp"):
        del known[name], timed[name]
    assert known == timed  # all else is as without a limit, which may be far away


@pytest.mark.parametrize(
    ("reached", "margin"),
    [(1.0, 1.1), (0.87, 1.0), (1.05, 1.16), (2.0, 1.25), (None, 1.25)],
)
def test_crops_are_as_narrow_as_points_allow(reached: float | None, margin: float) -> None:
    config = planned(make_config(preset="cpu"), 375, 7125, lambda: 0.0, lambda: reached)
    assert config.input.margin == pytest.approx(margin, abs=0.006)


@pytest.mark.parametrize("given", ["input.margin=1.25", "localize=true"])
def test_crops_are_not_narrowed_where_that_is_not_for_the_plan(given: str) -> None:
    config = make_config(sets=[given])
    assert planned(config, 375, 7125, lambda: 0.0, lambda: 0.8).input.margin == 1.25


@pytest.mark.parametrize(
    ("sets", "unlabeled", "renewed"),
    [
        (["model.pretrained=true"], 1616, 0.4),
        (["model.weights=some.safetensors"], 1616, 0.4),
        (["model.pretrained=false"], 7125, None),  # from random weights it would take too long
        (["model.pretrained=true"], 0, None),
        (["model.pretrained=true", "method_options.renewed=0.6"], 7125, 0.6),
    ],
)
def test_a_network_that_begins_with_something_begins_twice(
    sets: list[str], unlabeled: int, renewed: float | None
) -> None:
    config = planned(make_config(sets=sets), 375, unlabeled, lambda: 0.0, nobody)
    assert config.method_options.get("renewed") == renewed


def test_where_no_fresh_network_is_wanted_nothing_is_planned_for_it() -> None:
    given = make_config(sets=["model.pretrained=true", "method_options.renewed=1"])
    assert planned(given, 375, 7125, lambda: 0.0, nobody).method_options.keys() == {
        "burn_in",
        "ramp",
        "renewed",
    }


@pytest.mark.parametrize(
    ("labeled", "unlabeled", "known"),
    [(375, 7125, 0.25), (750, 850, 0.4688), (1000, 500, 0.6667), (30_000, 1, 1.0)],
)
def test_the_second_network_sees_images_as_there_are(
    labeled: int, unlabeled: int, known: float
) -> None:
    config = make_config(sets=["model.pretrained=true"])
    options = planned(config, labeled, unlabeled, lambda: 0.0, nobody).method_options
    assert options["known"] == known
    AutoOptions(**options)


@pytest.mark.parametrize(
    ("width", "height", "detail"),
    [(96, 96, 1.6667), (96, 128, 1.25), (32, 32, 4.0), (160, 96, None), (256, 256, None)],
)
def test_who_labels_looks_closer_at_small_crops(
    width: int, height: int, detail: float | None
) -> None:
    config = make_config(
        sets=["model.pretrained=true", f"input.width={width}", f"input.height={height}"]
    )
    options = planned(config, 375, 7125, lambda: 0.0, nobody).method_options
    assert options.get("detail") == detail
    assert options.get("last_batch") == (detail and pytest.approx(detail**2, abs=0.01))
    AutoOptions(**options)


@pytest.mark.parametrize(("detail", "last_batch"), [(2.0, 4.0), (1.0, None)])
def test_a_detail_that_is_given_has_a_say_in_the_plan(
    detail: float, last_batch: float | None
) -> None:
    sets = ["model.pretrained=true", "input.width=96", "input.height=96"]
    config = make_config(sets=[*sets, f"method_options.detail={detail}"])
    options = planned(config, 85, 7125, lambda: 0.0, nobody).method_options
    assert (options["detail"], options.get("last_batch")) == (detail, last_batch)
    assert options["renewed"] == (0.5 if detail > 1 else 0.4)  # only small crops make two parts


def test_a_wrong_option_is_told_before_anything_is_planned_from_it() -> None:
    config = make_config(sets=["model.pretrained=true", "method_options.renewed=often"])
    with pytest.raises(ConfigError, match="option 'renewed' is 'often'"):
        planned(config, 375, 7125, lambda: 0.0, nobody)


@pytest.mark.parametrize(
    ("unlabeled", "steps", "parts"),
    [
        (1616, 3000, (0.4, None)),  # 900 steps of 24 are 13 passes: a fresh network is worth it
        (7125, 8000, (0.5, 0.5)),  # 8 are not enough
        (7125, 12_000, (0.5, 0.5)),  # nor are 12
        (7125, 13_000, (0.4, None)),
    ],
)
def test_a_fresh_network_needs_its_passes(
    unlabeled: int, steps: int, parts: tuple[float, float | None]
) -> None:
    sets = ["model.pretrained=true", "input.width=96", "input.height=96"]
    config = make_config(sets=[*sets, f"training.max_steps={steps}"])
    options = planned(config, 85, unlabeled, lambda: 0.0, nobody).method_options
    assert (options["renewed"], options.get("relabeled")) == parts
    AutoOptions(**options)


GOES_ON = ["method_options.renewed=0.5", "method_options.relabeled=0.5"]


@pytest.mark.parametrize(
    ("sets", "rate"),
    [
        ([], 0.3),
        (["training.max_steps=1000"], None),  # too short for a fresh network: the first goes on
        (GOES_ON, None),
        ([*GOES_ON, "method_options.detail=1"], 0.3),  # then a fresh one begins
        (["training.backbone_rate=0.1"], None),
        (["method_options.later_backbone_rate=0.7"], 0.7),
        (["model.pretrained=false"], None),
    ],
)
def test_the_backbone_of_a_fresh_network_learns_more_slowly(
    sets: list[str], rate: float | None
) -> None:
    small = ["model.pretrained=true", "input.width=96", "input.height=96"]
    config = make_config(sets=[*small, "training.max_steps=3000", *sets])
    options = planned(config, 85, 1616, lambda: 0.0, nobody).method_options
    assert options.get("later_backbone_rate") == rate


def test_without_unlabelled_images_the_rate_falls_as_in_supervised_training() -> None:
    given = make_config()
    assert (
        planned(given, 375, 0, lambda: 0.0, nobody).training.schedule
        == given.training.schedule
        == "cosine"
    )


@pytest.mark.parametrize(("share", "turned"), [(0.05, None), (0.2, None), (0.35, 180.0)])
def test_objects_that_lie_every_way_are_turned_every_way(
    share: float, turned: float | None
) -> None:
    config = planned(make_config(preset="cpu"), 375, 7125, lambda: share, nobody)
    assert config.method_options.get("turned") == turned


@pytest.mark.parametrize("given", ["views.rotation=20", "method_options.turned=90"])
def test_a_rotation_that_is_given_stays(given: str) -> None:
    config = planned(make_config(sets=[given]), 375, 7125, lambda: 0.5, nobody)
    assert config.method_options.get("turned") == (90 if "turned" in given else None)


def test_what_is_given_stays() -> None:
    config = make_config(
        sets=[
            "training.max_steps=50",
            "training.schedule=stairs",
            "input.copies=false",
            "input.smoothing=0",
            "method_options.burn_in=0.5",
            "method_options.ramp=0.2",
        ]
    )
    assert planned(config, 375, 7125, lambda: 0.0, nobody) == config


def test_a_run_keeps_its_plan(tmp_path: Path) -> None:
    """And predicts with it; without unlabelled images it is the supervised training."""
    data, val = dots_dataset(tmp_path / "data", 6), dots_dataset(tmp_path / "val", 4, seed=1)
    losses = []
    for method in ("auto", "supervised"):
        config = tiny_config(
            f"method={method}",
            "training.max_steps=6",
            "training.validate_every=3",
            "views.rotation=40",  # dots lie anyhow, and views are not to follow them here
        )
        run = train(data, tmp_path / method, val=val, config=config, quiet=True)
        assert run.config.input.copies == (method == "auto")
        losses.append((run.path / "metrics.csv").read_text(encoding="utf-8"))
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("upside_down", "turned"), [(0, None), (2, 180.0)])
def test_a_run_knows_how_its_objects_lie(
    tmp_path: Path, upside_down: int, turned: float | None
) -> None:
    data, val = dots_dataset(tmp_path / "data", 6), dots_dataset(tmp_path / "val", 2, seed=1)
    shape = np.array([(30, 10), (20, 30), (40, 34)])
    for number, image in enumerate(data):
        points = (60, 44) - shape if number < upside_down else shape
        image.instances[0].points[:] = points
    config = tiny_config("method=auto", "training.max_steps=2", "training.validate_every=2")
    run = train(data, tmp_path / "run", val=val, config=config, quiet=True)
    assert run.config.method_options.get("turned") == turned
