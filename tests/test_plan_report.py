from __future__ import annotations

from pointillist.config import Config, make_config
from pointillist.plan_report import plan_lines
from pointillist.planning import planned


def lines(*sets: str, labeled: int = 85, unlabeled: int = 1616) -> list[str]:
    given = make_config(sets=["model.weights=resnet18.safetensors", *sets])
    config = planned(given, labeled, unlabeled, lambda: 0.0, lambda: 0.7)
    return plan_lines(given, config, unlabeled)


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


def test_by_the_clock() -> None:
    said = lines(*SMALL, "training.max_minutes=10")
    assert said[0] == "planned: 10 minutes, at most 4,000 steps"
    assert said[2].startswith("planned: part 1, until minute 4.0: the labels, and from minute 1.0")
    assert said[3].startswith("planned: part 2, until minute 7.0")


def test_without_other_images_it_is_supervised_training() -> None:
    assert lines(unlabeled=0)[-1] == (
        "planned: supervised training, for there are no images without labels"
    )


def test_of_other_methods_there_is_nothing_to_say() -> None:
    config = Config(method="supervised")
    assert plan_lines(config, config, 10) == []
