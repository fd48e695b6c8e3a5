"""How well the representations of keypoints fall into clusters, one for each keypoint."""

from __future__ import annotations

import numpy as np


def silhouette(representations: np.ndarray, keypoints: np.ndarray) -> float:
    """Mean silhouette of representations by keypoint (Rousseeuw, 1987).

    For each representation: how much nearer, on average, those of its own keypoint are than those
    of the nearest other keypoint, as a share of the larger distance. 1: clusters far apart; 0: no
    clusters; below: nearer to another keypoint's.

    Args:
        representations: (N, C).
        keypoints: (N,) which keypoint each belongs to.

    Returns:
        in [-1, 1]; 0 where there are fewer than two keypoints or all have one representation.
    """
    from sklearn.metrics import silhouette_score

    different = len(np.unique(keypoints))
    if not 2 <= different < len(keypoints):
        return 0.0
    return float(silhouette_score(representations, keypoints))
