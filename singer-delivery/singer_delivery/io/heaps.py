"""How many heaps the threads of a process share, and when what is free goes back to the system."""

from __future__ import annotations

import sys

M_ARENA_MAX = -8
"""Number of the parameter (glibc, malloc.h); "the maximum number of arenas" (its manual, 3.2.4)."""

HEAPS = 2


def share_heaps() -> bool:
    """Let all threads share two heaps where the C library is glibc; tell whether it is.

    By default nearly every thread gets one of its own, and none gives back what it freed to the
    others: a dozen lanes that compress their requests hold 13 MB more. To be called before there
    are threads.
    """
    return _call("mallopt", M_ARENA_MAX, HEAPS)


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
