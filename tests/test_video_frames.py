"""Single frames of videos that stay open, and what a forked process inherits of them."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pointillist import video_frames
from pointillist.errors import DataError
from pointillist.video import VideoReader
from pointillist.video_frames import OPEN_READERS, read_frame
from video_files import make_video, number_of

#: Seconds after which a child counts as hanging: it would have to wait for ever.
PATIENCE = 120

METHODS = multiprocessing.get_all_start_methods()
forks = pytest.mark.skipif("fork" not in METHODS, reason="there is no fork here")


def test_videos_stay_open_and_a_new_file_is_seen(tmp_path: Path) -> None:
    paths = [make_video(tmp_path / f"{i}.mp4", 12, gop=6) for i in range(OPEN_READERS + 2)]
    for index in (3, 4, 11, 0):
        assert [number_of(read_frame(path, index)) for path in paths] == [index] * len(paths)
    make_video(paths[0], 20, b_frames=2)
    assert number_of(read_frame(paths[0], 19)) == 19


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such video"):
        read_frame(tmp_path / "a.mp4", 0)
    with pytest.raises(DataError, match=r"has 5 frames; there is no frame -6"):
        read_frame(make_video(tmp_path / "a.mp4", 5), -6)


def _read_in_a_child(path: Path, index: int) -> int:
    return number_of(read_frame(path, index))


def test_a_worker_reads_its_own_frames(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 30)
    assert number_of(read_frame(path, 7)) == 7
    # Forking is the dangerous way to start a worker: it inherits the open files.
    method = "fork" if "fork" in METHODS else METHODS[0]
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply_async(_read_in_a_child, (path, 21)).get(PATIENCE) == 21
    assert number_of(read_frame(path, 8)) == 8


def _exit_code_of_a_child(work: Callable[[], object]) -> int | None:
    """Forks; 0: the child did the work, none: it hangs."""

    def work_in_a_group() -> None:
        os.setpgrp()  # with the children that it may have
        work()

    child = multiprocessing.get_context("fork").Process(target=work_in_a_group)
    child.start()
    child.join(PATIENCE)
    code = child.exitcode
    assert child.pid is not None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.join()
    return code


def _threads() -> int:
    """Threads of this process, those of decoders among them."""
    tasks = Path("/proc/self/task")
    if not tasks.exists():
        pytest.skip("only Linux has /proc, where threads are counted")
    return len(list(tasks.iterdir()))


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Garbage is collected when a test asks for it only."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _leave_garbage(path: Path, closed: bool = False) -> None:
    """A reader that nobody uses any more."""
    reader = VideoReader(path)
    reader[3]
    if closed:
        reader.close()
    # Part of a cycle, as in the traceback of an error: only the collector frees it.
    cycle: list[object] = [reader]
    cycle.append(cycle)


@forks
@pytest.mark.parametrize("closed", [True, False])
def test_a_child_may_collect_garbage_that_it_inherits(
    tmp_path: Path, closed: bool, without_collector: None
) -> None:
    _leave_garbage(make_video(tmp_path / "a.mp4", 30), closed)
    assert _exit_code_of_a_child(gc.collect) == 0


@forks
def test_a_child_may_collect_it_after_a_fork_of_its_own(
    tmp_path: Path, without_collector: None
) -> None:
    _leave_garbage(make_video(tmp_path / "a.mp4", 30))

    def fork_and_collect() -> None:
        assert _exit_code_of_a_child(gc.collect) == 0
        gc.collect()

    assert _exit_code_of_a_child(fork_and_collect) == 0


@forks
def test_the_parent_frees_them_as_before(tmp_path: Path, without_collector: None) -> None:
    _leave_garbage(make_video(tmp_path / "a.mp4", 30))
    before = _threads()
    assert _exit_code_of_a_child(int) == 0
    gc.collect()
    assert _threads() < before


@forks
def test_a_child_may_open_more_videos_than_stay_open(tmp_path: Path) -> None:
    paths = [make_video(tmp_path / f"{i}.mp4", 12) for i in range(OPEN_READERS)]
    for path in paths:
        read_frame(path, 3)
    more = [make_video(tmp_path / f"more{i}.mp4", 12) for i in range(OPEN_READERS)]

    def open_others() -> None:
        for path in more:
            assert number_of(read_frame(path, 5)) == 5
        gc.collect()

    assert _exit_code_of_a_child(open_others) == 0
    assert number_of(read_frame(paths[0], 4)) == 4


@forks
def test_a_fork_while_another_thread_opens_a_video(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 12)
    with video_frames._open_lock:  # as that thread would hold it
        assert _exit_code_of_a_child(lambda: read_frame(path, 5)) == 0


@forks
def test_a_closed_reader_leaves_no_threads(tmp_path: Path, without_collector: None) -> None:
    path = make_video(tmp_path / "a.mp4", 30)
    before = _threads()
    with VideoReader(path) as reader:
        reader[3]
        assert _threads() > before
    del reader
    assert _threads() == before
