"""Which images nearly repeat each other: to label both would teach the network little."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pointillist.identity import Key
from pointillist.suggest.observation import Observations

#: Frames of one video that are less than this apart are neighbours: half a second at 30 a second.
NEIGHBOURS = 15
#: Two images repeat each other if their thumbnails (root mean square of grey values from 0 to 1)
#: and their predicted points (mean distance, as a share of the view) both differ by less. The
#: thumbnail alone will not do: a mouse that moves in a large cage changes few of its pixels.
THUMBNAIL_GAP, POSE_GAP = 0.03, 0.03


class Repeats:
    """Finds what nearly repeats an image.

    Args:
        keys: of N images.
        seen: in each of them.
    """

    def __init__(self, keys: Sequence[Key], seen: Observations) -> None:
        self._file = np.unique([path for path, _ in keys], return_inverse=True)[1]
        self._frame = np.array([np.nan if frame is None else frame for _, frame in keys])
        self._thumbnail, self._pose = seen.thumbnail, seen.pose

    def of(self, i: int) -> np.ndarray:
        """Numbers of the images that nearly repeat image i, without itself."""
        # NaN, which a still image has for a frame, is near nothing.
        near = np.abs(self._frame - self._frame[i]) < NEIGHBOURS
        neighbours = near & (self._file == self._file[i])
        gap = np.sqrt(((self._thumbnail - self._thumbnail[i]) ** 2).mean(axis=1))
        moved = np.linalg.norm(self._pose - self._pose[i], axis=2).mean(axis=1)
        found = neighbours | ((gap < THUMBNAIL_GAP) & (moved < POSE_GAP))
        found[i] = False
        return np.flatnonzero(found)
