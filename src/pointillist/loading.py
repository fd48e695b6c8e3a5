"""Loading: decode, crop, cache; batches of labelled and unlabelled crops.

Workers only decode and crop; every view is made later, on the device, in batches. Which sample is
in which batch is a pure function of the seed and the step, so a resumed training sees what the
uninterrupted one would have seen, on any number of processes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from pointillist.batch import Batch
from pointillist.caching import cache_folder
from pointillist.crops import CropSpec
from pointillist.files import whole_file
from pointillist.samples import Crop, Progress, Sample, decode_sample, points_of

CacheKind = Literal["auto", "memory", "disk", "none"]


class CropStore(TorchDataset[Batch]):
    """Crops of samples, by lists of indices, decoded each time or once.

    Args:
        samples: the labelled ones first.
        keypoints: K.
        spec: size and margin of the crops.
        cache: ``memory`` or ``disk`` keep decoded crops as uint8; ``auto`` keeps them in memory
            if they fit ``limit_gib``; ``none`` decodes every time.
        limit_gib: how large a cache in memory may get.
        folder: where a cache on disk lies; none: where the system keeps caches.

    Indexing with a list of positions gives a :class:`Batch`.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        keypoints: int,
        spec: CropSpec,
        *,
        cache: CacheKind = "auto",
        limit_gib: float = 2.0,
        folder: Path | None = None,
    ) -> None:
        self.samples, self.spec = list(samples), spec
        self._points, self._annotated, self._absent = points_of(self.samples, keypoints)
        self.labeled = np.array([s.instance is not None for s in self.samples], dtype=bool)
        self.cache_gib = len(self.samples) * spec.size[0] * spec.size[1] * 3 / 2**30
        if cache == "auto":
            cache = "memory" if self.cache_gib <= limit_gib else "none"
        self.cache = cache
        self._folder = folder
        self._pixels: np.ndarray | None = None
        self._to_file: np.ndarray | None = None
        self._file_size: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def where(self) -> str:
        """Where the crops are kept and how large they are, in words."""
        kept = {"memory": "kept in memory", "disk": "kept on disk"}.get(self.cache)
        if kept is None:
            return f"decoded each time (they would take {self.cache_gib:.2f} GiB)"
        return f"{kept} ({self.cache_gib:.2f} GiB)"

    @property
    def filled(self) -> bool:
        """Whether every crop has been decoded already."""
        return self._pixels is not None

    def fill(self, workers: int = 2, progress: Progress | None = None) -> None:
        """Decodes every crop into the cache; without a cache this does nothing.

        Raises:
            DataError: a file cannot be read.
        """
        if self.cache == "none" or self.filled or not self.samples:
            return
        width, height = self.spec.size
        shape = (len(self.samples), height, width, 3)
        if self.cache == "disk":
            self._fill_disk(shape, workers, progress)
            return
        pixels = np.empty(shape, np.uint8)

        def keep(i: int, crop: np.ndarray) -> None:
            pixels[i] = crop

        self._to_file, self._file_size = self._decode_all(keep, workers, progress)
        self._pixels = pixels

    def _fill_disk(self, shape: tuple[int, ...], workers: int, progress: Progress | None) -> None:
        name = self._disk_name()
        large, small = name.with_suffix(".uint8"), name.with_suffix(".npz")
        # The small file is written last, so its presence means that the large one is complete.
        if not (small.exists() and large.exists() and large.stat().st_size == math.prod(shape)):
            # Other processes may be at the same work: each writes its own file under a
            # temporary name, and a full disk is an error here, not a crash in a memory map.
            with whole_file(large) as temporary, temporary.open("wb") as file:
                places = self._decode_all(
                    lambda _, crop: file.write(crop.tobytes()), workers, progress
                )
            with whole_file(small) as temporary:
                np.savez(temporary, to_file=places[0], file_size=places[1])
        with np.load(small) as known:
            self._to_file, self._file_size = known["to_file"], known["file_size"]
        self._pixels = np.memmap(large, np.uint8, "r", shape=shape)

    def _disk_name(self) -> Path:
        """Name of the cache on disk, without a suffix: another one after any change of a file."""
        key = hashlib.sha256(repr(self.spec).encode())
        for sample in self.samples:
            stat = sample.file.stat()
            key.update(f"{sample.file}|{sample.image.frame}|{sample.box}".encode())
            key.update(f"|{stat.st_size}|{stat.st_mtime_ns}".encode())
        return (self._folder or cache_folder()) / f"crops-{key.hexdigest()[:16]}"

    def _decode_all(
        self,
        keep: Callable[[int, np.ndarray], object],
        workers: int,
        progress: Progress | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Hands every crop's pixels on in order; returns the maps to the files and their sizes."""
        count = len(self.samples)
        to_file, file_size = np.empty((count, 3, 3)), np.empty((count, 2))
        with ThreadPoolExecutor(max(1, workers)) as pool:
            # decode_sample spends its time in OpenCV, which releases the GIL.
            for i, crop in enumerate(pool.map(self._decode, range(count))):
                keep(i, crop.pixels)
                to_file[i], file_size[i] = crop.to_file, crop.file_size
                if progress is not None:
                    progress(i + 1, count)
        return to_file, file_size

    def _decode(self, index: int) -> Crop:
        return decode_sample(self.samples[index], self.spec)

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        rows = np.asarray(indices, dtype=np.int64)
        if self._pixels is not None and self._to_file is not None and self._file_size is not None:
            pixels, to_file = self._pixels[rows], self._to_file[rows]
            file_size = self._file_size[rows]
        else:
            crops = [self._decode(int(i)) for i in rows]
            pixels = np.stack([crop.pixels for crop in crops])
            to_file = np.stack([crop.to_file for crop in crops])
            file_size = np.array([crop.file_size for crop in crops], dtype=np.float64)
        points = _to_crop(self._points[rows], to_file)
        return Batch(
            # A view: channels stay last in memory, which is what the network wants anyway.
            images=torch.from_numpy(pixels).permute(0, 3, 1, 2),
            points=torch.from_numpy(points.astype(np.float32)),
            annotated=torch.from_numpy(self._annotated[rows]),
            absent=torch.from_numpy(self._absent[rows]),
            labeled=torch.from_numpy(self.labeled[rows]),
            to_file=torch.from_numpy(to_file.astype(np.float32)),
            file_size=torch.from_numpy(file_size.astype(np.float32)),
            index=torch.from_numpy(rows),
        )


def _to_crop(points: np.ndarray, to_file: np.ndarray) -> np.ndarray:
    """Points (B, K, 2) from the file to the crop; crops are scaled and shifted, never bent."""
    scale = np.stack([to_file[:, 0, 0], to_file[:, 1, 1]], axis=-1)[:, None]
    return (points - to_file[:, None, :2, 2]) / scale


class Shuffled:
    """An endless shuffled list of positions; any stretch of it can be asked for directly."""

    def __init__(self, positions: Sequence[int] | np.ndarray, seed: int, stream: int) -> None:
        self.positions = np.asarray(positions, dtype=np.int64)
        self.seed, self.stream = seed, stream

    def take(self, start: int, count: int) -> np.ndarray:
        """Entries start to start + count of the endless list."""
        size = len(self.positions)
        chosen = []
        while count > 0:
            epoch, offset = divmod(start, size)
            order = np.random.default_rng([self.seed, self.stream, epoch]).permutation(size)
            part = order[offset : offset + count]
            chosen.append(self.positions[part])
            start, count = start + len(part), count - len(part)
        return np.concatenate(chosen) if chosen else np.empty(0, np.int64)


class MixedBatches(Sampler[list[int]]):
    """Lists of positions: so many labelled, then so many unlabelled, for every step.

    Args:
        labeled: (N,) bool: which samples are labelled.
        per_step: how many labelled and unlabelled samples one process gets in a step.
        steps: length of the training.
        seed: of the order.
        later: steps in order, each with how many it gets from that one on.
        start: first step (for a resumed training; the length stays that of the whole).
        rank, world: this process and how many there are; together they see what one process with
            a batch ``world`` times as large would see.
    """

    def __init__(
        self,
        labeled: np.ndarray,
        per_step: tuple[int, int],
        steps: int,
        seed: int,
        *,
        later: Sequence[tuple[int, tuple[int, int]]] = (),
        start: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.start, self.steps, self.rank, self.world = start, steps, rank, world
        self._begins = [0, *(step for step, _ in later)]
        counts = zip(per_step, *(counts for _, counts in later), strict=True)
        groups = (np.flatnonzero(labeled), np.flatnonzero(~labeled))
        self._streams = [
            (Shuffled(group, seed, stream), count)
            for stream, (group, count) in enumerate(zip(groups, counts, strict=True))
            if len(group)
        ]

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.start, self.steps):
            yield [int(i) for stream in self._streams for i in self._part(*stream, step)]

    def _part(self, stream: Shuffled, counts: Sequence[int], step: int) -> np.ndarray:
        start = now = 0
        for count, begin, end in zip(counts, self._begins, [*self._begins[1:], step], strict=True):
            if step >= begin:
                now = count * self.world
                start += (min(step, end) - begin) * now
        return stream.take(start, now)[self.rank :: self.world]


class InOrder(Sampler[list[int]]):
    """Lists of positions in order, for validation.

    Every process gets the same number of lists, and none is empty: processes that validate
    together wait for each other at every list. So where there are too few positions, some are
    seen twice.
    """

    def __init__(self, count: int, batch_size: int, *, rank: int = 0, world: int = 1) -> None:
        self.positions = range(rank % max(count, 1), count, world)
        self._lists = -(-count // (world * batch_size))

    def __len__(self) -> int:
        return self._lists

    def __iter__(self) -> Iterator[list[int]]:
        if not self._lists:
            return
        parts = np.array_split(self.positions, self._lists)  # the longest first
        for part in parts:
            yield (part if len(part) else parts[0]).tolist()


def make_loader(
    store: CropStore, batches: Sampler[list[int]], *, workers: int = 0, pin_memory: bool = False
) -> DataLoader[Batch]:
    """A DataLoader over lists of positions; a filled cache needs no workers."""
    workers = 0 if store.filled else workers
    return DataLoader(
        store,
        sampler=batches,
        batch_size=None,
        num_workers=workers,
        pin_memory=pin_memory,
        persistent_workers=False,
        prefetch_factor=4 if workers else None,
    )
