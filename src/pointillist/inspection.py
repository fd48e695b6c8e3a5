"""What is in a data set, and what is wrong with it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from pointillist.dataset import HIDDEN, Dataset, Image
from pointillist.errors import DataError, PointillistError
from pointillist.formats.base import summary
from pointillist.images import CheckedImage, check_image, image_size
from pointillist.inspection_report import KeypointCount, Problem, Report

#: How far a point or box may lie outside the image before it is mentioned, in pixels: conventions
#: of where a pixel lies differ by half a one, and rounding adds to that.
TOLERANCE = 1.0

#: Called with how many files are done and how many there are.
Progress = Callable[[int, int], None]


def inspect_dataset(
    dataset: Dataset,
    check_files: bool = True,
    *,
    workers: int = 8,
    progress: Progress | None = None,
) -> Report:
    """Counts what is in a data set and looks for what is wrong with it.

    Args:
        dataset: as opened.
        check_files: decode every image file, compare files byte by byte (by a digest) and sizes
            with what the annotations say, and open the videos that belong to the data. Otherwise
            only sizes that are not known are looked up.
        workers: threads that read files.
        progress: called after each file.
    """
    looked_up = _look_at_files(dataset, check_files, workers, progress)
    skeleton = dataset.skeleton
    names = () if skeleton is None else skeleton.keypoints
    everyone = [instance for image in dataset for instance in image.instances]
    used = [i for i in everyone if i.usable]
    visibility = np.array([i.visibility for i in used]).reshape(len(used), len(names))
    counts = (visibility > 0).sum(axis=0)
    hidden = (visibility == HIDDEN).sum(axis=0)
    sizes = Counter(
        size for image in dataset if (size := _size_of(image, looked_up.get(image.path)))
    )
    return Report(
        name=dataset.name,
        root=dataset.root,
        images=len(dataset),
        labeled=len(dataset.labeled),
        unlabeled=len(dataset.unlabeled),
        instances=len(everyone),
        labeled_instances=len(used),
        crowds=sum(i.crowd for i in everyone),
        boxes=sum(i.box is not None and not i.box_from_points for i in everyone)
        + sum(len(image.boxes) for image in dataset),
        keypoints=[
            KeypointCount(name, int(n), int(h), float(n / len(used)) if used else None)
            for name, n, h in zip(names, counts, hidden, strict=True)
        ],
        flip_pairs=[(names[a], names[b]) for a, b in skeleton.flip_pairs] if skeleton else [],
        edges=[(names[a], names[b]) for a, b in skeleton.edges] if skeleton else [],
        groups=dict(Counter(image.group for image in dataset if image.group is not None)),
        categories=dict(Counter(i.category for i in everyone if i.category is not None)),
        sizes=dict(sizes.most_common()),
        videos=len(dataset.videos),
        files_checked=check_files,
        problems=[
            *(Problem("reading", None, line) for line in dataset.problems),
            *_file_problems(dataset, looked_up),
            *(_video_problems(dataset) if check_files else ()),
            *_repeated_names(dataset),
            *_equal_files(looked_up),
            *_size_problems(dataset, looked_up),
            *_places_outside(dataset, looked_up),
        ],
    )


def readable_images(
    dataset: Dataset,
    strict: bool = False,
    *,
    workers: int = 8,
    progress: Progress | None = None,
) -> tuple[Dataset, list[str]]:
    """The images of a data set whose files can be decoded.

    Every image file is decoded once; of a video it is checked that it opens and has the frames
    that the data set names.

    Args:
        dataset: as opened.
        strict: the first unreadable file is an error.
        workers: threads that read files.
        progress: called after each file.

    Returns:
        the data set without the unreadable images, and one line for each file left out.

    Raises:
        DataError: ``strict``, and a file cannot be read.
    """
    looked_up = _look_at_files(dataset, True, workers, progress)
    good: list[Image] = []
    bad: dict[str, None] = {}
    for image in dataset:
        error = _error_of(image, looked_up[image.path])
        if error is None:
            good.append(image)
            continue
        if strict:
            raise error
        bad[str(error)] = None
    if not bad:
        return dataset, []
    kept = dataset.subset(good)
    kept.problems = list(dataset.problems)
    return kept, list(bad)


@dataclass(frozen=True)
class _File:
    """What a look at one file gave.

    Args:
        size: width and height; none if it could not be had or was not needed.
        digest: of an image's bytes.
        frames: how many a video has.
        error: why it cannot be read.
    """

    size: tuple[int, int] | None = None
    digest: bytes | None = None
    frames: int | None = None
    error: DataError | None = None


def _look_at_files(
    dataset: Dataset, decode: bool, workers: int, progress: Progress | None
) -> dict[str, _File]:
    """Looks at every file once; the keys are the paths that the data set uses."""
    first: dict[str, Image] = {}
    for image in dataset:
        first.setdefault(image.path, image)
    images = list(first.values())

    def look(image: Image) -> _File:
        path = dataset.file(image)
        try:
            if image.frame is not None:
                return _look_at_video(path)
            if decode:
                checked: CheckedImage = check_image(path)
                return _File((checked.width, checked.height), checked.digest)
            if image.width is None or image.height is None:
                return _File(image_size(path))
            if not path.is_file():
                raise DataError("there is no such image file", where=path)
            return _File()
        except DataError as error:
            return _File(error=error)

    found: dict[str, _File] = {}
    with ThreadPoolExecutor(workers) as pool:
        for image, file in zip(images, pool.map(look, images), strict=True):
            found[image.path] = file
            if progress is not None:
                progress(len(found), len(images))
    return found


def _look_at_video(path: Path) -> _File:
    from pointillist.video import VideoReader

    with VideoReader(path) as video:
        return _File(video.size, frames=video.frames)


def _error_of(image: Image, file: _File) -> DataError | None:
    if file.error is not None:
        return file.error
    if image.frame is not None and file.frames is not None and image.frame >= file.frames:
        return DataError(
            f"there is no frame {image.frame}: the video has {file.frames}", where=image.path
        )
    return None


def _size_of(image: Image, file: _File | None) -> tuple[int, int] | None:
    """The size of the file, else the one that the annotations state."""
    if file is not None and file.size is not None:
        return file.size
    if image.width is not None and image.height is not None:
        return image.width, image.height
    return None


def _file_problems(dataset: Dataset, looked_up: dict[str, _File]) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for image in dataset:
        error = _error_of(image, looked_up[image.path])
        if error is None or (image.path, error.what) in seen:
            continue
        seen.add((image.path, error.what))
        missing = not dataset.file(image).exists()
        yield Problem("missing" if missing else "unreadable", image.path, error.what)


def _video_problems(dataset: Dataset) -> Iterator[Problem]:
    """Videos of which a training could take no frames, or not all."""
    from pointillist.video import VideoReader

    for path in dataset.videos:
        try:
            with VideoReader(path) as video:
                what = video.problem
        except PointillistError as error:
            what = error.what
        if what is not None:
            yield Problem("unreadable", str(path), what)


def _repeated_names(dataset: Dataset) -> Iterator[Problem]:
    """The same file in two entries, or files of one name in several folders."""
    entries = Counter((image.path, image.frame) for image in dataset)
    for (path, frame), count in entries.items():
        if count > 1:
            what = "this file" if frame is None else f"frame {frame} of this video"
            yield Problem("duplicate name", path, f"{what} is in {count} entries")
    paths = dict.fromkeys(image.path for image in dataset)
    by_name = Counter(PurePosixPath(path).name for path in paths)
    repeated = [f"{name} ({count} times)" for name, count in by_name.items() if count > 1]
    if repeated:
        # One line for all: in folders of numbered frames every name repeats.
        yield Problem(
            "duplicate name",
            None,
            summary(repeated, "name is in several folders", "names are in several folders"),
        )


def _equal_files(looked_up: dict[str, _File]) -> Iterator[Problem]:
    by_digest = defaultdict(list)
    for path, file in looked_up.items():
        if file.digest is not None:
            by_digest[file.digest].append(path)
    for paths in by_digest.values():
        if len(paths) > 1:
            others = summary(paths[1:], "more with the same bytes")
            yield Problem("identical files", paths[0], others)


def _size_problems(dataset: Dataset, looked_up: dict[str, _File]) -> Iterator[Problem]:
    for image in dataset:
        size, stated = looked_up[image.path].size, (image.width, image.height)
        if size is None or None in stated or size == stated:
            continue
        turned = " (turned by its EXIF orientation?)" if size == stated[::-1] else ""
        yield Problem(
            "size",
            image.path,
            f"the file is {size[0]}x{size[1]}, the annotations say {stated[0]}x{stated[1]}{turned}",
        )


def _places_outside(dataset: Dataset, looked_up: dict[str, _File]) -> Iterator[Problem]:
    names = () if dataset.skeleton is None else dataset.skeleton.keypoints
    for image in dataset:
        size = _size_of(image, looked_up[image.path])
        if size is None:
            continue
        frame = f"outside the {size[0]}x{size[1]} image"
        given = [i.box for i in image.instances if i.box is not None and not i.box_from_points]
        for x, y, width, height in [*given, *image.boxes]:
            corners = np.array([[x, y], [x + width, y + height]])
            if _outside(corners, size).any():
                box = f"({x:g}, {y:g}, {width:g}, {height:g})"
                yield Problem("box outside", image.path, f"box {box} reaches {frame}")
        for instance in image.instances:
            for k in np.flatnonzero(_outside(instance.points, size)):
                x, y = instance.points[k]
                yield Problem(
                    "point outside", image.path, f"'{names[k]}' at ({x:.1f}, {y:.1f}) is {frame}"
                )


def _outside(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N,) bool: which of the points (N, 2) lie beyond the tolerance; NaN does not."""
    low, high = points < -TOLERANCE, points > np.array(size) + TOLERANCE
    return np.asarray((low | high).any(axis=-1))
