"""Reading videos: frames by index or time, exact, and never in silence when something is wrong.

A frame's index is its place in the order of presentation. It is found through the table of time
stamps that the file's packets carry, so that variable frame rates, B-frames and files with few key
frames give the frame that was asked for, and the same one whichever way it was reached.

Frames are uint8 RGB of shape (H, W, 3), turned as the file's rotation metadata says. Samples of
more than 8 bits are scaled by the range of their pixel format (a 16-bit value by 1/256), the same
for every frame: nothing is stretched to the brightness of a frame.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.errors import DataError
from pointillist.forking import keep_in_children
from pointillist.media import import_av, why_not_opened


class VideoReader:
    """A video file, opened.

    Args:
        path: the file.

    Attributes:
        path: the file.
        fps: average frames per second.
        width, height: size in pixels, after rotation.
        rotation: quarter turns counter-clockwise that the metadata asks for, in degrees.

    Raises:
        DataError: the file is missing, empty, has no video in it, or not one frame can be read.
    """

    def __init__(self, path: str | Path) -> None:
        # A decoder waits for its threads when it is freed, and a forked child has none of them.
        keep_in_children(self)
        self.path = Path(path)
        self._av = import_av()
        self._lock = threading.Lock()
        self._trouble: list[str] = []
        self._by_count = False
        self._container, self._stream = self._open()
        self._walk = self._numbered(self._container, self._stream)
        self._next = 0
        container, stream = self._open()
        first = next(self._decode(container, stream), None)
        container.close()
        if first is None:
            reason = self._trouble[0] if self._trouble else "it has no frames"
            raise DataError(f"no frame of this video can be read: {reason}", where=self.path)
        self._trouble.clear()
        self.rotation = round(first.rotation / 90) * 90
        turned = self.rotation % 180 != 0
        self.width, self.height = (
            (first.height, first.width) if turned else (first.width, first.height)
        )
        rate = self._stream.average_rate or self._stream.guessed_rate or 25
        self.fps = float(rate)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, after rotation."""
        return self.width, self.height

    @property
    def frames(self) -> int:
        """How many frames are in the file: counted, not taken from the header."""
        return len(self._table[0])

    @property
    def times(self) -> np.ndarray:
        """(N,) seconds from the first frame to each frame."""
        stamps = np.array(self._table[0], dtype=np.float64)
        if self._by_count:
            return stamps / self.fps
        return (stamps - stamps[0]) * float(self._stream.time_base)

    @property
    def problem(self) -> str | None:
        """What is wrong with the file as far as it was read; none: nothing was noticed."""
        _ = self._table
        return "; ".join(dict.fromkeys(self._trouble)) or None

    def __len__(self) -> int:
        return self.frames

    def __iter__(self) -> Iterator[np.ndarray]:
        return (frame for _, frame in self.iterate())

    def iterate(
        self, start: int = 0, select: Container[int] | None = None
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Frames in order with their indices, one in memory at a time.

        Frames that cannot be decoded are left out; :attr:`problem` then says how many and why.

        Args:
            start: the first frame.
            select: only these frames; the others are decoded, as the codec needs them, but not
                converted to RGB, which takes most of the time.
        """
        missing: list[int] = []
        expected = start
        for index, frame in self._from(start):
            missing += range(expected, index)
            expected = index + 1
            if select is None or index in select:
                yield index, self._rgb(frame)
        missing += range(expected, self.frames)
        if missing:
            self._note(
                f"{len(missing)} of {self.frames} frames could not be decoded, "
                f"the first of them frame {missing[0]}"
            )

    def __getitem__(self, index: int) -> np.ndarray:
        """The frame at an index; negative ones count from the end.

        Raises:
            IndexError: there is no such frame.
            DataError: the frame is damaged.
        """
        wanted = index + self.frames if index < 0 else index
        if not 0 <= wanted < self.frames:
            raise IndexError(f"{self.path} has {self.frames} frames; there is no frame {index}")
        with self._lock:
            frame = self._find(wanted)
            if frame is None:
                # The way there may have led through a bad key frame: once more from the start.
                self._restart()
                frame = self._find(wanted, seek=False)
        if frame is None:
            raise DataError(f"frame {wanted} cannot be decoded", where=self.path)
        return self._rgb(frame)

    def at(self, seconds: float) -> np.ndarray:
        """The frame that is on screen a number of seconds after the first one appeared."""
        index = bisect_right(self.times.tolist(), seconds + 1e-9) - 1
        if index < 0:
            raise IndexError(f"{self.path} has no frame before 0 s; {seconds} s was asked for")
        return self[index]

    def close(self) -> None:
        """Closes the file."""
        self._container.close()
        # It leads back to this object, which would then wait for the garbage collector, and with
        # it the decoder's threads.
        self._walk = iter(())

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # How it is done -----------------------------------------------------------------------

    def _note(self, what: str) -> None:
        self._trouble.append(what)

    def _open(self) -> tuple[Any, Any]:
        if not self.path.is_file():
            raise DataError("there is no such video", where=self.path)
        if self.path.stat().st_size == 0:
            raise DataError("the video is empty: it has 0 bytes", where=self.path)
        try:
            container = self._av.open(str(self.path))
        except self._av.error.FFmpegError as error:
            raise DataError(
                f"this video cannot be opened: {why_not_opened(self.path, error)}", where=self.path
            ) from None
        if not container.streams.video:
            held = " only sound" if container.streams.audio else " none"
            container.close()
            raise DataError(f"there is no picture in this file,{held}", where=self.path)
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        return container, stream

    def _decode(self, container: Any, stream: Any) -> Iterator[Any]:
        """All frames from where the container stands; what is damaged is noted and passed over."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames = packet.decode()
            except self._av.error.FFmpegError as error:
                if isinstance(error, self._av.error.EOFError):
                    return
                self._note(f"a part of it cannot be decoded ({error.strerror})")
                continue
            # What is shown of a frame that was cut off is made up from others.
            whole = [frame for frame in frames if not frame.is_corrupt]
            if len(whole) < len(frames):
                self._note("a part of it cannot be decoded (a frame is not complete)")
            yield from whole

    def _numbered(self, container: Any, stream: Any) -> Iterator[tuple[int, Any]]:
        for count, frame in enumerate(self._decode(container, stream)):
            if self._by_count:
                yield count, frame
                continue
            index = self._index_of(frame.pts)
            if index is None:
                raise _OtherStampsError
            yield index, frame

    def _index_of(self, stamp: int | None) -> int | None:
        stamps = self._table[0]
        if stamp is None:
            return None
        place = bisect_left(stamps, stamp)
        return place if place < len(stamps) and stamps[place] == stamp else None

    @cached_property
    def _table(self) -> tuple[Sequence[int], list[int]]:
        """Time stamps in order, and the indices of key frames."""
        # Eight bytes for each frame: a list of Python's integers would take five times as many.
        stamps, keys, packets, whole = array("q"), set(), 0, True
        container, stream = self._open()
        try:
            for packet in container.demux(stream):
                if packet.size == 0:
                    continue
                packets += 1
                whole &= packet.pts is not None
                # Packets outside the file's edit list are decoded but not shown.
                if packet.is_discard or packet.pts is None:
                    continue
                stamps.append(packet.pts)
                if packet.is_keyframe:
                    keys.add(packet.pts)
        except self._av.error.FFmpegError as error:
            self._note(f"reading stopped after {packets} frames ({error.strerror})")
        finally:
            container.close()
        # AVI has no presentation times. With B-frames they are guessed, and where the guess says
        # that nothing is reordered it is wrong.
        in_order = np.array(stamps)
        sorted_already = bool((np.diff(in_order) >= 0).all())
        in_order.sort()
        repeats = bool((np.diff(in_order) == 0).any())
        reorders = self._stream.codec_context.has_b_frames and sorted_already
        guessed = reorders and self._container.format.name == "avi"
        if not whole or guessed or repeats or self._by_count:
            return self._counted()
        stamps = array("q", in_order.tobytes())
        self._note_early_end(packets, stamps)
        return stamps, np.searchsorted(in_order, sorted(keys)).tolist()

    def _counted(self) -> tuple[Sequence[int], list[int]]:
        """The table of a file without usable time stamps: every frame is decoded and counted."""
        self._by_count = True
        container, stream = self._open()
        frames = sum(1 for _ in self._decode(container, stream))
        container.close()
        self._note_early_end(frames, None)
        return range(frames), [0]

    def _note_early_end(self, found: int, stamps: Sequence[int] | None) -> None:
        announced = self._stream.frames
        if announced > found:
            self._note(f"it ends early: {found} of the {announced} frames it announces are there")
        if announced or not stamps or not self._container.duration:
            return
        if len(self._container.streams) > 1:
            return
        there = float((stamps[-1] - stamps[0]) * self._stream.time_base) + 1 / self.fps
        said = self._container.duration / self._av.time_base
        if there < said - max(0.5, 2 / self.fps):
            self._note(
                f"it ends early: {there:.2f} of the {said:.2f} seconds it announces are there, "
                f"{found} frames"
            )

    def _from(self, start: int) -> Iterator[tuple[int, Any]]:
        """Numbered frames from `start` on, through a container of its own.

        First from the key frame before `start`; if that leads past it, from the file's beginning.
        """
        reached = start
        for key in dict.fromkeys((self._key_before(start), 0)):
            container, stream = self._open()
            try:
                if key > 0:
                    container.seek(self._table[0][key], stream=stream)
                for index, frame in self._numbered(container, stream):
                    if key > 0 and index > start == reached:
                        break
                    if index >= reached:
                        reached = index + 1
                        yield index, frame
                if reached > start:
                    return
            except _OtherStampsError:
                self._count_anew()
            finally:
                container.close()

    def _count_anew(self) -> None:
        """The decoder's stamps are not the packets': from now on frames are counted."""
        self._by_count = True
        self.__dict__.pop("_table", None)

    def _key_before(self, index: int) -> int:
        if self._by_count:
            return 0
        keys = self._table[1]
        place = bisect_right(keys, index) - 1
        return keys[place] if place >= 0 else 0

    def _restart(self) -> None:
        self._container.close()
        self._container, self._stream = self._open()
        self._walk = self._numbered(self._container, self._stream)
        self._next = 0

    def _find(self, wanted: int, seek: bool = True) -> Any | None:
        key = self._key_before(wanted)
        if self._next > wanted or (seek and key > self._next):
            if key == 0 or not seek:
                self._restart()
            else:
                self._container.seek(self._table[0][key], stream=self._stream)
                self._walk = self._numbered(self._container, self._stream)
        try:
            for index, frame in self._walk:
                self._next = index + 1
                if index == wanted:
                    return frame
                if index > wanted:
                    return None
        except _OtherStampsError:
            self._count_anew()
        self._next = self.frames + 1  # the end was reached: the next call must seek
        return None

    def _rgb(self, frame: Any) -> np.ndarray:
        name = frame.format.name
        if name.startswith("gray"):
            # swscale takes 8-bit grey for limited range in some builds; grey needs no conversion.
            deep = name != "gray"
            grey = frame.to_ndarray(format="gray16le") >> 8 if deep else frame.to_ndarray()
            image = np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)
        else:
            image = frame.to_ndarray(format="rgb24")
        if self.rotation:
            image = np.rot90(image, self.rotation // 90)
        return np.ascontiguousarray(image)


class _OtherStampsError(Exception):
    """A decoded frame has a time stamp that no packet has."""
