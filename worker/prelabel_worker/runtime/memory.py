"""Keep a worker's memory small: the C library would keep much of what a chunk needed, in a heap for each thread.

A worker handles a few large blocks (files, frames) between many small objects. With the defaults of glibc, the blocks
leave holes that nothing else fits, in up to eight heaps a core. `benchmarks/busy.py` shows the difference.
"""

import ctypes
import gc

_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1  # of malloc.h
_LARGE_BYTES = 256 * 1024
_COLLECT_AFTER = 10_000  # new objects; Python's default is 700


def bound() -> None:
    """Use one heap, and return large blocks to the system when they are freed. Call before other threads start.

    Other C libraries have no such function; they are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _LARGE_BYTES), (_TRIM_THRESHOLD, _LARGE_BYTES)):
            mallopt(option, value)


def share() -> None:
    """Keep the objects of this process out of later collections, which would copy the pages that its children share.

    Other collections are rare from now on: a chunk makes thousands of objects, of which next to none are in cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
