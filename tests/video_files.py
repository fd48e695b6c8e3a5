"""Videos for tests, made with PyAV: every frame carries its number as a pattern of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

BITS, BLOCK = 10, 16
WIDTH, HEIGHT = BITS * BLOCK, 3 * BLOCK


def numbered_frame(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """(H, W, 3): the bits of a number, lowest first, as blocks in the top row; a grey ramp below.

    The ramp tells up from down and left from right after a rotation.
    """
    frame = np.full((height, width, 3), 60, np.uint8)
    for bit in range(BITS):
        frame[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255 * (number >> bit & 1)
    frame[BLOCK:] = np.linspace(40, 200, width).astype(np.uint8)[None, :, None]
    return frame


def number_of(frame: np.ndarray) -> int:
    """The number that a frame carries."""
    half = BLOCK // 2
    return sum(int(frame[half, bit * BLOCK + half, 0] > 127) << bit for bit in range(BITS))


def make_video(
    path: Path,
    count: int = 40,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    gop: int = 12,
    b_frames: int = 0,
    times_ms: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    container: str | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """A video of `count` numbered frames at 25 frames a second, or at given times."""
    with av.open(str(path), "w", format=container, options=container_options or {}) as out:
        stream: Any = out.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pix_fmt
        stream.gop_size, stream.max_b_frames = gop, b_frames
        if times_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(numbered_frame(i), format="rgb24")
            frame = frame.reformat(format=pix_fmt)
            if times_ms is not None:
                frame.pts, frame.time_base = times_ms[i], Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def turn(path: Path, degrees_clockwise: int) -> Path:
    """Writes a display matrix into an MP4's track header, as a phone that is held sideways does."""
    one = 1 << 16
    matrix = {
        90: (0, one, 0, -one, 0, 0, 0, 0, 1 << 30),
        180: (-one, 0, 0, 0, -one, 0, 0, 0, 1 << 30),
        270: (0, -one, 0, one, 0, 0, 0, 0, 1 << 30),
    }[degrees_clockwise]
    data = bytearray(path.read_bytes())
    # Box type, version and flags, two times, track, reserved, duration, reserved, layer, group,
    # volume, reserved: the matrix is 44 bytes after the start of the box's type.
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = b"".join(v.to_bytes(4, "big", signed=True) for v in matrix)
    path.write_bytes(data)
    return path
