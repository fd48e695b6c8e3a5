"""Frames of a video that differ from each other, to be used as unlabelled data.

Frames that follow each other are nearly the same picture, and every n-th frame of an animal that
sleeps most of the day is a sleeping animal. So small thumbnails are clustered (k-means), and of
each cluster the frame nearest to its centre is taken.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pointillist.caching import cache_folder, file_key
from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError, PointillistError
from pointillist.files import read_json, write_json
from pointillist.video import VideoReader

#: Thumbnails have this many pixels at each side, in colour.
THUMBNAIL = 16
#: At most this many frames, evenly spread, are looked at: more do not add variety.
CANDIDATES = 2000


def sample_frames(
    video: str | Path, count: int, *, seed: int = 0, cache: str | Path | None = None
) -> list[int]:
    """Indices of frames that look different from each other, in order.

    The same file, count and seed give the same frames.

    Args:
        video: the file.
        count: how many frames; fewer are returned if the video has fewer.
        seed: of k-means.
        cache: folder in which the answer is kept; none: that of :mod:`pointillist.caching`.

    Raises:
        DataError: the video cannot be read, or ``count`` is less than one.
    """
    path = Path(video)
    if count < 1:
        raise DataError(f"{count} frames cannot be sampled", where=path)
    if not path.is_file():
        raise DataError("there is no such video", where=path)
    key = file_key(path, "frames", count, seed, THUMBNAIL, CANDIDATES)
    kept = Path(cache or cache_folder()) / "frames" / f"{key}.json"
    if kept.is_file():
        with contextlib.suppress(DataError):
            return [int(index) for index in read_json(kept)]
    with VideoReader(path) as reader:
        candidates, thumbnails = _thumbnails(reader, max(CANDIDATES, 2 * count))
    chosen = [candidates[i] for i in varied(thumbnails, count, seed)]
    # A cache that cannot be written (a full or read-only disk) costs time, not the result.
    with contextlib.suppress(OSError):
        write_json(kept, chosen)
    return chosen


def varied(features: np.ndarray, count: int, seed: int = 0) -> list[int]:
    """Rows of (N, D) features that differ: one for each k-means cluster, in order.

    Where clusters are fewer than ``count`` (rows repeat), the rows farthest from those already
    chosen are added.
    """
    from sklearn.cluster import MiniBatchKMeans

    if count >= len(features):
        return list(range(len(features)))
    clusters = MiniBatchKMeans(count, random_state=seed, n_init=3, batch_size=1024)
    labels = clusters.fit_predict(features)
    distance = np.linalg.norm(features - clusters.cluster_centers_[labels], axis=1)
    chosen = {
        int(members[distance[members].argmin()])
        for label in range(count)
        if len(members := np.flatnonzero(labels == label))
    }
    while len(chosen) < count:
        taken = sorted(chosen)
        gap = np.linalg.norm(features[:, None] - features[None, taken], axis=2).min(axis=1)
        gap[taken] = -1
        chosen.add(int(gap.argmax()))
    return sorted(chosen)


def video_dataset(
    paths: Iterable[str | Path], count: int, *, seed: int = 0, cache: str | Path | None = None
) -> Dataset:
    """Sampled frames of videos as unlabelled images: ``Image.path`` the video, ``frame`` the index.

    The group of a frame is its video's name without the ending, as a recording's is in a project
    of DeepLabCut.

    Args:
        paths: the videos.
        count: how many frames of each.
        seed: see :func:`sample_frames`.
        cache: see :func:`sample_frames`.

    Raises:
        DataError: no video is given, or none can be read. One that cannot is a line in
            ``problems``.
    """
    files = [Path(path).resolve() for path in paths]
    if not files:
        raise DataError("no video is given")
    images: list[Image] = []
    problems: list[str] = []
    for file in files:
        try:
            with VideoReader(file) as reader:
                indices = sample_frames(file, count, seed=seed, cache=cache)
                width, height = reader.size
                if reader.problem:
                    problems.append(f"{file}: {reader.problem}")
        except PointillistError as error:
            problems.append(str(error))
            continue
        images += [
            Image(file.as_posix(), width, height, group=file.stem, frame=index) for index in indices
        ]
    if not images:
        raise DataError(f"no frame can be had: {problems[0]}")
    return Dataset(None, images, files[0].parent, name=files[0].stem, problems=problems)


def _thumbnails(reader: VideoReader, most: int) -> tuple[list[int], np.ndarray]:
    """Indices of evenly spread frames that can be decoded, and (N, D) thumbnails in [0, 1]."""
    import cv2

    wanted = set(np.linspace(0, reader.frames - 1, min(most, reader.frames)).round().astype(int))
    indices, rows = [], []
    for index, frame in reader.iterate(select=wanted):
        small = cv2.resize(frame, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
        indices.append(index)
        rows.append(small.reshape(-1).astype(np.float32) / 255)
    return indices, np.array(rows)
