"""Work that overlaps: items made ahead in a thread, or finished behind in one.

The queues are bounded, so that neither side can fill the memory; what goes wrong in a thread is
raised where its work is used.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

#: Seconds after which a waiting thread looks whether it is still wanted.
_PATIENCE = 0.1
_END: Any = object()


@contextlib.contextmanager
def ahead(items: Iterable[T], most: int) -> Iterator[Iterator[T]]:
    """The same items, made in a thread of their own, with at most ``most`` of them waiting."""
    line: queue.Queue[T] = queue.Queue(most)
    unwanted = threading.Event()
    failure: list[BaseException] = []

    def put(item: T) -> None:
        while not unwanted.is_set():
            with contextlib.suppress(queue.Full):
                line.put(item, timeout=_PATIENCE)
                return

    def make() -> None:
        try:
            for item in items:
                put(item)
                if unwanted.is_set():
                    return
        except BaseException as error:
            failure.append(error)
        put(_END)

    def take() -> Iterator[T]:
        while (item := line.get()) is not _END:
            yield item
        if failure:
            raise failure[0]

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        unwanted.set()
        thread.join()


@contextlib.contextmanager
def behind(work: Callable[[T], object], most: int) -> Iterator[Callable[[T], None]]:
    """Gives a function that hands items to ``work``, which is done in a thread, in order.

    At most ``most`` items wait. The block ends when all are done; after an exception in it those
    that wait are dropped.
    """
    line: queue.Queue[T] = queue.Queue(most)
    unwanted = threading.Event()
    failure: list[BaseException] = []

    def run() -> None:
        while True:
            item = line.get()
            if item is _END:
                return
            if unwanted.is_set() or failure:
                continue
            try:
                work(item)
            except BaseException as error:
                failure.append(error)

    def put(item: T) -> None:
        if failure:
            raise failure[0]
        line.put(item)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield put
    except BaseException:
        unwanted.set()
        raise
    finally:
        line.put(_END)
        thread.join()
    if failure:
        raise failure[0]
