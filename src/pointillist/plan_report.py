"""What a training will do, in words, before it begins."""

from __future__ import annotations

from pointillist.config import Config
from pointillist.methods import Method
from pointillist.methods.auto import Auto
from pointillist.methods.base import first_step


def plan_lines(given: Config, config: Config, method: Method, unlabeled: int) -> list[str]:
    """What the default method has chosen, and the parts that it consists of; of other methods
    there is nothing to say.

    Args:
        given: what was asked for.
        config: with what was planned (:func:`pointillist.planning.planned`).
        method: made from it.
        unlabeled: crops without labels that steps ask for.
    """
    if not isinstance(method, Auto):
        return []
    lines, training = [], config.training
    if training.max_minutes is not None:
        lines.append(f"{training.max_minutes:g} minutes, at most {training.max_steps:,} steps")
    elif "max_steps" not in given.training.model_fields_set:
        lines.append(f"{training.max_steps:,} steps")
    if config.method_options.get("turned") != given.method_options.get("turned"):
        lines.append("crops turned every way, as the labelled objects lie")
    if config.input.margin != given.input.margin:
        lines.append(f"crops of {config.input.margin:g} times the boxes")
    if unlabeled:
        lines += _parts(config, method)
    else:
        none = (
            "no step asks for images" if not training.unlabeled_per_step else "there are no images"
        )
        lines.append(f"supervised training: {none} without labels")
    return [f"planned: {line}" for line in lines]


def _parts(config: Config, method: Auto) -> list[str]:
    """A line for each part."""
    options = method.options
    first = "the labels"
    if options.burn_in < options.renewed:
        averages = options.teacher == "average" and config.training.ema_decay > 0
        first += f", and from {_when(config, options.burn_in)} on " + (
            "what the averaged network says of the other images"
            if averages
            else "the other images too"
        )
    if options.renewed == 1:
        return [first]
    width, height = config.input.width, config.input.height
    large = small = ""
    if method.detail > 1:
        large = ", in crops of {}x{} px".format(*method.closer_size)
        small = f", in crops of {width}x{height} px, as predictions are made from"
    lines = [f"part 1, until {_when(config, options.renewed)}: {first}{large}"]
    fresh = method.relabeled > options.renewed
    if fresh or not large:
        until = f"until {_when(config, method.relabeled)}" if fresh else "the rest"
        lines.append(
            f"part 2, {until}: a fresh network learns what the first one says of the other "
            f"images{large}"
        )
    if fresh:
        lines.append(f"part 3, the rest: it learns what it says of them itself{small}")
        if options.fresh_steps is not None:
            lines.append(
                f"if there is no time for {options.fresh_steps:,} steps of part 2, the first "
                "network goes on instead, from half of the training on with small crops"
            )
    elif large:
        lines.append(f"part 2, the rest: it learns what it says of the other images{small}")
    if large:
        lines.append(
            f"a large crop takes {method.detail**2:.1f} times as long as a small one; "
            "without them: --set method_options.detail=1"
        )
    return lines


def _when(config: Config, share: float) -> str:
    """A share of the training, in steps or by its clock, whichever comes first."""
    step = f"step {first_step(share, config.training.max_steps):,}"
    minutes = config.training.max_minutes
    return step if minutes is None else f"minute {minutes * share:.1f} (or {step}, if sooner)"
