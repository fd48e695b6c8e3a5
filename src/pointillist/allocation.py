"""How the C library hands out memory, which decides much of a training's speed on a CPU."""

from __future__ import annotations

import ctypes
import sys

# mallopt's parameters, from glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Has glibc keep what is freed for the next step in place of returning it to the system.

    Activations come and go in the same sizes at every step. By default each of them is mapped
    anew, and the system fills every page with zeros first: a third of a step's time for a small
    network (``benchmarks/speed.py``). The process then stays as large as it once was.

    Returns:
        whether the C library is one that listens; elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, _LARGEST))
