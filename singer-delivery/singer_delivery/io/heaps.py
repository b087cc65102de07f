"""How many heaps the threads of a process share, and when what is free goes back to the system."""

from __future__ import annotations

import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Numbers of the parameters (glibc, malloc.h; its manual, 3.2.4)."""

HEAPS = 2

FREE_AT_THE_END, LARGE = 2 * 1024 * 1024, 128 * 1024
"""Bytes. Where more is free at the end of a heap, it goes back to the system; a larger block lies
in no heap, and goes back when it is freed. By default glibc raises both as large blocks come and
go, and keeps what they leave: some 8 MB of a run."""


def keep_heaps_small() -> bool:
    """Hold little more than is used where the C library is glibc; tell whether it is.

    All threads share two heaps. By default nearly every one gets one of its own, and none gives
    back what it freed to the others: a dozen lanes that compress their requests hold 13 MB more.
    Large blocks go back to the system as soon as they are free, and so does the end of a heap.
    To be called before there are threads.
    """
    of = ((M_ARENA_MAX, HEAPS), (M_TRIM_THRESHOLD, FREE_AT_THE_END), (M_MMAP_THRESHOLD, LARGE))
    return all(_call("mallopt", *each) for each in of)


def give_back() -> bool:
    """Give the system what is free in the heaps, where the C library is glibc; tell whether it is.

    It takes some milliseconds, and makes room between two kinds of work: what one kind leaves free
    is in pieces that are too small for the next. ("malloc_trim", its manual.)
    """
    return _call("malloc_trim", 0)


def _call(function: str, *arguments: int) -> bool:
    if sys.platform != "linux":
        return False
    import ctypes  # noqa: PLC0415 - a hundredth of a second, where nothing comes of it

    try:
        return bool(getattr(ctypes.CDLL(None), function)(*arguments))
    except (OSError, AttributeError):  # another C library
        return False
