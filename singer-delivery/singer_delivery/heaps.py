"""How many heaps the threads of a process share."""

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
    if sys.platform != "linux":
        return False
    import ctypes  # noqa: PLC0415 - a hundredth of a second, where nothing comes of it

    try:
        return bool(ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS))
    except (OSError, AttributeError):  # another C library
        return False
