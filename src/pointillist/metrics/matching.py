"""Which prediction belongs to which annotated instance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pointillist.dataset import Dataset, Image, Instance
from pointillist.errors import DataError
from pointillist.metrics.oks import similarity
from pointillist.skeleton import Skeleton

#: A prediction less similar than this to an instance is of something else.
MATCH_OKS = 0.1


@dataclass(frozen=True)
class Pairs:
    """N annotated instances and what was predicted for each.

    Args:
        skeleton: names, torso and sigmas of the K keypoints.
        truth: the N annotated instances.
        points: (N, K, 2) where they are, NaN where not annotated.
        annotated: (N, K) bool.
        absent: (N, K) bool, marked so.
        predicted: (N, K, 2) NaN where nothing was predicted.
        confidence: (N, K) of the predicted points; NaN where there is none.
        sizes: (N, 2) width and height of each instance's image; NaN where unknown.
        image: (N,) int, which of the images each instance is in.
        image_names: what the images are called in messages.
    """

    skeleton: Skeleton
    truth: list[Instance]
    points: np.ndarray
    annotated: np.ndarray
    absent: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    sizes: np.ndarray
    image: np.ndarray
    image_names: list[str]

    @property
    def images(self) -> int:
        """Number of images, whether or not an instance of theirs is among the pairs."""
        return len(self.image_names)

    @property
    def distances(self) -> np.ndarray:
        """(N, K) pixels from annotated to predicted point; NaN where there is no such pair."""
        return np.linalg.norm(self.predicted - self.points, axis=-1)


def make_pairs(
    truth: Sequence[Instance],
    predicted: Sequence[Instance | None],
    skeleton: Skeleton,
    *,
    image: Sequence[int] | None = None,
    sizes: Sequence[tuple[int | None, int | None]] | None = None,
    image_names: Sequence[str] | None = None,
) -> Pairs:
    """Instances and their predictions as arrays.

    Args:
        truth: N annotated instances.
        predicted: N predictions, none where an instance was missed.
        skeleton: of K keypoints.
        image: which image each instance is in; without it each is in one of its own.
        sizes: width and height of each instance's image, for scores by image size.
        image_names: what the images are called; by number without it.
    """
    if len(truth) != len(predicted):
        raise DataError(f"{len(predicted)} predictions for {len(truth)} annotated instances")
    count, shape = len(truth), (len(truth), len(skeleton))
    image_index = np.arange(count) if image is None else np.array(image, dtype=np.int64)
    if image_names is None:
        image_names = [f"image {i}" for i in range(int(image_index.max(initial=-1)) + 1)]
    points, found = np.full((*shape, 2), np.nan), np.full((*shape, 2), np.nan)
    annotated, absent = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    confidence = np.full(shape, np.nan)
    for row, (true, guess) in enumerate(zip(truth, predicted, strict=True)):
        points[row], annotated[row] = true.points, true.annotated
        absent[row] = true.decided & ~true.annotated
        if guess is not None:
            found[row] = guess.points
            if guess.confidence is not None:
                confidence[row] = np.where(guess.annotated, guess.confidence, np.nan)
    known = [(np.nan, np.nan)] * count if sizes is None else sizes
    return Pairs(
        skeleton=skeleton,
        truth=list(truth),
        points=points,
        annotated=annotated,
        absent=absent,
        predicted=found,
        confidence=confidence,
        sizes=np.array(known, dtype=np.float64).reshape(count, 2),
        image=image_index,
        image_names=list(image_names),
    )


@dataclass(frozen=True)
class Matches:
    """A data set and its predictions, matched.

    Args:
        pairs: the annotated instances and their predictions.
        images: the annotated images and their predictions, side by side.
        missed: (I,) annotated instances of each image without a prediction.
        extra: (I,) predictions of each image that belong to no instance.
        predicted: (I,) predictions of each image that count: all but those in crowds.
        unlabeled: images left out because nothing in them is annotated.
    """

    pairs: Pairs
    images: list[tuple[Image, Image]]
    missed: np.ndarray
    extra: np.ndarray
    predicted: np.ndarray
    unlabeled: int


def match(truth: Dataset, predicted: Dataset, *, paired: bool) -> Matches:
    """Matches predictions to annotated instances, image by image.

    Images belong together by path and frame. An image in which nothing is annotated is
    unlabelled, not empty: it is left out. Crowds and instances without points are not scored.

    Args:
        truth: the annotated data set.
        predicted: the same images with predicted instances.
        paired: predictions were made one for each instance of the truth, or for each that is
            scored, in the same order. Otherwise the pair with the highest OKS is matched first,
            down to :data:`MATCH_OKS`.

    Raises:
        DataError: the skeletons differ, no image is annotated, no image is in both, or
            ``paired`` predictions are not as many as the instances.
    """
    skeleton = _common_skeleton(truth, predicted)
    images = [image for image in truth if image.instances]
    if not any(image.labeled for image in images):
        raise DataError(
            f"no image of '{truth.name}' is annotated",
            do="Scores need a data set with labels to compare with.",
        )
    guesses = dict(zip(_keys(predicted), predicted, strict=True))
    keys = [key for key, image in zip(_keys(truth), truth, strict=True) if image.instances]
    if not any(key in guesses for key in keys):
        raise DataError(
            f"the predictions are of none of the {len(images)} annotated images "
            f"(annotated: {images[0].path}; predicted: {next(iter(guesses), ('nothing',))[0]})"
        )
    sides = [
        (image, guesses.get(key, Image(path=image.path, frame=image.frame)))
        for key, image in zip(keys, images, strict=True)
    ]
    rows: list[tuple[int, Instance, Instance | None]] = []
    missed, extra, counted = (np.zeros(len(sides)) for _ in range(3))
    for index, (image, guess) in enumerate(sides):
        partners, left = _match_image(image, guess, skeleton, paired)
        rows += [(index, true, partner) for true, partner in partners]
        missed[index] = sum(partner is None for _, partner in partners)
        extra[index] = left
        counted[index] = len(partners) - missed[index] + left
    pairs = make_pairs(
        [true for _, true, _ in rows],
        [partner for _, _, partner in rows],
        skeleton,
        image=[index for index, _, _ in rows],
        sizes=[_size(*sides[index]) for index, _, _ in rows],
        image_names=[image.path for image in images],
    )
    return Matches(pairs, sides, missed, extra, counted, len(truth) - len(images))


def _common_skeleton(truth: Dataset, predicted: Dataset) -> Skeleton:
    if truth.skeleton is None:
        raise DataError(f"'{truth.name}' has no skeleton, so there is nothing to score")
    if predicted.skeleton is not None:
        ours, theirs = truth.skeleton.keypoints, predicted.skeleton.keypoints
        if ours != theirs:
            raise DataError(
                f"the predictions have other keypoints than '{truth.name}': "
                f"{', '.join(theirs)} instead of {', '.join(ours)}"
            )
    return truth.skeleton


def _keys(dataset: Dataset) -> list[tuple[str, int | None, int]]:
    """Path, frame, and which occurrence of these it is (some data sets list a file twice)."""
    seen: Counter[tuple[str, int | None]] = Counter()
    keys = []
    for image in dataset:
        keys.append((image.path, image.frame, seen[image.path, image.frame]))
        seen[image.path, image.frame] += 1
    return keys


def _size(image: Image, guess: Image) -> tuple[int | None, int | None]:
    known = image if image.width and image.height else guess
    return known.width, known.height


def _match_image(
    image: Image, guess: Image, skeleton: Skeleton, paired: bool
) -> tuple[list[tuple[Instance, Instance | None]], int]:
    """The scored instances of one image with their predictions, and how many are left over."""
    truth = [instance for instance in image.instances if instance.usable]
    if paired:
        of = truth if len(guess.instances) == len(truth) else image.instances
        if guess.instances and len(guess.instances) != len(of):
            raise DataError(
                f"{len(guess.instances)} predictions for {len(of)} annotated instances",
                where=image.path,
                do="Predictions made one per instance must be as many as the instances.",
            )
        nothing: list[Instance | None] = [None] * len(of)
        both = zip(of, guess.instances or nothing, strict=True)
        return [(true, g if g and g.labeled else None) for true, g in both if true.usable], 0
    ignored = [instance for instance in image.instances if not instance.usable]
    candidates = [instance for instance in guess.instances if instance.labeled]
    partner: list[Instance | None] = [None] * len(truth)
    free = set(range(len(candidates)))
    points = np.array([c.points for c in candidates]).reshape(-1, len(skeleton), 2)
    oks = np.array([similarity(true, points, skeleton) for true in truth])
    oks = oks.reshape(len(truth), len(candidates))
    for flat in np.argsort(-oks, axis=None, kind="stable"):
        t, c = (int(i) for i in np.unravel_index(flat, oks.shape))
        if oks[t, c] < MATCH_OKS:
            break
        if partner[t] is None and c in free:
            partner[t] = candidates[c]
            free.remove(c)
    left = sum(not any(_inside(candidates[c], other) for other in ignored) for c in free)
    return list(zip(truth, partner, strict=True)), left


def _inside(candidate: Instance, other: Instance) -> bool:
    """Whether a prediction's middle lies in an instance's box."""
    if other.box is None:
        return False
    middle = candidate.points[candidate.annotated].mean(axis=0)
    x, y, width, height = other.box
    return bool(x <= middle[0] <= x + width and y <= middle[1] <= y + height)
