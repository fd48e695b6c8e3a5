"""What a forked process inherits and must not take apart.

What waits for its threads when it is freed would wait for ever in a child, for threads stay behind
in the parent; and a child's garbage collector may come upon it at any time, even on what nobody
uses any more, as long as the parent had not freed it.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref

#: All that there is of such objects; those of this moment, during a fork; those of a child.
_known: weakref.WeakSet[object] = weakref.WeakSet()
_held: list[object] = []
_inherited: list[object] = []
#: No other thread may add one while they are listed.
_lock = threading.Lock()


def keep_in_children(thing: object) -> None:
    """From now on every forked child keeps an object that it inherits, until it ends."""
    with _lock:
        _known.add(thing)


def _before_fork() -> None:
    _lock.acquire()
    _held.extend(_known)


def _after_fork(keep: bool) -> None:
    if keep:
        _inherited.extend(_held)
    _held.clear()
    _lock.release()


if sys.platform != "win32":
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _after_fork(keep=False),
        after_in_child=lambda: _after_fork(keep=True),
    )
