"""Compresses request bodies and what waits on disk, with ISA-L where it has a wheel.

A body is made of pieces that are compressed apart, in several processes, before it is known which
of them travel together. That works because deflated data that ends with a full flush may be
followed by any other (RFC 1951, 3.2.4), and the checksum of a whole is made of those of its parts.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

try:
    from isal.isal_zlib import compress, compressobj, crc32, crc32_combine, decompress
except ImportError:
    from zlib import compress, compressobj, crc32, decompress  # type: ignore[assignment]

    from singer_delivery.io.checksums import crc32_combine

LEVEL = 1
"""On event JSON it shrinks nearly as much as the highest level, at a tenth of its time."""

RAW = -zlib.MAX_WBITS
"""As `wbits`: deflated data with nothing around it (zlib manual, deflateInit2)."""

GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
"""Deflated, no name, no time, fastest level, unknown system (RFC 1952, 2.3)."""

LAST = b"\x03\x00"
"""A deflated block of nothing that says that no other follows (RFC 1951, 3.2.3)."""


class Deflated(NamedTuple):
    """A part of a body, compressed, that any other part may follow.

    Attributes:
        data: the compressed bytes.
        size: how many bytes they stand for.
        crc: CRC-32 of those.
    """

    data: bytes
    size: int
    crc: int


def deflated(content: bytes) -> Deflated:
    """Compress a part of a body."""
    compressor = compressobj(LEVEL, zlib.DEFLATED, RAW)
    data = compressor.compress(content) + compressor.flush(zlib.Z_FULL_FLUSH)
    return Deflated(data, len(content), crc32(content))


def gzipped(parts: Iterable[Deflated]) -> bytes:
    """Return the gzip member that holds these parts, one after the other."""
    chunks, crc, size = [GZIP_HEAD], 0, 0
    for part in parts:
        chunks.append(part.data)
        crc = crc32_combine(crc, part.crc, part.size)
        size += part.size
    return b"".join([*chunks, LAST, struct.pack("<II", crc, size & 0xFFFFFFFF)])


def shrunk(content: bytes) -> bytes:
    """Return bytes in less room: half of it for a record of some kilobytes. See `grown`."""
    return compress(content, LEVEL)


def grown(content: bytes) -> bytes:
    """Return what `shrunk` was given."""
    return decompress(content)
