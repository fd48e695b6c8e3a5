"""Smoothing points over the frames of a video, without holding the video's points in memory.

A median over five frames takes out single jumps, a Savitzky-Golay filter (seven frames, second
order) the trembling. Both look at both sides of a frame, so nothing lags behind. A frame that is
missing, or an object that is, ends a series; a short one is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pointillist.dataset import Image, Instance
from pointillist.metrics.oks import similarity
from pointillist.skeleton import Skeleton

MEDIAN = 5
WINDOW, ORDER = 7, 2
#: A smoothed point depends on no frame further away than this.
_REACH = MEDIAN // 2 + WINDOW
#: Frames that are smoothed at once.
_BLOCK = 256
#: An instance less similar than this (OKS) to one of the frame before is another object.
_SAME = 0.1

Smoothed = tuple[Image, list[np.ndarray]]
"""A frame, and for each of its instances the smoothed points (K, 2)."""


@dataclass
class _Entry:
    image: Image
    tracks: list[int]
    done: bool = False


class Smoother:
    """Takes frames in order and gives them back, a little later, with smoothed points beside.

    Args:
        skeleton: of the points; its sigmas tell the objects of a frame apart.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton = skeleton
        self._entries: list[_Entry] = []
        self._tracks = 0

    def add(self, image: Image) -> Iterator[Smoothed]:
        """Takes the next frame; gives those that no later frame can change any more."""
        self._entries.append(_Entry(image, self._follow(image)))
        if len(self._entries) >= _BLOCK + 2 * _REACH:
            yield from self._give(len(self._entries) - _REACH)

    def finish(self) -> Iterator[Smoothed]:
        """Gives the frames that are left."""
        yield from self._give(len(self._entries))
        self._entries.clear()

    def _follow(self, image: Image) -> list[int]:
        """Which object each instance is: that of the most similar one in the frame before."""
        before = self._entries[-1] if self._entries else None
        tracks = [-1] * len(image.instances)
        if before is not None and _next(before.image, image):
            known = before.image.instances
            if len(known) == len(tracks) == 1:  # a lone object may well have jumped
                tracks = list(before.tracks)
            elif known and tracks:
                points = np.stack([instance.points for instance in image.instances])
                alike = np.stack([similarity(i, points, self._skeleton) for i in known])
                for flat in np.argsort(-alike, axis=None, kind="stable"):
                    old, new = divmod(int(flat), len(tracks))
                    if alike[old, new] < _SAME:
                        break
                    if tracks[new] < 0 and before.tracks[old] not in tracks:
                        tracks[new] = before.tracks[old]
        for place, track in enumerate(tracks):
            if track < 0:
                tracks[place] = self._tracks
                self._tracks += 1
        return tracks

    def _give(self, count: int) -> Iterator[Smoothed]:
        smooth = self._smooth()
        for entry in self._entries[:count]:
            if not entry.done:
                entry.done = True
                yield entry.image, [smooth[id(instance)] for instance in entry.image.instances]
        # What was given stays as the surroundings of what is to come.
        del self._entries[: max(count - _REACH, 0)]

    def _smooth(self) -> dict[int, np.ndarray]:
        """Smoothed points of every instance at hand, by its identity."""
        series: dict[int, list[Instance]] = {}
        for entry in self._entries:
            for instance, track in zip(entry.image.instances, entry.tracks, strict=True):
                series.setdefault(track, []).append(instance)
        smooth = {}
        for members in series.values():
            points = smooth_series(np.stack([member.points for member in members]))
            smooth.update({id(m): p for m, p in zip(members, points, strict=True)})
        return smooth


def _next(before: Image, image: Image) -> bool:
    return before.frame is not None and image.frame == before.frame + 1


def smooth_series(points: np.ndarray) -> np.ndarray:
    """Smoothed points (T, K, 2) of an object in T frames that follow each other."""
    from scipy.ndimage import median_filter
    from scipy.signal import savgol_filter

    if len(points) < WINDOW:
        return points.copy()
    steady = median_filter(points, size=(MEDIAN, 1, 1), mode="nearest")
    return np.asarray(savgol_filter(steady, WINDOW, ORDER, axis=0, mode="interp"))
