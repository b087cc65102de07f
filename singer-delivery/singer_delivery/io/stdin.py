"""Lines of standard input, in large pieces, with a call before each wait."""

from __future__ import annotations

import io
import os
import select
import stat
import sys
import time
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


class Unterminated(bytes):
    """The last line of an input that ends without a newline: its writer may have been cut off."""


def without_newline(line: bytes) -> bytes:
    """Return a line without its newline, an `Unterminated` where it has none."""
    return line[:-1] if line.endswith(b"\n") else Unterminated(line)


def stdin_lines(before_waiting: Callable[[], None]) -> Iterable[bytes]:
    """Return the lines of standard input, without their newlines.

    Args:
        before_waiting: called when all that has come is read, and more is waited for, but for a
            moment.
    """
    buffer = sys.stdin.buffer
    raw = getattr(buffer, "raw", None)
    if not isinstance(raw, io.FileIO):  # something in the place of a file
        return map(without_newline, buffer)
    _widen(raw)
    return _lines_of(raw, before_waiting)


def read_to_the_end(seconds: float) -> None:
    """Read what is left of standard input and drop it, if it is a pipe, for so long at most.

    A writer whose reader leaves is broken off in the middle, and what it says of that comes after
    what the reader said of the reason.
    """
    raw = getattr(sys.stdin.buffer, "raw", None)
    if not isinstance(raw, io.FileIO) or not _is_pipe(raw):
        return
    end = time.monotonic() + seconds
    with suppress(OSError, ValueError):  # closed already; Windows cannot wait for a pipe
        while (left := end - time.monotonic()) > 0:
            if select.select([raw], [], [], left)[0] and not raw.read(READ_BYTES):
                return


def _is_pipe(raw: io.FileIO) -> bool:
    mode = os.fstat(raw.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


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
        yield Unterminated(rest)


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
