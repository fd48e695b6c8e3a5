"""The silhouette, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pointillist.metrics.clusters import silhouette


def test_by_hand() -> None:
    # On a line: keypoint 0 at 0 and 1, keypoint 1 at 4 and 5. For 0: 1 to its own, 4.5 to the
    # others on average: 3.5 / 4.5. For 1: 1 and 3.5: 2.5 / 3.5. The other two mirror them.
    line = np.array([[0.0], [1.0], [4.0], [5.0]])
    found = silhouette(line, np.array([0, 0, 1, 1]))
    assert found == pytest.approx((3.5 / 4.5 + 2.5 / 3.5) / 2)
    # Mixed up. For 0: 4 to its own, 3 to the others (at 1 and 5): (3 - 4) / 4. For 1: 4 to its
    # own, 2 to the others (at 0 and 4), which is (2 - 4) / 4; and mirrored.
    mixed = silhouette(line, np.array([0, 1, 0, 1]))
    assert mixed == pytest.approx((-1 / 4 - 2 / 4) / 2)


@pytest.mark.parametrize("keypoints", [[0, 0, 0], [0, 1, 2], []])
def test_without_clusters_to_compare_it_is_nought(keypoints: list[int]) -> None:
    count = len(keypoints)
    assert silhouette(np.arange(2.0 * count).reshape(count, 2), np.array(keypoints)) == 0
