"""Why an image was picked, in words."""

from __future__ import annotations

import numpy as np

from pointillist.skeleton import Skeleton
from pointillist.suggest.observation import Observations

#: A pick that is farther from its nearest labelled image than this share of all is called unlike.
UNLIKE = 0.75
#: Copies, or networks, that disagree by less than this, as a share of the view, agree.
AGREED = 0.02
#: A point less certain than this is named.
UNSURE = 0.8


def why(
    seen: Observations,
    row: int,
    skeleton: Skeleton,
    novelty: float,
    stands_for: int,
    *,
    by_chance: bool = False,
) -> str:
    """Why the network is unsure of an image and what it would add, most telling first.

    Args:
        seen: all candidates.
        row: the picked one.
        skeleton: names the points.
        novelty: share of the candidates that are nearer to something labelled.
        stands_for: how many others have nothing labelled or picked nearer to them.
        by_chance: none of this is why it was picked; it is said after that.
    """
    lines = ["by chance"] if by_chance else []
    lines += _unsure(seen, row, skeleton)
    if novelty >= UNLIKE:
        lines.append(
            "unlike anything labelled: farther from its nearest labelled image than "
            f"{100 * novelty:.0f} % of the candidates"
        )
    if stands_for > 0:
        lines.append(f"stands for {stands_for} other{'s' * (stands_for > 1)} like it")
    return "; ".join(lines) or "the network is sure of it, and it is much like what is labelled"


def _unsure(seen: Observations, row: int, skeleton: Skeleton) -> list[str]:
    apart, sure = seen.disagreement[row], seen.sureness[row]
    lines = []
    if apart.mean() >= AGREED:
        copies = "mirrored and turned copies" if skeleton.flip_pairs else "turned copies"
        worst = int(np.argmax(apart))
        lines.append(
            f"points disagree by {100 * apart.mean():.0f} % of the view between {copies}, "
            f"{skeleton.keypoints[worst]} by {100 * apart[worst]:.0f} %"
        )
    gap = float(seen.student_gap[row].mean())
    if gap >= AGREED:
        lines.append(f"the learning network and its average disagree by {100 * gap:.0f} %")
    least = int(np.argmin(sure))
    if sure[least] < UNSURE:
        lines.append(f"{skeleton.keypoints[least]} least sure ({sure[least]:.2f})")
    return lines
