"""Writes Singer messages to stdout, many complete lines at a time.

Every message of the run passes through one writer, so messages made of bytes and messages made by
the SDK keep their order. A signal cuts no line: when it arrives during a write, the run ends after
that write.
"""

from __future__ import annotations

import os
import select
import stat
import sys

from singer_sdk.helpers._batch import SDKBatchMessage
from singer_sdk.singerlib import SchemaMessage, StateMessage
from singer_sdk.singerlib.encoding import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message
from singer_sdk.singerlib.json import serialize_json

from singer_delivery.io.stdout import write_to_stdout
from singer_delivery.tap.errors import OutputUnwritable

CHUNK_BYTES = 65_536
"""The size of a Linux pipe; larger chunks gain nothing."""


class LineWriter(GenericSingerWriter[bytes, Message]):
    """Writes lines to stdout in chunks; messages other than RECORD at once.

    Attributes:
        signum: the number of the signal that asks the run to stop, or None.
        is_writing: whether a write is under way.
    """

    def __init__(self) -> None:
        self.signum: int | None = None
        self._lines: list[bytes] = []
        self._size = 0
        self.is_writing = False

    def serialize_message(self, message: Message) -> bytes:
        """Return the message as one line of JSON, without the newline."""
        return serialize_json(message.to_dict()).encode()

    def write_message(self, message: Message) -> None:
        """Write a message of the SDK."""
        self.write_lines(self.serialize_message(message) + b"\n")
        if isinstance(message, (SchemaMessage, StateMessage, SDKBatchMessage)):
            self.flush()

    def write_lines(self, lines: bytes) -> None:
        """Write complete lines, with their newlines. They may wait for more lines."""
        self._lines.append(lines)
        self._size += len(lines)
        if self._size >= CHUNK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write all waiting lines to stdout.

        Raises:
            BrokenPipeError: The reader has ended. The waiting lines are dropped, and later ones.
            OutputUnwritable: They cannot be written for another reason; likewise.
            SystemExit: A signal arrived during the write.
        """
        self.is_writing = True
        try:
            chunk = b"".join(self._lines)
            self._lines.clear()
            self._size = 0
            write_to_stdout(chunk)
        except BrokenPipeError:
            if self.signum is not None:  # a Ctrl-C reaches both ends of a pipe
                raise SystemExit(128 + self.signum) from None
            raise
        except OSError as error:
            msg = (
                f"The output cannot be written ({error.strerror}). Make room, and start again from "
                "the last STATE that was stored."
            )
            raise OutputUnwritable(msg) from error
        finally:
            self.is_writing = False
        if self.signum is not None:
            raise SystemExit(128 + self.signum)

    def stop(self, signum: int) -> None:
        """Obey a signal: end the run now, or after the write under way.

        Raises:
            SystemExit: With 128 + `signum`, unless a write is under way.
        """
        self.signum = signum
        if not self.is_writing:
            raise SystemExit(128 + signum)


def has_a_live_reader() -> bool:
    """Tell whether stdout leads to another program."""
    try:
        mode = os.fstat(sys.stdout.fileno()).st_mode
    except OSError:  # a stdout without a file descriptor
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def reader_is_gone() -> bool:
    """Tell whether the reader of stdout has ended; False where the system cannot say."""
    if not hasattr(select, "poll"):  # Windows
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # poll always reports errors and hang-ups
    return bool(poll.poll(0))
