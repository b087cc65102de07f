"""Writes Singer messages to stdout: whole lines, many at a time, in one order.

Every message of the run takes this road, so records that are spliced together as bytes and messages
that the SDK builds keep their order. A line is never torn by a signal: one that arrives while bytes
are on their way out is obeyed when they are.
"""

from __future__ import annotations

import os
import select
import stat
import sys
from contextlib import suppress

from singer_delivery.io.stdout import write_to_stdout
from singer_sdk.helpers._batch import SDKBatchMessage
from singer_sdk.singerlib import SchemaMessage, StateMessage
from singer_sdk.singerlib.encoding import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message
from singer_sdk.singerlib.json import serialize_json

CHUNK_BYTES = 65_536
"""What a Linux pipe holds; larger chunks gain nothing."""


class LineWriter(GenericSingerWriter[bytes, Message]):
    """Collects lines and writes them to stdout in chunks; all but RECORD go out at once.

    Attributes:
        signum: the signal that asked the run to stop, or None.
    """

    def __init__(self) -> None:
        self.signum: int | None = None
        self._lines: list[bytes] = []
        self._size = 0
        self._is_writing = False

    def serialize_message(self, message: Message) -> bytes:
        """Return the message as one line of JSON, without the newline."""
        return serialize_json(message.to_dict()).encode()

    def write_message(self, message: Message) -> None:
        """Write a message of the SDK."""
        self.write_lines(self.serialize_message(message) + b"\n")
        if isinstance(message, (SchemaMessage, StateMessage, SDKBatchMessage)):
            self.flush()

    def write_lines(self, lines: bytes) -> None:
        """Write whole lines, newlines included. They may wait for others, in order."""
        self._lines.append(lines)
        self._size += len(lines)
        if self._size >= CHUNK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand all waiting lines to the reader.

        Raises:
            BrokenPipeError: The reader is gone. Waiting lines are dropped, then and later.
            SystemExit: A signal came meanwhile; the lines are out, or their reader is gone.
        """
        self._is_writing = True
        try:
            chunk = b"".join(self._lines)
            self._lines.clear()
            self._size = 0
            write_to_stdout(chunk)
        except BrokenPipeError:
            _abandon_stdout()
            if self.signum is not None:  # a Ctrl-C ended the reader as well, and a little sooner
                raise SystemExit(128 + self.signum) from None
            raise
        finally:
            self._is_writing = False
        if self.signum is not None:
            raise SystemExit(128 + self.signum)

    def stop(self, signum: int) -> None:
        """Obey a signal: end the program now, or as soon as the bytes under way are out.

        Raises:
            SystemExit: With 128 + `signum`, unless bytes are under way.
        """
        self.signum = signum
        if not self._is_writing:
            raise SystemExit(128 + signum)


def has_a_live_reader() -> bool:
    """Tell whether what stdout is given is read by another program at this time."""
    try:
        mode = os.fstat(sys.stdout.fileno()).st_mode
    except OSError:  # a stdout without a file descriptor
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def reader_is_gone() -> bool:
    """Tell whether nobody can read any more what stdout is given; False where nobody knows."""
    if not hasattr(select, "poll"):  # Windows
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # of itself it tells of errors and of ends
    return bool(poll.poll(0))


def _abandon_stdout() -> None:
    """Let what stdout still holds go nowhere: else the interpreter complains of it at exit."""
    with suppress(OSError):  # a stdout without a file descriptor holds nothing back
        descriptor = sys.stdout.fileno()
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, descriptor)
        os.close(devnull)
