"""Points predicted in a video, written frame by frame; the file appears whole or not at all.

A CSV table or a COCO file (``images`` with ``frame``, ``annotations`` with ``score``) grows on
disk; the other layouts are written at the end. What else is to be known (the frames that could
not be read, and why) is in the COCO file's ``info``, and beside other files in
``<file name>.json``.
"""

from __future__ import annotations

import contextlib
import csv
import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from pointillist.dataset import Dataset, Image
from pointillist.errors import ConfigError
from pointillist.files import whole_file, write_json
from pointillist.formats.coco import image_entry, instance_entry
from pointillist.formats.coco_categories import write_categories
from pointillist.formats.csv_points import csv_header, csv_row
from pointillist.formats.locate import names_from
from pointillist.formats.predictions import check_output, write_predictions
from pointillist.skeleton import Skeleton


class VideoPoints(ABC):
    """What the frames of a video are handed to, in a ``with`` block; after an exception no file.

    Attributes:
        about: what else is to be known; written when the block ends.
    """

    def __init__(self, path: Path, skeleton: Skeleton, root: Path, smooth: bool) -> None:
        self.path, self.skeleton, self.root, self.smooth = path, skeleton, root, smooth
        self.about: dict[str, Any] = {}
        self._open = contextlib.ExitStack()

    @abstractmethod
    def add(self, image: Image, smooth: Sequence[np.ndarray] | None = None) -> None:
        """Takes the next frame; ``smooth`` are the smoothed points (K, 2) of its instances."""

    def __enter__(self) -> VideoPoints:
        self._begin()
        return self

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            with self._open:
                self._conclude()
            self._write_about()
        else:
            self._open.__exit__(*error)

    @abstractmethod
    def _begin(self) -> None:
        """Opens what is written to."""

    def _conclude(self) -> None:  # noqa: B027 (not every layout has something to add)
        """Writes what comes last."""

    def _write_about(self) -> None:
        write_json(self.path.with_name(f"{self.path.name}.json"), self.about, indent=1)

    def _target(self) -> TextIO:
        temporary = self._open.enter_context(whole_file(self.path))
        return self._open.enter_context(temporary.open("w", encoding="utf-8", newline=""))


def video_points(
    path: str | Path,
    skeleton: Skeleton,
    root: Path,
    *,
    format: str | None = None,
    smooth: bool = False,
) -> VideoPoints:
    """Opens a file for the points of a video; its ending says the layout, or ``format`` does.

    Args:
        path: the file.
        skeleton: of the points.
        root: folder that the images' paths start from.
        format: as for :func:`~pointillist.formats.predictions.write_predictions`.
        smooth: whether there will be smoothed points.

    Raises:
        ConfigError: no layout has this ending, or it has no place for smoothed points.
        DataError: the layout that is named cannot be written, or there is something already.
    """
    path = Path(path)
    check_output(path, format)
    suffix = path.suffix.lower()
    if smooth and (format is not None or suffix not in {".csv", ".json"}):
        raise ConfigError(
            f"'{format or suffix}' has no place for smoothed points", do="Use .csv or .json."
        )
    if format is None and suffix in {".csv", ".json"}:
        return (_Table if suffix == ".csv" else _Coco)(path, skeleton, root, smooth)
    return _Collected(path, skeleton, root, format)


class _Table(VideoPoints):
    def _begin(self) -> None:
        self._writer = csv.writer(self._target(), lineterminator="\n")
        self._writer.writerow(csv_header(self.skeleton, ["frame"], smooth=self.smooth))

    def add(self, image: Image, smooth: Sequence[np.ndarray] | None = None) -> None:
        for number, instance in enumerate(image.instances):
            beside = None if smooth is None else smooth[number]
            self._writer.writerow(csv_row(image, number + 1, instance, ["frame"], beside))


class _Coco(VideoPoints):
    def _begin(self) -> None:
        self._file, self._folder = self._target(), self.path.parent
        # COCO has two lists, and they grow together: one of them waits in a file of its own.
        waiting = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (the stack closes)
        self._annotations = self._open.enter_context(waiting)
        self._images = self._count = 0
        self._file.write('{"images": [')

    def add(self, image: Image, smooth: Sequence[np.ndarray] | None = None) -> None:
        self._images += 1
        number = self._images if image.frame is None else image.frame
        [name] = names_from(Dataset(None, [replace(image, instances=[])], self.root), self._folder)
        self._write(self._file, image_entry(image, number, name), first=self._images == 1)
        for place, instance in enumerate(image.instances):
            self._count += 1
            entry = {"id": self._count, "image_id": number, "category_id": 1}
            entry |= instance_entry(instance, self.skeleton)
            if smooth is not None:
                entry["keypoints_smooth"] = smooth[place].round(4).reshape(-1).tolist()
            self._write(self._annotations, entry, first=self._count == 1)

    @staticmethod
    def _write(file: TextIO, entry: dict[str, Any], *, first: bool) -> None:
        file.write(("\n" if first else ",\n") + json.dumps(entry, allow_nan=False))

    def _conclude(self) -> None:
        categories = write_categories(self.skeleton, [self.skeleton.name])
        self._file.write('\n],\n"annotations": [')
        self._annotations.seek(0)
        while part := self._annotations.read(1 << 20):
            self._file.write(part)
        self._file.write(f'\n],\n"categories": {json.dumps(categories)},\n')
        self._file.write(f'"info": {json.dumps(self.about, allow_nan=False)}}}\n')

    def _write_about(self) -> None:
        """It is in the file."""


class _Collected(VideoPoints):
    def __init__(self, path: Path, skeleton: Skeleton, root: Path, format: str | None) -> None:
        super().__init__(path, skeleton, root, smooth=False)
        self._format = format

    def _begin(self) -> None:
        self._images: list[Image] = []

    def add(self, image: Image, smooth: Sequence[np.ndarray] | None = None) -> None:
        self._images.append(image)

    def _conclude(self) -> None:
        predicted = Dataset(self.skeleton, self._images, self.root)
        lost = write_predictions(predicted, self.path, self._format)
        if lost:
            self.about["not_kept"] = lost
