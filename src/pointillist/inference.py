"""Predicting points: a trained network over images, in batches, while the next ones decode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pointillist.augment import ViewMaker
from pointillist.batch import Batch
from pointillist.config import InputOptions
from pointillist.crops import CropSpec
from pointillist.dataset import VISIBLE, Dataset, Image, Instance
from pointillist.decoding import decoded_batches
from pointillist.errors import DataError
from pointillist.formats import open_dataset
from pointillist.models.localizer import Localizer
from pointillist.points import predict_points
from pointillist.precision import inference_autocast
from pointillist.progress import counted
from pointillist.run import Run
from pointillist.samples import Crop, Sample, all_samples
from pointillist.skeleton import Skeleton


@dataclass(frozen=True)
class _Prediction:
    points: np.ndarray
    confidence: np.ndarray
    file_size: tuple[int, int]


class Predictor:
    """A network that is ready to predict.

    Args:
        network: the trained localizer.
        skeleton: of its points.
        options: size, margin and decoding that it was trained with.
        flip: average over the image and its mirror image; needs left-right pairs.
        device: ``auto`` takes a GPU if there is one.
        batch_size: crops at a time.
        workers: threads that decode.
    """

    def __init__(
        self,
        network: Localizer,
        skeleton: Skeleton,
        options: InputOptions,
        *,
        flip: bool = True,
        device: str = "auto",
        batch_size: int = 32,
        workers: int = 2,
    ) -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        self.network = network.eval().to(self.device).to(memory_format=torch.channels_last)
        self.skeleton, self.options = skeleton, options
        self.flip = flip and bool(skeleton.flip_pairs)
        self.batch_size, self.workers = batch_size, workers
        size = (options.width, options.height)
        self.views = ViewMaker(size, skeleton, network.mean, network.std)
        self.spec = CropSpec(*size, options.margin)

    @classmethod
    def open(cls, run: Run | str | Path, **options: Any) -> Predictor:
        """The network of a run; further options as for the constructor."""
        run = run if isinstance(run, Run) else Run.open(run)
        return cls(run.network(), run.skeleton, run.config.input, **options)

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

    @torch.inference_mode()
    def _run(self, crops: Sequence[Crop]) -> list[_Prediction]:
        batch = self._batch(crops).to(self.device)
        with inference_autocast(self.network, self.device):
            points, confidence = predict_points(
                self.network, self.views, batch, decoding=self.options.decoding, flip=self.flip
            )
        return [
            _Prediction(p, c, crop.file_size)
            for p, c, crop in zip(
                points.cpu().numpy(), confidence.float().cpu().numpy(), crops, strict=True
            )
        ]

    def _batch(self, crops: Sequence[Crop]) -> Batch:
        count, keypoints = len(crops), len(self.skeleton)
        to_file = np.stack([crop.to_file for crop in crops]).astype(np.float32)
        sizes = np.array([crop.file_size for crop in crops], dtype=np.float32)
        return Batch(
            images=torch.from_numpy(np.stack([crop.pixels for crop in crops])).permute(0, 3, 1, 2),
            points=torch.full((count, keypoints, 2), torch.nan),
            annotated=torch.zeros(count, keypoints, dtype=torch.bool),
            labeled=torch.zeros(count, dtype=torch.bool),
            to_file=torch.from_numpy(to_file),
            file_size=torch.from_numpy(sizes),
            index=torch.arange(count),
        )


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


def as_dataset(images: str | Path | Dataset | Sequence[str | Path]) -> Dataset:
    """A data set, file, folder or list of files as a Dataset."""
    if isinstance(images, Dataset):
        return images
    if isinstance(images, (str, Path)):
        return open_dataset(images)
    paths = [Path(path) for path in images]
    if len(paths) == 1:
        return open_dataset(paths[0])
    parts = [open_dataset(path) for path in paths]
    joined: list[Image] = []
    for part in parts:
        joined += [replace(image, path=str(part.file(image).resolve())) for image in part.images]
    skeletons = [part.skeleton for part in parts if part.skeleton is not None]
    return Dataset(skeletons[0] if skeletons else None, joined, Path.cwd())


def predict(
    run: Run | str | Path,
    images: str | Path | Dataset | Sequence[str | Path],
    *,
    flip: bool = True,
    device: str = "auto",
    quiet: bool = True,
) -> Dataset:
    """Predicts points with a trained run.

    Args:
        run: the run or its folder.
        images: a data set, a folder, a file or a list of files. Where instances or boxes are
            known their boxes are used, otherwise whole images.
        flip: average over the image and its mirror image.
        device: ``auto``, ``cpu``, ``cuda``...
        quiet: no progress bar.

    Returns:
        the images with predicted instances: points in the file's pixels, confidence in [0, 1].
        ``problems`` names every file that could not be read, with the reason.
    """
    predictor = Predictor.open(run, flip=flip, device=device)
    return predictor.predict(as_dataset(images), quiet=quiet)


def evaluate(
    run: Run | str | Path,
    data: str | Path | Dataset,
    *,
    alphas: Sequence[float] = (0.05, 0.1, 0.2),
    normalizer: Any = "bbox",
    flip: bool = True,
    device: str = "auto",
    quiet: bool = True,
) -> tuple[dict[str, Any], Dataset, Dataset]:
    """Scores a trained run on annotated data; crops are taken around the annotated boxes.

    Returns:
        scores as :func:`pointillist.metrics.score` gives them, the truth (readable images with
        annotated points) and the predictions.

    Raises:
        DataError: nothing is annotated, the skeletons differ, or no file can be read.
    """
    from pointillist.metrics import score

    run = run if isinstance(run, Run) else Run.open(run)
    truth = as_dataset(data)
    if truth.skeleton is None or truth.skeleton.keypoints != run.skeleton.keypoints:
        raise DataError(
            f"this data has other keypoints than the run {run.path}",
            where=truth.root,
            do=f"The run's are: {', '.join(run.skeleton.keypoints)}.",
        )
    truth = truth.subset(
        replace(image, instances=[i for i in image.instances if i.labeled and not i.crowd])
        for image in truth.labeled
    )
    if not truth.images:
        raise DataError("nothing is annotated here", where=truth.root)
    predicted = predict(run, truth, flip=flip, device=device, quiet=quiet)
    kept = [bool(image.instances) for image in predicted.images]
    if not any(kept):
        raise DataError("none of the images can be read", where=truth.root)
    problems = predicted.problems
    truth = truth.subset(i for i, keep in zip(truth.images, kept, strict=True) if keep)
    predicted = predicted.subset(i for i, keep in zip(predicted.images, kept, strict=True) if keep)
    predicted.problems = problems
    scores = score(truth, predicted, alphas=alphas, normalizer=normalizer, paired=True)
    return scores, truth, predicted
