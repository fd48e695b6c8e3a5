"""Predicting points: a trained network over images, in batches, while the next ones decode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.backend import Backend, TorchBackend
from pointillist.boxes.choosing import choose_boxes, needs_boxes
from pointillist.boxes.data import with_boxes
from pointillist.boxes.prediction import has_boxes, predict_in_boxes
from pointillist.crops import CropSpec
from pointillist.dataset import VISIBLE, Dataset, Image, Instance
from pointillist.decoding import decoded_batches
from pointillist.errors import DataError
from pointillist.exported import Model, open_model
from pointillist.formats import open_dataset
from pointillist.media import is_video
from pointillist.missing import as_meant
from pointillist.progress import counted
from pointillist.run import Run
from pointillist.samples import Crop, Sample, all_samples


@dataclass(frozen=True)
class _Prediction:
    points: np.ndarray
    confidence: np.ndarray
    file_size: tuple[int, int]


class Predictor:
    """A network that is ready to predict.

    Args:
        backend: the network and what computes it.
        batch_size: crops at a time.
        workers: threads that decode.
    """

    def __init__(self, backend: Backend, *, batch_size: int = 32, workers: int = 2) -> None:
        self.backend, self.skeleton = backend, backend.skeleton
        self.batch_size, self.workers = batch_size, workers
        self.spec = CropSpec(*backend.size, backend.margin)

    @classmethod
    def open(
        cls,
        source: Model | str | Path,
        *,
        flip: bool = True,
        device: str = "auto",
        batch_size: int = 32,
        workers: int = 2,
    ) -> Predictor:
        """The network of a run or of an exported file.

        Args:
            source: the run or its folder, or the file.
            flip: average over the image and its mirror image; needs left-right pairs. Exported
                files do it or do not, as they were exported.
            device: ``auto`` takes a GPU if there is one; exported files run on the processor.
            batch_size, workers: as for the constructor.
        """
        model = open_model(source)
        backend: Backend
        if isinstance(model, Run):
            backend = TorchBackend(
                model.network(),
                model.skeleton,
                model.config.input,
                flip=flip,
                device=device,
                calibration=model.calibration,
            )
        else:
            backend = model.backend(flip=flip, device=device)
        return cls(backend, batch_size=batch_size, workers=workers)

    def predict(self, dataset: Dataset, *, quiet: bool = True) -> Dataset:
        """Predicts every instance's points, or, where no instance is known, every box's or image's.

        Labels are not looked at, only boxes. Predicted instances come in the order of the true
        ones, so that scores can be paired.

        Returns:
            the same images with predicted instances; files that could not be read are named in
            its ``problems``, and their images have a ``problem`` and no instances.
        """
        samples = all_samples(dataset)
        found: dict[int, list[Instance]] = {id(image): [] for image in dataset.images}
        sizes: dict[int, tuple[int, int]] = {}
        problems: dict[int, str] = {}
        with counted("predicting", len(samples), quiet) as progress:
            for done, (sample, result) in enumerate(self._results(samples), start=1):
                if isinstance(result, DataError):
                    problems[id(sample.image)] = str(result)
                else:
                    found[id(sample.image)].append(_instance(sample, result))
                    sizes[id(sample.image)] = result.file_size
                if progress is not None:
                    progress(done, len(samples))
        images = []
        for image in dataset.images:
            width, height = sizes.get(id(image), (image.width, image.height))
            images.append(
                replace(
                    image,
                    instances=found[id(image)],
                    boxes=[],
                    width=width,
                    height=height,
                    problem=problems.get(id(image)),
                )
            )
        predicted = Dataset(self.skeleton, images, dataset.root, dataset.name)
        predicted.problems = list(dict.fromkeys(problems.values()))
        return predicted

    def instances(self, samples: Sequence[Sample], crops: Sequence[Crop]) -> list[Instance]:
        """What is predicted in crops that are decoded already: one instance for each sample."""
        return [_instance(s, p) for s, p in zip(samples, self._run(crops), strict=True)]

    def _results(
        self, samples: Sequence[Sample]
    ) -> Iterator[tuple[Sample, _Prediction | DataError]]:
        batches = decoded_batches(samples, self.spec, self.batch_size, self.workers)
        for chunk, crops in batches:
            good = [crop for crop in crops if isinstance(crop, Crop)]
            predictions = iter(self._run(good)) if good else iter(())
            for sample, crop in zip(chunk, crops, strict=True):
                yield sample, crop if isinstance(crop, DataError) else next(predictions)

    def _run(self, crops: Sequence[Crop]) -> list[_Prediction]:
        points, confidence = self.backend(np.stack([crop.pixels for crop in crops]))
        return [
            _Prediction(_in_file(p, crop.to_file), c, crop.file_size)
            for p, c, crop in zip(points, confidence, crops, strict=True)
        ]


def _in_file(points: np.ndarray, to_file: np.ndarray) -> np.ndarray:
    """Points (K, 2) through a homography (3, 3)."""
    moved = points @ to_file[:, :2].T + to_file[:, 2]
    return moved[:, :2] / moved[:, 2:]


def _instance(sample: Sample, prediction: _Prediction) -> Instance:
    known = sample.instance
    return Instance(
        points=prediction.points,
        visibility=np.full(len(prediction.points), VISIBLE),
        box=sample.box,
        confidence=prediction.confidence,
        score=float(prediction.confidence.mean()),
        category=known.category if known else None,
        track=known.track if known else None,
        area=known.area if known else None,
        id=known.id if known else None,
    )


def as_dataset(
    source: str | Path | Dataset | Sequence[str | Path],
    format: str | None = None,
    *,
    images: str | Path | None = None,
) -> Dataset:
    """A data set, file, folder or list of files as a Dataset.

    Args:
        source: what it is to be made of.
        format: layout of the files; none: found out.
        images: folder below which images that have moved are looked for by name.
    """
    if isinstance(source, Dataset):
        return source
    if isinstance(source, (str, Path)):
        if is_video(source):
            raise DataError(
                "a video is no data set",
                where=source,
                do="Predict it with pointillist.video_prediction.predict_video.",
            )
        return open_dataset(source, format, images=images)
    paths = [Path(path) for path in source]
    if len(paths) == 1:
        return open_dataset(paths[0], format, images=images)
    parts = [open_dataset(path, format, images=images) for path in paths]
    joined: list[Image] = []
    for part in parts:
        joined += [replace(image, path=str(part.file(image).resolve())) for image in part.images]
    skeletons = [part.skeleton for part in parts if part.skeleton is not None]
    dataset = Dataset(skeletons[0] if skeletons else None, joined, Path.cwd())
    dataset.problems = [line for part in parts for line in part.problems]
    meant = [part.missing_absent for part in parts if part.labeled]
    dataset.missing_absent = bool(meant) and all(meant)
    return dataset


def predict(
    run: Model | str | Path,
    images: str | Path | Dataset | Sequence[str | Path],
    *,
    flip: bool = True,
    device: str = "auto",
    localize: bool | None = None,
    boxes: str | Path | None = None,
    box_score: float | None = None,
    quiet: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> Dataset:
    """Predicts points with a trained run or an exported file.

    Args:
        run: the run or its folder, or the file.
        images: a data set, a folder, a file or a list of files. Where instances or boxes are
            known their boxes are used, otherwise whole images.
        flip: average over the image and its mirror image.
        device: ``auto``, ``cpu``, ``cuda``...
        localize, boxes, box_score: where other boxes come from, see
            :func:`pointillist.boxes.choosing.choose_boxes`.
        quiet: no progress bar.
        say: is told what was chosen where nobody asked.

    Returns:
        the images with predicted instances: points in the file's pixels, confidence in [0, 1].
        ``problems`` has what was noticed in reading the data, and names every file that could not
        be read, with the reason.
    """
    run = open_model(run)
    dataset = as_dataset(images)
    predictor = Predictor.open(run, flip=flip, device=device)
    detections = choose_boxes(
        run,
        dataset,
        localize=localize,
        boxes=boxes,
        score=box_score,
        device=device,
        quiet=quiet,
        say=say,
    )
    in_data = partial(predictor.predict, quiet=quiet)
    if detections is None:
        predicted = in_data(dataset)
    else:
        predicted = predict_in_boxes(in_data, dataset, detections)
    predicted.problems = [*dataset.problems, *predicted.problems]
    return predicted


def evaluate(
    run: Model | str | Path,
    data: str | Path | Dataset,
    *,
    alphas: Sequence[float] = (0.05, 0.1, 0.2),
    normalizer: Any = "bbox",
    missing_absent: bool | None = None,
    flip: bool = True,
    device: str = "auto",
    localize: bool | None = None,
    boxes: str | Path | None = None,
    box_score: float | None = None,
    quiet: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[dict[str, Any], Dataset, Dataset]:
    """Scores a trained run or an exported file on annotated data.

    Crops are taken around the annotated boxes, one for each instance. Where boxes are found or
    given instead, predictions are matched to instances by OKS, and what was missed and what is
    extra is counted.

    Args:
        run: the run or its folder, or the file.
        data: annotated.
        alphas, normalizer: see :func:`pointillist.metrics.score`.
        missing_absent: whether points that lack in a labelled object are absent, which counts in
            ``absence_auc`` alone; none: as the data means it.
        flip, device, quiet, say: as for :func:`predict`.
        localize, boxes, box_score: as for :func:`predict`, but without ``localize`` boxes are
            only found if the data has none at all.

    Returns:
        scores as :func:`pointillist.metrics.score` gives them, the truth (readable images with
        annotated points) and the predictions, paired if no boxes were found or given.

    Raises:
        DataError: nothing is annotated, the skeletons differ, or no file can be read.
    """
    from pointillist.metrics import score
    from pointillist.metrics.evaluation import check_measure

    check_measure(alphas, normalizer)
    run = open_model(run)
    truth = as_meant(as_dataset(data), missing_absent)
    noticed = truth.problems
    if truth.skeleton is None or truth.skeleton.keypoints != run.skeleton.keypoints:
        raise DataError(
            f"this data has other keypoints than the run {run.path}",
            where=truth.root,
            do=f"The run's are: {', '.join(run.skeleton.keypoints)}.",
        )
    truth = truth.subset(truth.labeled)
    if not truth.images:
        raise DataError("nothing is annotated here", where=truth.root)
    if localize is None and any(has_boxes(truth)):
        localize = False
    options: dict[str, Any] = {"flip": flip, "device": device, "quiet": quiet, "say": say}
    finds = needs_boxes(run)
    detected = boxes is not None or localize or (localize is None and finds)
    if detected:
        options |= {"localize": localize, "boxes": boxes, "box_score": box_score}
        predicted = predict(run, truth, **options)
    else:
        # Crowds and instances without points stay in the truth: COCO's average precision ignores
        # what is predicted there. They are not asked for.
        truth = truth.subset(image for image in truth if any(i.usable for i in image.instances))
        asked = truth.subset(
            replace(image, instances=[i for i in image.instances if i.usable]) for image in truth
        )
        # Trained with boxes around the points, the network has never seen a whole image.
        given = with_boxes(asked) if finds else asked
        predicted = predict(run, given, localize=False, **options)
    kept = [image.problem is None for image in predicted.images]
    if not any(kept):
        raise DataError(
            f"none of the images can be read, such as {predicted.problems[0]}",
            where=truth.root,
            do="If they have moved, name the folder that holds them with --images.",
        )
    problems = [*noticed, *predicted.problems]
    truth = truth.subset(i for i, keep in zip(truth.images, kept, strict=True) if keep)
    predicted = predicted.subset(i for i, keep in zip(predicted.images, kept, strict=True) if keep)
    predicted.problems = problems
    scores = score(truth, predicted, alphas=alphas, normalizer=normalizer, paired=not detected)
    return scores, truth, predicted


def evaluate_one_look(run: Run, data: Dataset, *, quiet: bool = True) -> dict[str, Any]:
    """Scores of :func:`evaluate` with every crop seen once: no mirror image, no copies, and
    points where the heatmaps are highest, not smoothed.

    What training alone has given: averaging over looks adds to a network what another one may
    have learnt, so that methods are further apart, or closer together, than what they teach.
    """
    config = run.config.model_copy(deep=True)
    config.input.copies, config.input.smoothing = False, 0.0
    scores, _, _ = evaluate(Run(run.path, config, run.skeleton), data, flip=False, quiet=quiet)
    return scores
