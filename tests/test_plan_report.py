from __future__ import annotations

from core_cases import SKELETON, TINY
from pointillist.augment import ViewMaker
from pointillist.config import Config, make_config, validate
from pointillist.methods import Method, Setting, get_method
from pointillist.models.localizer import create_localizer
from pointillist.models.options import ModelOptions
from pointillist.plan_report import plan_lines
from pointillist.planning import planned


def made_from(config: Config) -> Method:
    """The method of a config, with a small network."""
    model = create_localizer(ModelOptions(backbone=TINY, width=8), len(SKELETON))
    size = (config.input.width, config.input.height)
    views = ViewMaker(size, SKELETON, model.mean, model.std)
    kind = get_method(config.method)
    options = validate(kind.Options, config.method_options)
    return kind(model, Setting(views, config.views, config.input.sigma, SKELETON), options)


def lines(
    *sets: str,
    labeled: int = 85,
    unlabeled: int = 1616,
    weights: str | None = "resnet18.safetensors",
) -> list[str]:
    values = {"model": {"weights": weights, "pretrained": False}}
    given = make_config(sets=sets, values=values)
    config = planned(given, labeled, unlabeled, lambda: 0.0, lambda: 0.7)
    return plan_lines(given, config, made_from(config), unlabeled)


SMALL = ("input.width=96", "input.height=96")


def test_three_parts_where_images_are_few() -> None:
    assert lines(*SMALL, "training.max_steps=3000") == [
        "planned: crops of 1 times the boxes",
        "planned: part 1, until step 1,200: the labels, and from step 300 on what the averaged "
        "network says of the other images, in crops of 160x160 px",
        "planned: part 2, until step 2,100: a fresh network learns what the first one says of the "
        "other images, in crops of 160x160 px",
        "planned: part 3, the rest: it learns what it says of them itself, in crops of 96x96 px, "
        "as predictions are made from",
        "planned: a large crop takes 2.8 times as long as a small one; without them: "
        "--set method_options.detail=1",
    ]


def test_two_parts_where_they_are_many() -> None:
    said = lines(*SMALL, "training.max_steps=8000", labeled=375, unlabeled=7125)
    assert [line.split(":")[1] for line in said[1:]] == [
        " part 1, until step 4,000",
        " part 2, the rest",
        " a large crop takes 2.8 times as long as a small one; without them",
    ]
    assert "it learns what it says of the other images, in crops of 96x96 px" in said[2]


def test_large_inputs_have_no_larger_crops() -> None:
    said = lines("input.width=256", "input.height=256")
    assert said[0] == "planned: 4,000 steps"
    assert not any("px" in line or "large" in line for line in said)
    assert [line.split(",")[0] for line in said[2:]] == [f"planned: part {n}" for n in (1, 2, 3)]


def test_sizes_are_those_that_the_network_sees() -> None:
    """Sides are multiples of its stride."""
    said = lines("input.width=96", "input.height=128", "training.max_steps=3000")
    assert "in crops of 128x160 px" in said[1]
    assert "in crops of 96x128 px, as predictions are made from" in said[3]


def test_by_the_clock_or_in_steps() -> None:
    said = lines(*SMALL, "training.max_minutes=10")
    assert said[0] == "planned: 10 minutes, at most 4,000 steps"
    assert said[2].startswith(
        "planned: part 1, until minute 4.0 (or step 1,600, if sooner): the labels, and from "
        "minute 1.0 (or step 400, if sooner) on what the averaged"
    )
    assert said[3].startswith("planned: part 2, until minute 7.0 (or step 2,800, if sooner)")
    assert said[5].startswith("planned: if there is no time for ")
    assert not any("no time" in line for line in lines(*SMALL))


def test_random_weights_have_one_part_and_a_share_is_no_step_too_late() -> None:
    said = lines("training.max_steps=10600", weights=None)
    assert said[1:] == [
        "planned: the labels, and from step 1,000 on what the averaged network says of the other "
        "images"
    ]


def test_a_teacher_that_never_begins_is_not_named() -> None:
    said = lines(*SMALL, "training.max_steps=3000", "method_options.burn_in=0.5")
    assert said[1].endswith("until step 1,200: the labels, in crops of 160x160 px")


def test_without_an_average_nobody_else_teaches() -> None:
    said = lines(*SMALL, "training.max_steps=3000", "training.ema_decay=0")
    assert "from step 300 on the other images too" in said[1]


def test_without_other_images_it_is_supervised_training() -> None:
    assert lines(unlabeled=0)[-1] == (
        "planned: supervised training: there are no images without labels"
    )
    assert lines("training.unlabeled_per_step=0", unlabeled=0)[-1] == (
        "planned: supervised training: no step asks for images without labels"
    )


def test_of_other_methods_there_is_nothing_to_say() -> None:
    config = Config(method="supervised")
    assert plan_lines(config, config, made_from(config), 10) == []
