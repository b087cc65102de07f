"""Unpacks gzip: members one after the other, and gzip within gzip.

A gzip file may have several members (RFC 1952, 2.2); who joins files of an export by `cat` makes
such a file. Where one ends in `}` and the next begins with `{`, a line end is put between them: the
last line of one and the first line of the next would otherwise be one line, and no JSON. Elsewhere
nothing is, since `bgzip` ends its members within lines. ISA-L unpacks, where it has a wheel.
"""

from __future__ import annotations

import gzip
import zlib
from typing import IO, Any, Protocol, cast

try:
    from isal import isal_zlib
except ImportError:  # no wheel for this machine: the standard library reads the same, slower
    _unpacker: Any = zlib.decompressobj
    BadCompression: type[Exception] = zlib.error
else:
    _unpacker = isal_zlib.decompressobj
    BadCompression = cast("type[Exception]", isal_zlib.error)

MAGIC = b"\x1f\x8b"
WITH_HEADER = 31  # `wbits` in zlib's manual, inflateInit2
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, BadCompression)
DEEPEST = 4
"""Layers of gzip that are unpacked. Two are met; more are nobody's export."""

STORED_BYTES = 64 * 1024


class Content(Protocol):
    """What is read from."""

    def read(self, size: int, /) -> bytes:
        """Return at least one byte and at most `size`; none at the end."""


def unpacked(stored: IO[bytes]) -> Content:
    """Return what a file holds, open at its begin: unpacked if it is gzipped, else as it is.

    Reading it raises one of `DAMAGE` when it is gzipped and damaged.
    """
    content = _Begun(stored)
    for _ in range(DEEPEST):
        if not content.head.startswith(MAGIC):
            break
        content = _Begun(_Members(content))
    return content


class _Begun:
    """A file of which the first bytes are known.

    Attributes:
        head: at least its first two bytes, unless it is shorter, and until they are read.
    """

    def __init__(self, file: Content) -> None:
        self._file = file
        self.head = file.read(STORED_BYTES)
        if len(self.head) == 1:
            self.head += file.read(1)

    def read(self, size: int, /) -> bytes:
        if self.head:
            found, self.head = self.head[:size], self.head[size:]
            return found
        return self._file.read(size)


class _Members:
    """The content of a gzip file."""

    def __init__(self, stored: Content) -> None:
        self._stored = stored
        self._waiting = b""  # stored bytes that are read, and not unpacked yet
        self._member: Any = None
        self._ended_in = b""  # the last byte of the member before

    def read(self, size: int, /) -> bytes:
        while self._member is not None or self._begins():
            found = self._unpack(size)
            if found and self._ended_in == b"}" and found.startswith(b"{"):
                found = b"\n" + found
            if found:
                self._ended_in = found[-1:] if self._member is None else b""
                return found
        return b""

    def _begins(self) -> bool:
        """Begin the next member; return False at the end of the file, but for zeros of padding."""
        while not (waiting := self._waiting.lstrip(b"\0\n")):
            self._waiting = self._stored.read(STORED_BYTES)
            if not self._waiting:
                return False
        self._waiting = waiting
        self._member = _unpacker(WITH_HEADER)
        return True

    def _unpack(self, size: int) -> bytes:
        stored = self._waiting or self._stored.read(STORED_BYTES)
        found = cast("bytes", self._member.decompress(stored, size))
        self._waiting = self._member.unconsumed_tail
        if self._member.eof:
            self._waiting, self._member = self._member.unused_data, None
        elif not stored and not found:
            msg = "it ends before its end-of-stream marker"
            raise EOFError(msg)
        return found
