"""All scores of a data set at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from pointillist.dataset import Dataset
from pointillist.errors import ConfigError, did_you_mean
from pointillist.metrics.absence import absence_score
from pointillist.metrics.bootstrap import interval, middle_95
from pointillist.metrics.matching import MATCH_OKS, Matches, match
from pointillist.metrics.oks import (
    AREA_RANGES,
    MAX_PREDICTIONS,
    SCORES,
    coco_value,
    evaluate_coco,
    instance_score,
)
from pointillist.metrics.oks_interval import resampled_scores
from pointillist.metrics.pck import (
    Normalizer,
    check_normalizer,
    head_lengths,
    lengths_of,
    pck_area,
    pck_score,
)
from pointillist.metrics.pixel import normalized_mean_error, pixel_errors
from pointillist.metrics.reliability import calibration_score
from pointillist.metrics.result import Metric, no_result, result
from pointillist.skeleton import Skeleton

#: The families of scores, in the order of the result.
FAMILIES = ("pck", "pckh", "oks", "nme", "pixel", "calibration", "instances")


def score(
    truth: Dataset,
    predicted: Dataset,
    *,
    alphas: Sequence[float] = (0.05, 0.1, 0.2),
    normalizer: Normalizer = "bbox",
    which: Collection[str] | None = None,
    paired: bool = False,
) -> dict[str, Metric]:
    """Every score of predictions against annotations, each with its definition in words.

    Only annotated points count, hidden ones included, but that ``absence_auc`` holds those marked
    absent against them; images without annotation are left out.

    Args:
        truth: the annotated data set.
        predicted: the same images (by path and frame) with predicted instances.
        alphas: shares of the normalising length for PCK.
        normalizer: ``bbox`` (longest side of the box), ``torso`` (distance of the skeleton's two
            torso points), ``image`` (longest side of the image), or a length in pixels.
        which: families of scores, of :data:`FAMILIES`; all without it.
        paired: predictions were made one for each annotated instance, with or without crowds and
            those without points, and are in the same order. Otherwise each image's predictions
            are matched to its instances by OKS, the most similar first.

    Returns:
        name -> score, in the shape that :mod:`pointillist.metrics.result` describes. A score that
        cannot be computed has the value none and a reason.

    Raises:
        DataError: the two data sets do not fit each other, or nothing is annotated.
        ConfigError: an unknown normaliser or family, or a share that is no positive number.
    """
    families = _families(which)
    check_measure(alphas, normalizer)
    matches = match(truth, predicted, paired=paired)
    pairs = matches.pairs
    lengths = lengths_of(pairs, normalizer)
    scores: dict[str, Metric] = {}
    if "pck" in families:
        scores |= {f"pck@{alpha:g}": pck_score(pairs, alpha, lengths) for alpha in alphas}
        scores["pck_auc"] = pck_area(pairs, lengths)
    if "pckh" in families:
        scores["pckh@0.5"] = pck_score(pairs, 0.5, head_lengths(pairs))
    if "oks" in families:
        scores |= _oks_scores(matches, pairs.skeleton)
    if "nme" in families:
        scores["nme"] = normalized_mean_error(pairs, lengths)
    if "pixel" in families:
        scores |= pixel_errors(pairs)
    if "calibration" in families:
        scores["calibration_error"] = calibration_score(pairs)
        scores["absence_auc"] = absence_score(pairs)
    if "instances" in families:
        scores |= _instance_scores(matches, paired)
    return scores


def check_measure(alphas: Sequence[float], normalizer: Normalizer) -> None:
    """Whether PCK can be computed so; to be asked before predictions are made for it.

    Raises:
        ConfigError: an unknown normaliser, or a share that is no positive number or is meant as a
            percentage.
    """
    check_normalizer(normalizer)
    for alpha in alphas:
        if not (np.isfinite(alpha) and alpha > 0):
            raise ConfigError(f"PCK at {alpha:g} of the length is not defined")
        if alpha > 1 and isinstance(normalizer, str):
            raise ConfigError(
                f"PCK at {alpha:g} times the length counts nearly every point",
                do=f"Thresholds are shares: {alpha:g} % is {alpha / 100:g}.",
            )


def _families(which: Collection[str] | None) -> Collection[str]:
    for name in which or ():
        if name not in FAMILIES:
            raise ConfigError(
                f"there is no family of scores '{name}'", do=did_you_mean(name, FAMILIES)
            )
    return FAMILIES if which is None else which


def _oks_scores(matches: Matches, skeleton: Skeleton) -> dict[str, Metric]:
    """COCO's average precision and recall."""
    truth = [image for image, _ in matches.images]
    predicted = [guess for _, guess in matches.images]
    objects = [i for image in truth for i in image.instances if i.usable]
    given = sum(instance.area is not None for instance in objects)
    area = (
        "the annotated area"
        if given == len(objects)
        else "the box's area"
        if given == 0
        else f"the annotated area ({given} instances), else the box's area"
    )
    sigmas = "the skeleton's" if skeleton.sigmas else "the default"
    definitions = {
        name: f"COCO's {words}; object size is {area}, with {sigmas} OKS sigmas; at most "
        f"{MAX_PREDICTIONS} predictions an image; crowds and instances without points are ignored"
        for name, (_, _, _, words) in SCORES.items()
    }
    guesses = [i for image in predicted for i in image.instances if i.labeled]
    if any(instance_score(instance) is None for instance in guesses):
        reason = "predictions have neither a score nor confidences to rank them by"
        return {name: no_result(reason, definition=text) for name, text in definitions.items()}
    evaluation = evaluate_coco(truth, predicted, skeleton)
    resampled = {name: resampled_scores(evaluation, limits) for name, limits in AREA_RANGES.items()}
    scores = {}
    for name, (kind, threshold, range_, _) in SCORES.items():
        low, high = AREA_RANGES[range_]
        counted = sum(low <= _coco_area(a) <= high for a in evaluation.cocoGt.anns.values())
        value = coco_value(evaluation, kind, threshold, range_)
        if value is None:
            reason = f"no annotated instance has an area of {low:g} to {high:g} square pixels"
            scores[name] = no_result(reason, definition=definitions[name])
            continue
        ends = None
        if (table := resampled[range_]) is not None:
            columns = (
                slice(None)
                if threshold is None
                else np.isclose(evaluation.params.iouThrs, threshold)
            )
            ends = middle_95(table[kind][:, columns].mean(axis=1))
        scores[name] = result(value, definition=definitions[name], n=counted, ci95=ends)
    return scores


def _coco_area(annotation: dict) -> float:
    """The area of an annotation that counts; NaN, which is in no range, of an ignored one."""
    ignored = annotation["iscrowd"] or not annotation["num_keypoints"]
    return float("nan") if ignored else annotation["area"]


def _instance_scores(matches: Matches, paired: bool) -> dict[str, Metric]:
    """Which instances were missed, and which predictions belong to none."""
    here = "predicted one by one" if paired else f"matched by OKS of at least {MATCH_OKS:g}"
    true = np.bincount(matches.pairs.image, minlength=matches.pairs.images).astype(np.float64)
    shares = {
        "missed_instances": (
            matches.missed,
            true,
            f"share of annotated instances without a prediction ({here})",
            "nothing is annotated",
        ),
        "extra_instances": (
            matches.extra,
            matches.predicted,
            f"share of predicted instances that belong to no annotated one ({here}), those in "
            "crowds and in boxes without points aside",
            "nothing was predicted",
        ),
    }
    if paired:
        del shares["extra_instances"]
    left_out = {"images: nothing in them is annotated": matches.unlabeled}
    return {
        name: _share(part, whole, definition, reason, left_out if matches.unlabeled else {})
        for name, (part, whole, definition, reason) in shares.items()
    }


def _share(
    part: np.ndarray, whole: np.ndarray, definition: str, reason: str, left_out: dict[str, int]
) -> Metric:
    """A share of instances, from (I,) counts in each image."""
    if not whole.sum():
        return no_result(reason, definition=definition, left_out=left_out)

    def statistic(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return (weights @ part) / (weights @ whole)

    return result(
        part.sum() / whole.sum(),
        definition=definition,
        n=int(whole.sum()),
        ci95=interval(statistic, len(whole)),
        left_out=left_out,
        count=int(part.sum()),
    )
