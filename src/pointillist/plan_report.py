"""What a training will do, in words, before it begins."""

from __future__ import annotations

import math

from pointillist.config import Config, validate
from pointillist.methods.auto import AutoOptions


def plan_lines(given: Config, config: Config, unlabeled: int) -> list[str]:
    """What the default method has chosen, and the parts that it consists of; of other methods
    there is nothing to say.

    Args:
        given: what was asked for.
        config: with what was planned (:func:`pointillist.planning.planned`).
        unlabeled: crops without labels.
    """
    if config.method != "auto":
        return []
    lines, training = [], config.training
    if training.max_minutes is not None:
        lines.append(
            f"planned: {training.max_minutes:g} minutes, at most {training.max_steps:,} steps"
        )
    elif training.max_steps != given.training.max_steps:
        lines.append(f"planned: {training.max_steps:,} steps")
    if config.method_options.get("turned") != given.method_options.get("turned"):
        lines.append("planned: crops turned every way, as the labelled objects lie")
    if config.input.margin != given.input.margin:
        lines.append(f"planned: crops of {config.input.margin:g} times the boxes")
    if not unlabeled:
        return [*lines, "planned: supervised training, for there are no images without labels"]
    options = validate(AutoOptions, config.method_options, where="method_options")
    return lines + _parts(config, options)


def _parts(config: Config, options: AutoOptions) -> list[str]:
    """A line for each network that learns, if there are several."""
    if options.renewed == 1:
        return []
    width, height = config.input.width, config.input.height
    large = ""
    if options.detail > 1:
        large = f", in crops of {round(width * options.detail)}x{round(height * options.detail)} px"
    small = f", in crops of {width}x{height} px, as predictions are made from" if large else ""
    relabeled = options.relabeled
    if relabeled is None:
        relabeled = (1 + options.renewed) / 2
    fresh = relabeled > options.renewed
    until, then = _when(config, options.renewed), _when(config, relabeled)
    lines = [
        f"part 1, until {until}: the labels, and from {_when(config, options.burn_in)} on what "
        f"the averaged network says of the other images{large}"
    ]
    if fresh or not large:
        lines.append(
            f"part 2, {f'until {then}' if fresh else 'the rest'}: a fresh network learns what the "
            f"first one says of the other images{large}"
        )
    if fresh:
        lines.append(f"part 3, the rest: it learns what it says of them itself{small}")
    elif large:
        lines.append(f"part 2, the rest: it learns what it says of the other images{small}")
    if large:
        lines.append(
            f"a large crop takes {options.detail**2:.1f} times as long as a small one; "
            "without them: --set method_options.detail=1"
        )
    return [f"planned: {line}" for line in lines]


def _when(config: Config, share: float) -> str:
    """A share of the training, by its clock or in steps."""
    minutes = config.training.max_minutes
    if minutes is not None:
        return f"minute {minutes * share:.1f}"
    return f"step {math.ceil(share * config.training.max_steps):,}"
