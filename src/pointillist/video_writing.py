"""Writing videos, whole or not at all."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.errors import DataError
from pointillist.files import whole_file
from pointillist.media import import_av


class VideoWriter:
    """Writes frames to a video file; to be used in a ``with`` block.

    H.264 where this build of FFmpeg can encode it, else MPEG-4, in 4:2:0 as players want it. That
    needs even sizes: an odd one gets its last column or row once more at the right or bottom, so
    that no pixel moves. The file appears when the block ends; after an exception there is none.

    Args:
        path: where to; the ending says the container (``.mp4``, ``.mkv``, ``.avi``, ...).
        fps: frames per second.
        size: (width, height) in pixels.

    Attributes:
        codec: name of the encoder that was taken.

    Raises:
        DataError: the container is not known, a frame has another size, or none was written.
    """

    def __init__(self, path: str | Path, fps: float, size: tuple[int, int]) -> None:
        self.path = Path(path)
        self.fps = Fraction(fps).limit_denominator(100_000)
        self.size = size
        self._av = import_av()
        self.codec = "libx264" if "libx264" in self._av.codecs_available else "mpeg4"
        self._stack = ExitStack()
        self._container: Any = None
        self._frames = 0

    def __enter__(self) -> VideoWriter:
        with ExitStack() as stack:
            temporary = stack.enter_context(whole_file(self.path))
            try:
                container = self._av.open(str(temporary), "w")
            except (ValueError, self._av.error.FFmpegError):
                raise DataError(
                    f"'{self.path.suffix}' is no video file that can be written",
                    where=self.path,
                    do="Use .mp4, .mkv, .mov or .avi.",
                ) from None
            self._container = stack.enter_context(container)
            options = {"crf": "18", "preset": "veryfast"} if self.codec == "libx264" else {}
            self._stream = container.add_stream(self.codec, rate=self.fps, options=options)
            width, height = self.size
            self._stream.width, self._stream.height = width + width % 2, height + height % 2
            self._stream.pix_fmt = "yuv420p"
            if self.codec == "mpeg4":
                self._stream.codec_context.qmax = 4
            self._stack = stack.pop_all()
        return self

    def write(self, frame: np.ndarray) -> None:
        """Adds one frame: uint8 RGB, (H, W, 3)."""
        width, height = self.size
        if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
            raise DataError(
                f"a frame of shape {frame.shape} and type {frame.dtype} where "
                f"{(height, width, 3)} and uint8 are written",
                where=self.path,
            )
        if width % 2 or height % 2:
            frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        self._container.mux(self._stream.encode(picture))
        self._frames += 1

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            if self._frames == 0:
                raise DataError("no frame was written, so there is no video", where=self.path)
            self._container.mux(self._stream.encode())
