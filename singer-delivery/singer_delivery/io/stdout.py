"""Writes whole lines to standard output, whatever stands behind it."""

from __future__ import annotations

import sys


def write_to_stdout(lines: bytes) -> None:
    """Return when all of `lines` is handed to the reader.

    Raises:
        BrokenPipeError: the reader is gone.
    """
    # Looked up each time, since stdout may be redirected between two messages.
    out = sys.stdout
    out.flush()
    if not hasattr(out, "buffer"):
        out.write(lines.decode())
        return
    rest = memoryview(lines)
    while rest:
        # With PYTHONUNBUFFERED, a signal makes one write end after a part of the bytes.
        rest = rest[out.buffer.write(rest) :]
    out.buffer.flush()
