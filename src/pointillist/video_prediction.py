"""Predicting points in a video: decoding, network and encoding overlap, frame after frame.

Of the video only the frames under way are in memory. One thread decodes and cuts crops, this one
runs the network, another draws and encodes; bounded queues lie between them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.boxes.detector import BoxDetector
from pointillist.boxes.prediction import ranked
from pointillist.dataset import Image, Instance
from pointillist.errors import ConfigError
from pointillist.formats.predictions import check_output
from pointillist.formats.video_points import VideoPoints, video_points
from pointillist.inference import Predictor
from pointillist.progress import counted
from pointillist.report.draw import draw_points
from pointillist.samples import Crop, Sample, make_crop
from pointillist.smoothing import Smoother
from pointillist.threads import ahead, behind
from pointillist.video import VideoReader
from pointillist.video_writing import VideoWriter

#: Frames that go through the network together, and how many bytes of pictures that may be.
_BATCH, _BATCH_BYTES = 16, 64 * 2**20
#: Batches that wait before the network and after it.
_WAITING = 2


@dataclass
class VideoReport:
    """What became of a video.

    Args:
        video: the file.
        width, height: of its frames, in pixels.
        fps: frames per second.
        frames: how many the file has.
        frames_read: how many could be decoded.
        unread: first and last frame of every stretch that could not be.
        problem: what is wrong with the file; none: nothing was noticed.
        instances: how many were predicted.
        seconds: that it took.
    """

    video: str
    width: int
    height: int
    fps: float
    frames: int
    frames_read: int = 0
    unread: list[tuple[int, int]] = field(default_factory=list)
    problem: str | None = None
    instances: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Frames per second of work."""
        return self.frames_read / self.seconds if self.seconds else 0.0


@dataclass
class _Frame:
    index: int
    pixels: np.ndarray | None
    crop: Crop


_Predicted = tuple[_Frame, list[Instance]]


def predict_video(
    predictor: Predictor,
    video: str | Path,
    out: str | Path,
    *,
    format: str | None = None,
    overlay: str | Path | None = None,
    detector: BoxDetector | None = None,
    smooth: bool = False,
    quiet: bool = True,
    about: dict[str, Any] | None = None,
) -> VideoReport:
    """Predicts the points in every frame of a video and writes them to a file.

    Args:
        predictor: the trained network.
        video: the file.
        out: where the points go; the ending says the layout (.csv and .json are written as they
            come; the points of the other layouts are kept in memory until the end).
        format: name of the layout, where the ending does not say it.
        overlay: video file with the points drawn; a frame that could not be read is black, so
            that frames keep their numbers.
        detector: finds the objects in every frame; none: one object, in the whole frame.
        smooth: also write smoothed points, beside the raw ones; the overlay shows the raw ones.
        quiet: no progress bar.
        about: further facts for the output's metadata.

    Returns:
        what was read, and what was not and why. It is in the output's metadata too.

    Raises:
        DataError: not one frame can be read, a file cannot be written, or with ``format`` there
            is something at ``out`` already.
        ConfigError: no layout has this ending, or it has no place for smoothed points.
    """
    video, out = Path(video), Path(out)
    check_output(out, format)
    started = time.monotonic()
    with VideoReader(video) as reader, contextlib.ExitStack() as stack:
        report = VideoReport(str(video), *reader.size, reader.fps, reader.frames)
        table = stack.enter_context(
            video_points(out, predictor.skeleton, video.parent, format=format, smooth=smooth)
        )
        batch = min(_BATCH, max(1, _BATCH_BYTES // (3 * reader.width * reader.height)))
        draw: Callable[[_Predicted], None] | None = None
        if overlay is not None:
            writer = stack.enter_context(VideoWriter(overlay, reader.fps, reader.size))
            work = _Drawing(writer, predictor).draw
            draw = stack.enter_context(behind(work, _WAITING * batch))
        write = _Writing(table, Smoother(predictor.skeleton) if smooth else None)
        decoded = _frames(reader, predictor, detector, keep=overlay is not None)
        frames = stack.enter_context(ahead(decoded, _WAITING * batch))
        progress = stack.enter_context(counted("predicting", reader.frames, quiet, unit="frames"))
        expected = 0
        for frame, instances in _predicted(frames, batch, predictor, detector, video):
            if frame.index > expected:
                report.unread.append((expected, frame.index - 1))
            expected = frame.index + 1
            report.frames_read += 1
            report.instances += len(instances)
            write.add(Image(video.name, *reader.size, instances=instances, frame=frame.index))
            if draw is not None:
                draw((frame, instances))
            if progress is not None:
                progress(expected, reader.frames)
        if expected < reader.frames:
            report.unread.append((expected, reader.frames - 1))
        write.finish()
        report.problem, report.seconds = reader.problem, time.monotonic() - started
        table.about |= {**asdict(report), **(about or {})}
    report.seconds = time.monotonic() - started
    return report


def plan_outputs(
    videos: Sequence[Path], out: Path, overlay: Path | None, format: str | None = None
) -> list[tuple[Path, Path, Path | None]]:
    """Which video goes to which file: (video, points, overlay).

    Where ``out`` has an ending, or ``format`` says what it is, it is of the one video; otherwise a
    folder, in which each video gets a CSV table of its name. ``overlay`` likewise.

    Raises:
        ConfigError: several videos and one file, two videos of one name, or an unknown ending.
        DataError: the layout that is named cannot be written, or there is something already.
    """
    if format is not None or (out.suffix and not out.is_dir()):
        check_output(out, format)
        if len(videos) > 1:
            raise ConfigError(
                f"{len(videos)} videos cannot go to one file '{out}'", do="Give a folder with -o."
            )
        target = overlay
        if overlay is not None and (overlay.is_dir() or not overlay.suffix):
            target = overlay / f"{videos[0].stem}.mp4"
        return [(videos[0], out, target)]
    names = [video.stem for video in videos]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ConfigError(
            f"several videos are named '{min(twice)}', and each needs a file of its own in '{out}'",
            do="Predict them one by one.",
        )
    if overlay is not None and overlay.suffix and not overlay.is_dir():
        if len(videos) > 1:
            raise ConfigError(f"{len(videos)} videos cannot be drawn into one file '{overlay}'")
        return [(videos[0], out / f"{names[0]}.csv", overlay)]
    return [
        (video, out / f"{name}.csv", None if overlay is None else overlay / f"{name}.mp4")
        for video, name in zip(videos, names, strict=True)
    ]


def _frames(
    reader: VideoReader, predictor: Predictor, detector: BoxDetector | None, *, keep: bool
) -> Iterator[_Frame]:
    """Every frame with what the first network will look at; the whole picture if it is needed."""
    spec = predictor.spec if detector is None else detector.spec
    for index, pixels in reader.iterate():
        kept = pixels if keep or detector is not None else None
        yield _Frame(index, kept, make_crop(pixels, None, spec))


def _predicted(
    frames: Iterable[_Frame],
    batch: int,
    predictor: Predictor,
    detector: BoxDetector | None,
    video: Path,
) -> Iterator[_Predicted]:
    """Frames in order with what is predicted in them."""
    waiting = iter(frames)
    while group := list(islice(waiting, batch)):
        crops = [frame.crop for frame in group]
        image = Image(video.name)
        if detector is None:
            found = predictor.instances([Sample(video, image, None)] * len(group), crops)
            yield from ((frame, [one]) for frame, one in zip(group, found, strict=True))
            continue
        boxes = detector.detect(crops)
        samples, cut = [], []
        for frame, scored in zip(group, boxes, strict=True):
            assert frame.pixels is not None
            samples += [Sample(video, image, each.box) for each in scored]
            cut += [make_crop(frame.pixels, each.box, predictor.spec) for each in scored]
        found = []
        for at in range(0, len(cut), predictor.batch_size):
            part = slice(at, at + predictor.batch_size)
            found += predictor.instances(samples[part], cut[part])
        rest = iter(found)
        for frame, scored in zip(group, boxes, strict=True):
            own = list(islice(rest, len(scored)))
            yield frame, ranked(own, scored, predictor.skeleton)


class _Writing:
    """Hands frames to a file, through a smoother if there is one."""

    def __init__(self, table: VideoPoints, smoother: Smoother | None) -> None:
        self._table, self._smoother = table, smoother

    def add(self, image: Image) -> None:
        if self._smoother is None:
            self._table.add(image)
            return
        for ready, smooth in self._smoother.add(image):
            self._table.add(ready, smooth)

    def finish(self) -> None:
        if self._smoother is not None:
            for ready, smooth in self._smoother.finish():
                self._table.add(ready, smooth)


class _Drawing:
    """Draws the points into frames and encodes them."""

    def __init__(self, writer: VideoWriter, predictor: Predictor) -> None:
        self._writer, self._skeleton = writer, predictor.skeleton
        self._next = 0

    def draw(self, item: _Predicted) -> None:
        frame, instances = item
        assert frame.pixels is not None
        for _ in range(self._next, frame.index):
            self._writer.write(np.zeros_like(frame.pixels))
        self._next = frame.index + 1
        self._writer.write(draw_points(frame.pixels, instances, self._skeleton))
