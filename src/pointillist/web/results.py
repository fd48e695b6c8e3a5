"""What the Results tab shows: scores per keypoint, the curve over rounds, the worst errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.identity import Key, keys_in, keys_of
from pointillist.web.jobs import read_curves
from pointillist.web.predictions import match
from pointillist.web.session import Session
from pointillist.web.start import RUNS

#: Column of ``metrics.csv`` that the curve over rounds shows.
VALIDATION = "val/pck@0.1"

#: Images in the gallery of worst errors.
WORST = 24

#: A label this near to its prediction, in pixels, is that prediction: both are stored rounded.
SAME = 0.002


def results_of(session: Session) -> dict[str, Any]:
    """Everything the tab shows, as JSON."""
    trained_on = _trained_on(session)
    project = session.project
    session.overview()
    keys = dict(
        zip((i.id for i in project.dataset), keys_of(project.dataset.root, project.dataset),
            strict=True)
    )  # fmt: skip
    compared = [
        image
        for image in project.dataset
        if image.labeled and image.id is not None and session.predictions.of(image.id)
    ]
    seen = trained_on or set()
    unseen = [image for image in compared if keys[image.id] not in seen]
    # A label that was made by accepting the prediction says nothing about the prediction, and
    # what was corrected beside it was not chosen by chance.
    fresh = [image for image in unseen if not _accepted(session, image)]
    return {
        "rounds": [
            {**entry, "score": _best(session, entry["name"])} for entry in session.rounds.rounds
        ],
        "known": trained_on is not None,
        "new": _scores(session, fresh),
        "accepted": len(unseen) - len(fresh),
        "trained": _scores(session, [i for i in compared if keys[i.id] in seen]),
        "worst": _worst(session, compared, {image.id for image in fresh}),
    }


def _paired(session: Session, image: Image) -> list[Instance]:
    """For each label of an image its prediction; an empty instance where there is none."""
    predicted = session.predictions.of(image.id or 0)
    partners = match(image.instances, predicted)
    of_label = dict(zip(partners, predicted, strict=True))
    count = len(session.project.skeleton)
    nothing = Instance(np.full((count, 2), np.nan), np.zeros(count))
    return [of_label.get(label, nothing) for label in range(len(image.instances))]


def _accepted(session: Session, image: Image) -> bool:
    """Whether points of an image were labelled by accepting the predictions that are shown."""
    return any(
        bool((np.abs(label.points - guess.points) < SAME).all(axis=1).any())
        for label, guess in zip(image.instances, _paired(session, image), strict=True)
    )


def _trained_on(session: Session) -> set[Key] | None:
    """The images whose labels the network learned from that predicted; none if nobody knows."""
    run = session.rounds.predicted_by
    return None if run is None else keys_in(run / "split" / "labeled.json")


def _best(session: Session, name: str) -> float | None:
    rows = read_curves(session.project.folder / RUNS / name / "metrics.csv")
    return max((row[VALIDATION] for row in rows if VALIDATION in row), default=None)


def _scores(session: Session, images: list[Image]) -> dict[str, Any] | None:
    """PCK@0.1 and pixel error, overall and per keypoint; none where there is nothing to score."""
    from pointillist.metrics import score

    if not images:
        return None
    truth = session.project.dataset.subset(images)
    guesses = [Image(i.path, i.width, i.height, _paired(session, i), frame=i.frame) for i in images]
    try:
        scores = score(
            truth,
            Dataset(truth.skeleton, guesses, truth.root),
            alphas=(0.1,),
            which=("pck", "pixel"),
            paired=True,
        )
    except DataError as error:
        return {"images": len(images), "reason": str(error)}
    return {"images": len(images), "scores": scores}


def _worst(session: Session, images: list[Image], fresh: set[int | None]) -> list[dict[str, Any]]:
    rows = {row[0]: row for row in session.overview()["rows"]}
    ranked = sorted(
        (image for image in images if rows[image.id][5] is not None),
        key=lambda image: -rows[image.id][5],
    )
    return [
        {"id": image.id, "error": rows[image.id][5], "new": image.id in fresh}
        for image in ranked[:WORST]
    ]
