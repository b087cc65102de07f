"""Writes whole lines to standard output, whatever stands behind it."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Any

import orjson

from singer_delivery.errors import StorageError


def write_to_stdout(lines: bytes) -> None:
    """Return when all of `lines` is handed to the reader.

    Raises:
        BrokenPipeError: the reader is gone. What was not written is dropped, and all that follows.
        OSError: the disk is full, for instance; likewise.
    """
    try:
        _write(lines)
    except OSError:
        _abandon_stdout()
        raise


def _write(lines: bytes) -> None:
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


def _abandon_stdout() -> None:
    """Send what stdout still buffers to nowhere: else the interpreter reports it at exit."""
    with suppress(OSError):  # a stdout without a file descriptor buffers nothing
        descriptor = sys.stdout.fileno()
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, descriptor)
        os.close(devnull)


def write_state(value: Any) -> None:
    """Write a STATE value as a line of JSON, whatever its integers.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        line = orjson.dumps(value)
    except TypeError:  # an integer of more than 64 bits
        line = json.dumps(value, separators=(",", ":")).encode()
    try:
        write_to_stdout(line + b"\n")
    except OSError as error:
        msg = (
            f"STATE cannot be written to standard output ({error.strerror or 'closed'}). Nothing "
            "is lost: make room, or see why its reader ended, and start the same run again."
        )
        raise StorageError(msg) from error
