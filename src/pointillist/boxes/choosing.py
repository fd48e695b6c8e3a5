"""Where the boxes of a prediction come from: a detector's file, the run's box finder, the data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pointillist.boxes.detector import BoxDetector, Detections
from pointillist.boxes.prediction import has_boxes
from pointillist.boxes.suppression import ScoredBox
from pointillist.dataset import Dataset
from pointillist.errors import ConfigError, DataError
from pointillist.exported import ExportedModel, Model
from pointillist.usual_box import UsualBox, described, with_usual_boxes


def choose_boxes(
    run: Model,
    dataset: Dataset,
    *,
    localize: bool | None = None,
    boxes: str | Path | None = None,
    score: float | None = None,
    device: str = "auto",
    quiet: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> Detections | None:
    """Boxes to predict in; none: the data's own, or whole images.

    Args:
        run: its box finder is used, if it has one; exported files have none.
        dataset: the images.
        localize: find boxes in every image; false: in none; none: in those of which the data
            knows no box, if the run has a box finder; without one, the box that the run's
            labelled images agree on, if they do.
        boxes: a detector's boxes, as :mod:`pointillist.boxes.given` reads them.
        score: less certain boxes are dropped; none: each source has its own limit.
        device: of the box finder.
        quiet: no progress bar.
        say: is told what was chosen, where nobody asked for it.

    Raises:
        ConfigError: two sources are given.
        DataError: the file does not fit, or the run has no box finder.
    """
    if boxes is not None:
        from pointillist.boxes.given import read_detections

        if localize:
            raise ConfigError("boxes are given and are to be found: choose one")
        found, strange = read_detections(boxes, dataset, score)
        if strange:
            say(f"{strange} detections in {boxes} are of other images")
        return Detections(list(found), {})
    unknown = [i for i, known in enumerate(has_boxes(dataset)) if not known]
    asked = localize is not None
    if not (localize if asked else unknown and needs_boxes(run)):
        usual = None if asked or isinstance(run, ExportedModel) else run.usual_box
        if usual is None or not unknown:
            return None
        say(described(usual, len(unknown)))
        return _usual(dataset, unknown, usual)
    detector = _detector(run, score, device)
    if not asked:
        say(f"no boxes are known in {len(unknown)} images: the run's box finder looks for them")
    which = list(range(len(dataset))) if asked else unknown
    return detector.detect_in(dataset, which, quiet=quiet)


def _usual(dataset: Dataset, unknown: list[int], usual: UsualBox) -> Detections:
    """The usual box in those images; one whose file cannot be read is left to the prediction."""
    boxed = with_usual_boxes(dataset.subset(dataset[i] for i in unknown), usual)
    boxes: list[list[ScoredBox] | None] = [None] * len(dataset)
    for i, image in zip(unknown, boxed, strict=True):
        boxes[i] = [ScoredBox(box, 1.0) for box in image.boxes] or None
    return Detections(boxes, {})


def box_detector(
    run: Model,
    *,
    localize: bool | None = None,
    score: float | None = None,
    device: str = "auto",
    say: Callable[[str], None] = lambda line: None,
) -> BoxDetector | None:
    """What finds boxes in a video, of which none are known; none: whole frames are predicted.

    Arguments and errors are those of :func:`choose_boxes`.
    """
    asked = localize is not None
    if not (localize if asked else needs_boxes(run)):
        return None
    detector = _detector(run, score, device)
    if not asked:
        say("the run's box finder looks for the objects in every frame")
    return detector


def needs_boxes(run: Model) -> bool:
    """Whether a box finder was trained with the network, to which whole images are strange then."""
    if isinstance(run, ExportedModel):
        return run.description.trained_on_boxes
    return run.box_finder_weights.exists()


def _detector(run: Model, score: float | None, device: str) -> BoxDetector:
    if isinstance(run, ExportedModel):
        raise DataError(
            "this file was exported without the run's box finder, so it finds no objects",
            where=run.path,
            do="Predict with the run itself, give --boxes, or say --no-localize.",
        )
    return BoxDetector(run.box_finder(), run.config.box_finder, score=score, device=device)
