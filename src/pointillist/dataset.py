"""Instance, Image, Dataset: plain data. No torch, no file access.

Points are in the file's pixels, continuous, with the centre of the top-left pixel at (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pointillist.errors import DataError
from pointillist.skeleton import Skeleton, side_problems, with_flip_pairs

#: x, y of the top-left corner, width, height; in the file's pixels.
Box = tuple[float, float, float, float]

NOT_ANNOTATED, HIDDEN, VISIBLE = 0, 1, 2


@dataclass
class Instance:
    """One object in an image: its points and what else is known of it.

    Args:
        points: (K, 2) x, y in the file's pixels; NaN where a point is not annotated.
        visibility: (K,) 0 not annotated, 1 annotated but hidden, 2 visible (as COCO has it).
        box: x, y, width, height; none if the data has no boxes (then crops take the whole image).
        box_from_points: the box is only the extent of the points, hence a label itself: it is
            dropped with the labels.
        head_box: box of the head, for PCKh.
        area: area of the object in square pixels, for OKS; the box's area if none.
        confidence: (K,) confidence of each point in [0, 1]; only on predictions.
        score: confidence of the whole instance; only on predictions.
        track: identity over the frames of a video.
        category: the kind of object, where a data set has several (a species, say).
        crowd: the box holds several objects; such an instance is never trained on.
        absent: (K,) points of which a person decided that there is nothing to annotate; the
            other ones that are not annotated are merely undecided.
        id: the annotation's own identifier.

    Raises:
        DataError: shapes do not agree, or an annotated point is not finite.
    """

    points: np.ndarray
    visibility: np.ndarray
    box: Box | None = None
    box_from_points: bool = False
    head_box: Box | None = None
    area: float | None = None
    confidence: np.ndarray | None = None
    score: float | None = None
    track: str | None = None
    category: str | None = None
    crowd: bool = False
    absent: np.ndarray | None = None
    id: int | None = None

    def __post_init__(self) -> None:
        self.points = np.array(self.points, dtype=np.float64)
        self.visibility = np.array(self.visibility, dtype=np.int8)
        count = len(self.visibility)
        if self.points.shape != (count, 2) or self.visibility.ndim != 1:
            raise DataError(
                f"points of shape {self.points.shape} with visibility of shape "
                f"{self.visibility.shape}; (K, 2) and (K,) are needed"
            )
        # Not np.isin: it takes longer than all the rest, and there may be 100,000 instances.
        if ((self.visibility < NOT_ANNOTATED) | (self.visibility > VISIBLE)).any():
            raise DataError("visibility must be 0, 1 or 2")
        if not np.isfinite(self.points[self.visibility > 0]).all():
            raise DataError("an annotated point is NaN or infinite")
        self.points[self.visibility == NOT_ANNOTATED] = np.nan
        if self.confidence is not None:
            self.confidence = np.array(self.confidence, dtype=np.float64)
            if self.confidence.shape != (count,):
                raise DataError(f"{self.confidence.shape} confidences for {count} points")
        if self.absent is not None:
            self.absent = np.array(self.absent, dtype=bool)
            if self.absent.shape != (count,):
                raise DataError(f"{self.absent.shape} marks of absence for {count} points")
            if self.absent[self.visibility > 0].any():
                raise DataError("a point is both annotated and marked absent")

    @property
    def annotated(self) -> np.ndarray:
        """(K,) bool: which points are annotated, hidden ones included."""
        return self.visibility > 0

    @property
    def decided(self) -> np.ndarray:
        """(K,) bool: which points are annotated or marked absent."""
        return self.annotated if self.absent is None else self.annotated | self.absent

    @property
    def labeled(self) -> bool:
        """Whether any point is annotated."""
        return bool(self.annotated.any())

    @property
    def usable(self) -> bool:
        """Whether it is trained on and scored: it has an annotated point, and is no crowd."""
        return self.labeled and not self.crowd

    def extent(self) -> Box | None:
        """The box around the annotated points, or none if there are none."""
        if not self.labeled:
            return None
        low = self.points[self.annotated].min(axis=0)
        high = self.points[self.annotated].max(axis=0)
        return (float(low[0]), float(low[1]), *(float(v) for v in high - low))  # type: ignore[return-value]

    def reference_box(self) -> Box | None:
        """The box that scores are measured by: the given one, else the points' extent."""
        return self.box if self.box is not None else self.extent()


@dataclass
class Image:
    """One image file, or one frame of a video.

    Args:
        path: path of the file, relative to the data set's root with ``/`` between folders, or
            absolute.
        width, height: size in pixels after EXIF rotation; none until somebody looked.
        instances: what is annotated in it. None at all: the image is unlabelled.
        boxes: boxes of objects without annotation, to crop unlabelled images by.
        group: what a split must not tear apart (a species, a recording).
        frame: index of the frame if ``path`` is a video.
        id: the data set's own identifier.
        problem: why the file could not be read; only on predictions.
    """

    path: str
    width: int | None = None
    height: int | None = None
    instances: list[Instance] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    group: str | None = None
    frame: int | None = None
    id: int | None = None
    problem: str | None = None

    @property
    def labeled(self) -> bool:
        """Whether any instance has an annotated point."""
        return any(instance.labeled for instance in self.instances)

    def without_labels(self) -> Image:
        """The same image with nothing annotated.

        Boxes of single objects stay unless they came from the points.
        """
        boxes = [
            i.box
            for i in self.instances
            if i.box is not None and not (i.box_from_points or i.crowd)
        ]
        return replace(self, instances=[], boxes=[*self.boxes, *boxes])


@dataclass
class Dataset:
    """Images with one skeleton.

    Args:
        skeleton: what the points are; none only for plain folders of unlabelled images.
        images: in a fixed order (splits are by position or group).
        root: folder that relative paths start from.
        name: what to call it in messages.
        problems: what the reader noticed and survived, one line each.
        videos: video files that belong to the data: unlabelled, training may sample their frames.
        missing_absent: a point that lacks in a labelled object is one that cannot be seen there,
            as the tool that the data is of takes it; :func:`pointillist.missing.as_meant` marks it.
    """

    skeleton: Skeleton | None
    images: list[Image]
    root: Path
    name: str = "data"
    problems: list[str] = field(default_factory=list)
    videos: list[Path] = field(default_factory=list)
    missing_absent: bool = False

    def __post_init__(self) -> None:
        self.root = Path(self.root)
        if self.skeleton is None and any(image.instances for image in self.images):
            raise DataError(f"data set '{self.name}' has annotations but no skeleton")
        for image in self.images:
            for instance in image.instances:
                if len(instance.visibility) != len(self.skeleton or ()):
                    raise DataError(
                        f"{len(instance.visibility)} points where the skeleton has "
                        f"{len(self.skeleton or ())}",
                        where=image.path,
                    )

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[Image]:
        return iter(self.images)

    def __getitem__(self, index: int) -> Image:
        return self.images[index]

    @property
    def labeled(self) -> list[Image]:
        """The images in which any point is annotated."""
        return [image for image in self.images if image.labeled]

    @property
    def unlabeled(self) -> list[Image]:
        """The images in which no point is annotated."""
        return [image for image in self.images if not image.labeled]

    @property
    def objects(self) -> list[Instance]:
        """The instances that are trained on and scored, over all images."""
        return [one for image in self.images for one in image.instances if one.usable]

    def subset(self, images: Iterable[Image], name: str | None = None) -> Dataset:
        """The same skeleton and root with other images."""
        return replace(self, images=list(images), name=name or self.name, problems=[])

    def with_flip_pairs(self, pairs: Sequence[tuple[str, str]]) -> Dataset:
        """The same data with these left-right pairs of names instead of those it came with.

        Its problems then name the points that seem to have a side and are in none of these pairs.

        Raises:
            DataError: there is no skeleton, a name is not known, or one is in two pairs.
        """
        if self.skeleton is None:
            raise DataError(f"data set '{self.name}' has no skeleton, so it has no pairs")
        skeleton = with_flip_pairs(self.skeleton, pairs)
        before = side_problems(self.skeleton)
        problems = [line for line in self.problems if line not in before]
        return replace(self, skeleton=skeleton, problems=[*side_problems(skeleton), *problems])

    def file(self, image: Image) -> Path:
        """Where an image's file lies."""
        path = Path(image.path)
        return path if path.is_absolute() else self.root / path
