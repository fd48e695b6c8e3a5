"""One data set of several files, whose images know which part they are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

import numpy as np

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError

#: Chooses the images that are held out: the same ones for every seed of a benchmark.
_SEED = 0


def join_parts(
    parts: Mapping[str, Dataset],
    *,
    held_out: Mapping[str, int] | None = None,
    annotated_only: bool = False,
) -> Dataset:
    """Images of several data sets as one, each with its part's name as group.

    Args:
        parts: ``train``, and ``test`` or ``unlabeled``, whose labels are left behind.
        held_out: part (``val``, ``test``) -> so many labelled images of ``train`` become it.
        annotated_only: objects without an annotated point are left out of ``train`` and
            ``unlabeled``, and images that show no other.

    Raises:
        DataError: the test images have other keypoints, or too few images are labelled.
    """
    train = parts["train"]
    images: list[Image] = []
    for name, part in parts.items():
        if name == "test" and part.skeleton != train.skeleton:
            raise DataError(
                "the test images have other keypoints",
                where=part.root,
                do="Both files must list the same keypoints in the same order.",
            )
        for image in part.images:
            kept = image
            if annotated_only and name != "test":
                known = [i for i in image.instances if i.usable]
                if not known:
                    continue
                kept = replace(image, instances=known)
            if name == "unlabeled":
                kept = kept.without_labels()
            images.append(replace(kept, path=str(part.file(image).resolve()), group=name))
    labeled = [i for i, image in enumerate(images) if image.group == "train" and image.labeled]
    wanted = sum((held_out or {}).values())
    if wanted >= len(labeled):
        raise DataError(
            f"{wanted} images cannot be held out: {len(labeled)} are labelled",
            where=train.root,
            do="Is this the whole data set? Otherwise lower the protocol's held_out.",
        )
    order = iter(np.random.default_rng(_SEED).permutation(labeled).tolist())
    for name, count in (held_out or {}).items():
        for position in islice(order, count):
            images[position] = replace(images[position], group=name)
    return replace(train, images=images, problems=[])
