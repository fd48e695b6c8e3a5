"""Points that lack in labelled objects: not done yet, or not there to be seen.

Most layouts cannot tell the two apart. So such points are undecided, and left out of training,
unless somebody says that they are absent, or the tool that the layout belongs to takes them so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pointillist.dataset import Dataset, Instance

#: A smaller share of points that lack is not worth a line.
FEW = 0.02


def missing_points(objects: Sequence[Instance]) -> np.ndarray:
    """Which points lack in objects that could have them.

    A data set may have objects of several kinds (a multi-animal project with unique body parts,
    say), and a wheel does not lack in a cow. So a point lacks only if in some object it is
    annotated together with one that this object has.

    Args:
        objects: N labelled objects of K points.

    Returns:
        (N, K) bool: neither annotated nor marked absent, and lacking.
    """
    if not objects:
        return np.zeros((0, 0), dtype=bool)
    annotated = np.stack([instance.annotated for instance in objects])
    counts = annotated.astype(np.float64)
    together = counts.T @ counts > 0
    possible = counts @ together > 0
    return possible & ~np.stack([instance.decided for instance in objects])


def missing_as_absent(dataset: Dataset) -> Dataset:
    """The same data with every point that lacks in a labelled object marked absent.

    So data means it in which what cannot be seen is left out and all else is annotated.
    """
    objects = dataset.objects
    if not objects:
        return dataset
    lacking = {id(one): row for one, row in zip(objects, missing_points(objects), strict=True)}

    def marked(instance: Instance) -> Instance:
        if id(instance) not in lacking:
            return instance
        absent = lacking[id(instance)]
        return replace(
            instance, absent=absent if instance.absent is None else absent | instance.absent
        )

    images = [replace(i, instances=[marked(one) for one in i.instances]) for i in dataset]
    return replace(dataset, images=images)


def as_meant(dataset: Dataset, missing_absent: bool | None = None) -> Dataset:
    """:func:`missing_as_absent` where somebody says so, or the data if nobody says anything.

    Nothing is left to mean: what was not marked is undecided from then on.
    """
    wanted = dataset.missing_absent if missing_absent is None else missing_absent
    return replace(missing_as_absent(dataset) if wanted else dataset, missing_absent=False)


def described(dataset: Dataset, missing_absent: bool | None = None) -> list[str]:
    """A line about the points that lack, if there is something to say.

    Args:
        dataset: labelled; as it was before anything was marked.
        missing_absent: as :func:`as_meant` was told. Who has decided that they are left out need
            not be told.
    """
    lacking = missing_points(dataset.objects)
    count = int(lacking.sum())
    if missing_absent:
        return [f"points that are missing in labelled objects are taken for absent: {count:,}"]
    if missing_absent is False or count == 0:
        return []
    share = f"{100 * lacking.mean():.1f} % of the points of labelled objects are missing"
    if dataset.missing_absent:
        return [
            f"{share}: auto learns that they cannot be seen, as the tool does that this data is "
            "of; if they are not labelled yet, leave them out with --no-missing-absent"
        ]
    if lacking.mean() < FEW:
        return []
    return [
        f"{share}, and left out; if that is because they cannot be seen, --missing-absent has "
        "auto learn so"
    ]
