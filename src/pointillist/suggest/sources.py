"""What there is to choose from, and what is labelled already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pointillist.boxes.data import with_boxes
from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError, PointillistError
from pointillist.identity import Key, keys_of
from pointillist.inference import as_dataset
from pointillist.media import is_video
from pointillist.run import Run
from pointillist.suggest.repeats import NEIGHBOURS
from pointillist.training_data import TrainingData


@dataclass(frozen=True)
class Sources:
    """Images, each once.

    Args:
        unlabeled: the candidates, without labels.
        labeled: what a person has labelled, in the run's own split or in what was given; cropped
            as the candidates are, without labels.
        left_out: reason -> number of images that are not candidates.
        problems: what could not be read, one line each.
    """

    unlabeled: Dataset
    labeled: Dataset
    left_out: dict[str, int]
    problems: list[str]


def find_sources(
    images: str | Path | Dataset | Sequence[str | Path],
    run: Run,
    *,
    frames: int,
    seed: int,
) -> Sources:
    """Tells candidates from what is labelled.

    Args:
        images: a data set, folder, file or video, or a list of these. Videos that belong to a
            data set count too.
        run: what it was trained and validated on is labelled.
        frames: of each video, so many varied frames are candidates.
        seed: of the choice of frames.

    Raises:
        DataError: there is no unlabelled image, or a video that was named cannot be read.
    """
    given, problems = _open(images, frames, seed)
    trained, notes = _trained_on(run.path / "split")
    problems += notes
    labeled: dict[Key, Image] = {}
    for part in (*trained, given):
        part = with_boxes(part.subset(part.labeled))
        for key, image in zip(keys_of(part.root, part), part, strict=True):
            labeled[key] = _bare(image, key[0], run)
    near = _near_labeled(labeled)
    left_out: dict[str, int] = defaultdict(int)
    pool: dict[Key, Image] = {}
    for key, image in zip(keys_of(given.root, given), given, strict=True):
        if key in labeled:
            left_out["are labelled"] += 1
        elif key in near:
            left_out["are neighbours of a labelled frame"] += 1
        else:
            pool.setdefault(key, image.without_labels())
    if not pool:
        raise DataError("there is no unlabelled image here", where=given.root)
    thinned = _thinned(pool, frames, seed)
    if len(thinned) < len(pool):
        left_out["are frames too like others of their video"] = len(pool) - len(thinned)
    done = Dataset(None, list(labeled.values()), given.root)
    return Sources(given.subset(thinned), done, dict(left_out), problems)


def _open(
    images: str | Path | Dataset | Sequence[str | Path], frames: int, seed: int
) -> tuple[Dataset, list[str]]:
    """One data set of all that is named, with frames of its videos."""
    if isinstance(images, Dataset):
        parts, named = [images], []
    else:
        paths = [Path(p) for p in ([images] if isinstance(images, (str, Path)) else images)]
        named = [path for path in paths if is_video(path)]
        parts = [as_dataset(path) for path in paths if not is_video(path)]
    problems = [line for part in parts for line in part.problems]
    own = [video for part in parts for video in part.videos]
    if named:
        parts.append(_frames_of(named, frames, seed))
        problems += parts[-1].problems
    if own:
        try:
            parts.append(_frames_of(own, frames, seed))
            problems += parts[-1].problems
        except PointillistError as error:  # nobody asked for them by name
            problems.append(str(error))
    if len(parts) == 1:
        return parts[0], problems
    joined = [replace(i, path=str(part.file(i).absolute())) for part in parts for i in part]
    skeleton = next((part.skeleton for part in parts if part.skeleton is not None), None)
    return Dataset(skeleton, joined, Path.cwd()), problems


def _frames_of(videos: Sequence[Path], frames: int, seed: int) -> Dataset:
    from pointillist.video_sampling import video_dataset  # PyAV is only needed for videos

    return video_dataset(videos, frames, seed=seed)


def _bare(image: Image, path: str, run: Run) -> Image:
    """A labelled image without labels, with the boxes that a candidate would have.

    Its path is absolute: labelled images come from several roots.
    """
    if not run.config.localize:
        return replace(image.without_labels(), path=path)
    # Candidates get boxes around what is found; here they are around the labels.
    boxes = [i.box for i in image.instances if i.box is not None and not i.crowd]
    return replace(image, path=path, instances=[], boxes=boxes)


def _trained_on(split: Path) -> tuple[list[Dataset], list[str]]:
    """The labelled and the validation part of a run; none, and a line, if its split is gone."""
    try:
        data = TrainingData.open(split)
    except DataError as error:
        return [], [f"what the run was trained on is not known: {error}"]
    return [data.labeled, data.val], []


def _near_labeled(labeled: Iterable[Key]) -> set[Key]:
    return {
        (path, frame + step)
        for path, frame in labeled
        if frame is not None
        for step in range(1 - NEIGHBOURS, NEIGHBOURS)
    }


def _thinned(pool: dict[Key, Image], frames: int, seed: int) -> list[Image]:
    """A labelling project lists every frame of its videos: of each at most ``frames`` are kept."""
    of_video: dict[str, list[int]] = defaultdict(list)
    for path, frame in pool:
        if frame is not None:
            of_video[path].append(frame)
    kept: dict[str, set[int]] = {}
    for path, listed in of_video.items():
        if len(listed) > frames:
            from pointillist.video_sampling import sample_frames  # PyAV is only needed for videos

            varied = set(sample_frames(path, frames, seed=seed)).intersection(listed)
            spread = np.linspace(0, len(listed) - 1, frames).round().astype(int)
            kept[path] = varied or {sorted(listed)[i] for i in spread}
    return [
        image
        for (path, frame), image in pool.items()
        if frame is None or path not in kept or frame in kept[path]
    ]
