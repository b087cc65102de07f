"""Writes whole lines to standard output, whatever stands behind it."""

from __future__ import annotations

import json
import sys
from typing import Any

import orjson


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


def write_json_line(value: Any) -> None:
    """Write a value as a line of JSON, whatever its integers.

    Raises:
        BrokenPipeError: the reader is gone.
    """
    try:
        line = orjson.dumps(value)
    except TypeError:  # an integer of more than 64 bits
        line = json.dumps(value, separators=(",", ":")).encode()
    write_to_stdout(line + b"\n")
