from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pointillist.threads import ahead, behind


def test_items_come_in_order_and_from_another_thread() -> None:
    makers = set()

    def make() -> Iterator[int]:
        for i in range(50):
            makers.add(threading.get_ident())
            yield i

    with ahead(make(), 3) as items:
        assert list(items) == list(range(50))
    assert len(makers) == 1
    assert threading.get_ident() not in makers


def test_no_more_than_wanted_is_made_ahead() -> None:
    made = []
    gate = threading.Semaphore(0)

    def make() -> Iterator[int]:
        for i in range(100):
            made.append(i)
            gate.release()
            yield i

    with ahead(make(), 4) as items:
        assert next(items) == 0
        for _ in range(6):  # one taken, four waiting, one in hand
            gate.acquire()
        assert not gate.acquire(timeout=0.3)
        assert made == list(range(6))
    assert len(made) <= 7, "whoever leaves early stops the work"


def test_what_goes_wrong_ahead_is_raised_after_what_was_made() -> None:
    def make() -> Iterator[int]:
        yield 1
        raise KeyError("broken")

    taken: list[int] = []
    with ahead(make(), 2) as items, pytest.raises(KeyError, match="broken"):
        taken.extend(items)
    assert taken == [1]


def test_work_behind_is_done_in_order_when_the_block_ends() -> None:
    done: list[tuple[int, int]] = []
    with behind(lambda i: done.append((i, threading.get_ident())), 2) as put:
        for i in range(20):
            put(i)
    assert [i for i, _ in done] == list(range(20))
    assert len({thread for _, thread in done} | {threading.get_ident()}) == 2


@pytest.mark.parametrize("count", [4, 100])
def test_what_goes_wrong_behind_is_raised(count: int) -> None:
    done: list[int] = []

    def work(item: int) -> None:
        done.append(item)
        if item == 3:
            raise OSError("disk full")

    def feed() -> None:
        with behind(work, 1) as put:
            for i in range(count):
                put(i)

    with pytest.raises(OSError, match="disk full"):
        feed()
    assert done == [0, 1, 2, 3]


def test_after_an_exception_what_waits_is_dropped() -> None:
    gate, started = threading.Event(), threading.Event()
    done: list[int] = []

    def work(item: int) -> None:
        started.set()
        gate.wait()
        done.append(item)

    def fill() -> None:
        with behind(work, 5) as put:
            for i in range(4):
                put(i)
            started.wait()
            threading.Timer(0.2, gate.set).start()
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        fill()
    assert done == [0]
