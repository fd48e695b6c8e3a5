"""What a trained network says of crops, seen in several copies: points, confidence, representation.

A network that knows where a point is finds it again in a mirror image and in a turned copy. The
copies are fixed, not drawn, so that the same run and images always give the same suggestions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pointillist import geometry
from pointillist.augment import ViewMaker
from pointillist.batch import Batch
from pointillist.crops import CropSpec
from pointillist.decoding import decoded_batches
from pointillist.errors import DataError
from pointillist.heatmaps import decode, smoothed
from pointillist.models.localizer import Localizer
from pointillist.placement import choose_device
from pointillist.points import calibrated
from pointillist.precision import in_float32, inference_autocast
from pointillist.progress import counted
from pointillist.run import Run
from pointillist.samples import Crop, Sample

#: Mirrored or not, degrees turned, magnification of each copy; the first is the plain view.
#: Without left-right pairs nothing is mirrored.
COPIES = ((False, 0.0, 1.0), (True, 0.0, 1.0), (False, 20.0, 0.9), (True, -20.0, 0.9))
#: Thumbnails have this many pixels at each side, in grey.
THUMBNAIL = 12
#: Crops at a time, each in all its copies.
_BATCH = 16


@dataclass(frozen=True)
class Observations:
    """What was seen in N crops.

    Args:
        points: (N, V, K, 2) of every copy, brought back to the plain view, as shares of its
            longest side.
        confidence: (N, V, K) in [0, 1], as the network gives it.
        student_gap: (N, K) distance of the learning network's points from those of its average,
            which predicts, in the plain view, as a share of its longest side; 0 where the run
            has no learning network.
        representation: (N, D) the network's features, averaged over the plain view.
        thumbnail: (N, T) grey values in [0, 1].
    """

    points: np.ndarray
    confidence: np.ndarray
    student_gap: np.ndarray
    representation: np.ndarray
    thumbnail: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    def select(self, rows: Sequence[int]) -> Observations:
        """Some of the crops, by number."""
        chosen = np.array(rows, dtype=np.int64)
        return Observations(*(getattr(self, f.name)[chosen] for f in fields(self)))

    @classmethod
    def join(cls, parts: Sequence[Observations]) -> Observations:
        """Several in a row; there must be one at least."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    @property
    def pose(self) -> np.ndarray:
        """(N, K, 2) the points' mean over the copies."""
        mean: np.ndarray = self.points.mean(axis=1)
        return mean

    @property
    def sureness(self) -> np.ndarray:
        """(N, K) confidence, averaged over the copies."""
        mean: np.ndarray = self.confidence.mean(axis=1)
        return mean

    @property
    def disagreement(self) -> np.ndarray:
        """(N, K) root mean square distance of the copies' points from their mean."""
        away = self.points - self.pose[:, None]
        spread: np.ndarray = np.sqrt((away**2).sum(axis=-1).mean(axis=1))
        return spread


class Observer:
    """A run's network, ready to look at crops.

    Args:
        run: a training with a network.
        device: ``auto`` takes a GPU if there is one.
    """

    def __init__(self, run: Run, device: str = "auto") -> None:
        self.device = choose_device(device)
        network, student, options = run.network(), run.student(), run.config.input
        size = (options.width, options.height)
        self._network = network.to(self.device).to(memory_format=torch.channels_last)
        self._student = student and student.to(self.device).to(memory_format=torch.channels_last)
        self._input, self._skeleton = options, run.skeleton
        known = run.calibration
        self._shares = torch.tensor(known.shares, device=self.device) if known else None
        self._views = ViewMaker(size, run.skeleton, network.mean, network.std)
        self._spec = CropSpec(*size, options.margin)

    def observe(
        self, samples: Sequence[Sample], *, quiet: bool = True
    ) -> tuple[Observations, list[int], list[str]]:
        """Looks at samples; labels are not read.

        Returns:
            observations of those that could be read, their numbers, and what could not be read,
            one line each.
        """
        parts = [self._nothing()]
        read: list[int] = []
        problems: dict[str, None] = {}
        done = 0
        with counted("looking at images", len(samples), quiet) as progress:
            for _, crops in decoded_batches(samples, self._spec, _BATCH, workers=2):
                good = [crop for crop in crops if isinstance(crop, Crop)]
                if good:
                    parts.append(self._look(good))
                problems.update({str(crop): None for crop in crops if isinstance(crop, DataError)})
                read += [done + i for i, crop in enumerate(crops) if isinstance(crop, Crop)]
                done += len(crops)
                if progress is not None:
                    progress(done, len(samples))
        return Observations.join(parts), read, list(problems)

    @torch.inference_mode()
    def _look(self, crops: Sequence[Crop]) -> Observations:
        batch = _batch(crops, len(self._skeleton)).to(self.device)
        copies = [self._copy(self._network, batch, *copy) for copy in COPIES]
        plain = copies[0][0]
        other = plain if self._student is None else self._copy(self._student, batch, *COPIES[0])[0]
        grey = batch.images.float().mean(dim=1, keepdim=True) / 255
        parts = (
            torch.stack([points for points, _, _ in copies], dim=1),
            torch.stack([confidence for _, confidence, _ in copies], dim=1),
            (other - plain).norm(dim=2),
            copies[0][2].mean(dim=(2, 3)),
            F.adaptive_avg_pool2d(grey, THUMBNAIL).flatten(1),
        )
        return Observations(*(part.float().cpu().numpy() for part in parts))

    def _copy(
        self, network: Localizer, batch: Batch, mirrored: bool, degrees: float, scale: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of a copy: points (B, K, 2) as shares of the plain view, confidence, features."""
        mirrored = mirrored and bool(self._skeleton.flip_pairs)
        transform, flipped = _transform(len(batch), batch.size, mirrored, degrees, scale)
        view = self._views.render(batch, transform.to(self.device), flipped.to(self.device))
        with inference_autocast(network, self.device):
            output = network(view.images)
        # As where confidence was calibrated.
        heatmaps = smoothed(output.heatmaps, self._input.smoothing, self._input.sigma)
        points, confidence = decode(heatmaps, self._input.decoding)
        if self._shares is not None:
            confidence = calibrated(confidence, self._shares)
        stride = network.stride
        points = geometry.transform_points(geometry.inverse(view.transform), points * stride)
        if mirrored:
            order = self._views.order(self.device)
            points, confidence = points[:, order], confidence[:, order]
        return points / max(batch.size), confidence, output.features.float()

    def _nothing(self) -> Observations:
        """Observations of no crop, which give the arrays their shapes."""
        shape = (0, len(COPIES), len(self._skeleton))
        features = (0, self._network.feature_channels)
        gap = (0, len(self._skeleton))
        parts = ((*shape, 2), shape, gap, features, (0, THUMBNAIL**2))
        return Observations(*(np.zeros(part, np.float32) for part in parts))


@in_float32
def _transform(
    count: int, size: geometry.Size, mirrored: bool, degrees: float, scale: float
) -> tuple[Tensor, Tensor]:
    """The transform (count, 3, 3) from crop to copy, and who is mirrored."""
    width, height = size
    flipped = torch.full((count,), mirrored)
    angle, factor = torch.full((count,), geometry.degrees(degrees)), torch.full((count,), scale)
    turn = geometry.rotation(angle) @ geometry.scaling(factor, factor)
    turn = geometry.about(turn, width / 2, height / 2)
    return turn @ geometry.mirror(width, flipped), flipped


def _batch(crops: Sequence[Crop], keypoints: int) -> Batch:
    """Crops without labels; a crop for prediction has no context, so it is the plain view."""
    count = len(crops)
    return Batch(
        images=torch.from_numpy(np.stack([crop.pixels for crop in crops])).permute(0, 3, 1, 2),
        points=torch.full((count, keypoints, 2), torch.nan),
        annotated=torch.zeros(count, keypoints, dtype=torch.bool),
        absent=torch.zeros(count, keypoints, dtype=torch.bool),
        labeled=torch.zeros(count, dtype=torch.bool),
        to_file=torch.from_numpy(np.stack([crop.to_file for crop in crops]).astype(np.float32)),
        file_size=torch.tensor([crop.file_size for crop in crops], dtype=torch.float32),
        index=torch.arange(count),
    )
