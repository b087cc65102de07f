"""Lines of standard input, in large pieces, with a call before each wait."""

from __future__ import annotations

import io
import select
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PIPE_BYTES = 1024 * 1024
"""What the pipe from the tap may hold: the most that Linux gives to everybody. With its usual
64 kB, tap and target wait for each other at every burst."""

READ_BYTES = 256 * 1024

SOON = 0.05
"""Seconds within which a tap that is at work writes more: a moment is no rest."""


def stdin_lines(before_waiting: Callable[[], None]) -> Iterable[bytes]:
    """Return the lines of standard input, without their newlines.

    Args:
        before_waiting: called when all that has come is read, and more is waited for, but for a
            moment.
    """
    buffer = sys.stdin.buffer
    raw = getattr(buffer, "raw", None)
    if not isinstance(raw, io.FileIO):  # something in the place of a file
        return (line.rstrip(b"\n") for line in buffer)
    _widen(raw)
    return _lines_of(raw, before_waiting)


def _lines_of(raw: io.FileIO, before_waiting: Callable[[], None]) -> Iterator[bytes]:
    begun: list[bytes] = []  # the pieces of a line that has not ended yet
    while True:
        if not _has_more(raw):
            before_waiting()
        piece = raw.read(READ_BYTES)
        if not piece:
            break
        lines = piece.split(b"\n")
        begun.append(lines[0])
        if len(lines) > 1:
            lines[0] = b"".join(begun)
            begun = [lines.pop()]
            yield from lines
    rest = b"".join(begun)
    if rest:
        yield rest


def _has_more(raw: io.FileIO) -> bool:
    """Tell whether more has come, or comes soon."""
    try:
        return bool(select.select([raw], [], [], SOON)[0])
    except (OSError, ValueError):  # Windows knows no pipe here
        return False


def _widen(raw: io.FileIO) -> None:
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # no pipe, or the system's share is used up
            fcntl.fcntl(raw, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
