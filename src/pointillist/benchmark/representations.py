"""What a trained network's features look like at each keypoint of a data set."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pointillist.crops import CropSpec
from pointillist.dataset import Dataset
from pointillist.decoding import decoded_batches
from pointillist.errors import DataError
from pointillist.models.representation import represent
from pointillist.points import CropPoints
from pointillist.run import Run
from pointillist.samples import Crop, labeled_samples


def representations(run: Run, dataset: Dataset, *, most: int) -> tuple[np.ndarray, np.ndarray]:
    """z_i = GMP(F * h_i) of the annotated points of a data set, with predicted heatmaps.

    F are the features that the method learned its representations from: the projected ones of
    semantic consistency (64 channels), the network's own where nothing was projected.

    Args:
        run: the training; its checkpoint holds the projection.
        dataset: annotated.
        most: how many instances, taken evenly from the data set.

    Returns:
        representations (N, C) and (N,) the keypoint of each.

    Raises:
        DataError: the run has no network yet, or none of the images can be read.
    """
    samples = labeled_samples(dataset)
    places = np.unique(np.linspace(0, len(samples) - 1, min(most, len(samples))).round())
    samples = [samples[int(i)] for i in places]
    network, options = run.network(), run.config.input
    model = CropPoints(network, run.skeleton, decoding=options.decoding, flip=False)
    projection = _projection(run)
    spec = CropSpec(options.width, options.height, options.margin)
    found, keypoints = [], []
    for chunk, crops in decoded_batches(samples, spec, 32, 2):
        read = [(s, c.pixels) for s, c in zip(chunk, crops, strict=True) if isinstance(c, Crop)]
        if not read:
            continue
        pixels = torch.from_numpy(np.stack([p for _, p in read]))
        with torch.inference_mode():
            output = network(model.images(pixels))
            features = output.features.float()
            if projection is not None:
                features = F.conv2d(features, *projection)
            z = represent(features, output.heatmaps).numpy()
        for (sample, _), each in zip(read, z, strict=True):
            assert sample.instance is not None
            annotated = np.flatnonzero(sample.instance.annotated)
            found.append(each[annotated])
            keypoints.append(annotated)
    if not found:
        raise DataError("none of the images can be read", where=dataset.root)
    return np.concatenate(found), np.concatenate(keypoints)


def _projection(run: Run) -> tuple[Tensor, Tensor] | None:
    """Weight and bias of the 1x1 convolution that the method has learned, if it has one."""
    best = run.best_checkpoint
    file = best if best.exists() else run.last_checkpoint
    if not file.exists():
        raise DataError("this run has no checkpoint", where=run.path)
    state = torch.load(file, map_location="cpu", weights_only=True, mmap=True)["state_dict"]
    names = ("method.project.weight", "method.project.bias")
    return (state[names[0]], state[names[1]]) if names[0] in state else None
