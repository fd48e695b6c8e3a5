"""What the default method decides from the data, where nobody else has."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pointillist.config import Config, TrainingOptions, validate
from pointillist.methods.auto import HALF, AutoOptions

#: Steps on the labels alone until nothing more comes of them, and passes over the labelled and the
#: other images: after ten of these it still learns (``docs/findings.md``).
_LABELED_STEPS, _LABELED_PASSES, _UNLABELED_PASSES = 2000, 10, 20

#: Bounds of a schedule; labels alone get no fewer steps than any other training has by default.
_FEWEST, _MOST = 3000, 40_000
_ALONE = TrainingOptions().max_steps

#: Steps after which the teacher begins, and in which its weight grows; and as shares of the first
#: network's training, at most.
_BURN_IN, _RAMP = (1000, 0.25), (400, 0.1)

#: Objects lie every way where more than this share is turned by over 90 degrees: a third of the
#: people of LSP, a twentieth of the birds of CUB (``docs/findings.md``).
_EVERY_WAY = 0.2

#: Share of a training after which a fresh network begins, from weights that know something, and
#: after which crops get small. The fresh one is worth its steps where it sees the other images so
#: often; where it does not, the first one has half of the training (``docs/findings.md``).
_RENEWED, _RELABELED = 0.4, 0.7
_FRESH_PASSES = 13

#: Share of labelled crops in a step once it has begun, at least: the few labelled ones have been
#: seen hundreds of times by then (``docs/findings.md`` has what other shares do).
_FEWEST_KNOWN = 0.25

#: Rate of a fresh network's backbone: it has a label for each image, not all of them right, and
#: what it knew before is worth keeping (``docs/findings.md``).
_FRESH_BACKBONE = 0.3

#: Pixels of the longer side until the last part: a pretrained network knows objects of about this
#: size. At most so many times the usual pixels each way.
_CLOSER, _CLOSEST = 160, 4.0

#: Crops go so far beyond what nine in ten points reach, and at least show the box.
_BEYOND, _NARROWEST = 1.1, 1.0


def planned(
    config: Config,
    labeled: int,
    unlabeled: int,
    turned: Callable[[], float],
    reach: Callable[[], float | None],
) -> Config:
    """The config with what ``auto`` chooses for it; of other methods it is returned as it is.

    What is given stays: a step count from a file, a preset or the command line, an option of the
    training, of the method or of the prediction. With unlabelled images a rate that falls would
    end what still rises: the averaged weights do what its fall is for. A teacher that can begin
    need not wait for a share of a longer training. A time limit alone leaves the steps to be
    planned, and ends the training if it comes first; the schedule then runs by time, and whether
    a fresh network gets steps enough is reckoned when it would begin. Crops are as
    narrow as the labelled points allow, for a network sees the more of an object the larger it
    is; not where boxes are to be found, which are less exact than given ones. For the same reason
    small crops are larger until the last part, which then gets more of them a step.

    Args:
        config: of a training that has not begun.
        labeled, unlabeled: crops, of which an image may have several.
        turned: computes the share of labelled objects that lie otherwise than the usual
            (:func:`pointillist.poses.turned_share`).
        reach: computes how far out in their boxes points lie (:func:`pointillist.poses.reach`).
            Neither is asked where nothing depends on it.

    Raises:
        ConfigError: an option of the method is wrong.
    """
    if config.method != "auto":
        return config
    given = validate(AutoOptions, config.method_options, "method_options").model_dump(
        exclude_unset=True
    )
    training = _training(config, labeled, unlabeled)
    steps = training.get("max_steps", config.training.max_steps)
    options: dict[str, Any] = {}
    open_to_plan = "rotation" not in config.views.model_fields_set and "turned" not in given
    if open_to_plan and turned() > _EVERY_WAY:
        options["turned"] = 180.0
    options |= _networks(config, given, labeled, unlabeled, steps)
    options |= _waiting(config, (options | given).get("renewed", 1.0), steps)
    return config.model_copy(
        update={
            "training": config.training.model_copy(update=training),
            "method_options": options | config.method_options,
            "input": config.input.model_copy(update=_prediction(config, reach)),
        }
    )


def _training(config: Config, labeled: int, unlabeled: int) -> dict[str, Any]:
    """Options of the training: how many steps, and a rate that stays."""
    options, given = config.training, config.training.model_fields_set
    training: dict[str, Any] = {}
    if "max_steps" not in given:
        processes = options.devices * options.nodes
        training["max_steps"] = schedule(
            labeled,
            unlabeled,
            processes * options.labeled_per_step,
            processes * options.unlabeled_per_step,
        )
    if unlabeled and "schedule" not in given:
        training["schedule"] = "constant"
    return training


def _networks(
    config: Config, given: dict[str, Any], labeled: int, unlabeled: int, steps: int
) -> dict[str, Any]:
    """Options of the method: when another network begins, and what it sees."""
    pretrained = config.model.pretrained or config.model.weights is not None
    if not unlabeled or not pretrained or given.get("renewed") == 1:
        return {}
    known = round(max(_FEWEST_KNOWN, labeled / (labeled + unlabeled)), 4)
    options: dict[str, Any] = {"renewed": _RENEWED, "known": known}
    closer = min(_CLOSER / max(config.input.width, config.input.height), _CLOSEST)
    detail = given.get("detail", round(closer, 4))
    if detail > 1:
        options["detail"] = detail
        # So many small crops cost what the large ones did.
        options["last_batch"] = round(detail**2, 2)
        training = config.training
        per_step = training.labeled_per_step + training.unlabeled_per_step
        crops = steps * training.devices * training.nodes * per_step
        fresh = (_RELABELED - _RENEWED) * crops * (1 - known)
        wanted = _FRESH_PASSES * unlabeled
        if fresh < wanted:
            options["renewed"] = options["relabeled"] = HALF
        elif training.max_minutes is not None and not {"renewed", "relabeled"} & given.keys():
            # Nobody knows yet how many steps there is time for. If for all, that is enough.
            each = training.devices * training.nodes * training.unlabeled_per_step
            enough = int((_RELABELED - _RENEWED) * steps) - 1
            options["fresh_steps"] = max(min(math.ceil(wanted / max(each, 1)), enough), 1)
    chosen = options | given
    goes_on = detail > 1 and (chosen.get("relabeled") or 1.0) <= chosen["renewed"]
    if not goes_on and "backbone_rate" not in config.training.model_fields_set:
        options["later_backbone_rate"] = _FRESH_BACKBONE
    return options


def _waiting(config: Config, first: float, steps: int) -> dict[str, Any]:
    """Options of the method: how long the teacher waits and grows, of the first network's share."""
    options = {}
    for name, (most, share) in (("burn_in", _BURN_IN), ("ramp", _RAMP)):
        options[name] = round(share * first, 4)
        if config.training.max_minutes is None:  # otherwise nobody knows how many steps there are
            options[name] = min(options[name], most / steps)
    return options


def _prediction(config: Config, reach: Callable[[], float | None]) -> dict[str, Any]:
    """Options of the input: narrow crops, copies, smoothed heatmaps."""
    given = config.input.model_fields_set
    prediction: dict[str, Any] = {}
    if "margin" not in given and not config.localize:
        reached = reach()
        if reached is not None:
            narrow = max(_NARROWEST, _BEYOND * reached)
            prediction["margin"] = round(min(narrow, config.input.margin), 2)
    if "copies" not in given:
        prediction["copies"] = True
    if "smoothing" not in given:
        prediction["smoothing"] = config.input.sigma
    return prediction


def schedule(labeled: int, unlabeled: int, labeled_per_step: int, unlabeled_per_step: int) -> int:
    """How many steps are worth it: 375 labelled and 7,125 unlabelled images get 10,900.

    Few labels are soon learnt by heart, whatever their number (``docs/findings.md``); many, and
    unlabelled images, have to be seen several times.

    Args:
        labeled, unlabeled: crops there are.
        labeled_per_step, unlabeled_per_step: crops of a step, in all processes.
    """
    steps = _LABELED_STEPS + max(
        _LABELED_PASSES * labeled / labeled_per_step,
        _UNLABELED_PASSES * unlabeled / max(unlabeled_per_step, 1),
    )
    fewest = _FEWEST if unlabeled else _ALONE
    return 100 * round(min(max(steps, fewest), _MOST) / 100)
