"""Compresses request bodies and what waits on disk, with ISA-L where it has a wheel."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

try:
    from isal.isal_zlib import compress, compressobj, decompress
except ImportError:
    from zlib import compress, compressobj, decompress  # type: ignore[assignment]

LEVEL = 1
"""On event JSON it shrinks nearly as much as the highest level, at a tenth of its time."""

GZIP = 16 + zlib.MAX_WBITS
"""As `wbits`: a gzip member around it, without a time in it (zlib manual, deflateInit2)."""

AT_ONCE = 64


def gzip_list(before: bytes, items: Sequence[bytes], after: bytes) -> bytes:
    """Return a gzip member of these items, commas between them, and what stands around them.

    The same bytes for the same content. What is compressed is never in memory as a whole: a dozen
    requests in the air would need some tens of megabytes for it.
    """
    compressor = compressobj(LEVEL, zlib.DEFLATED, GZIP)
    parts = [compressor.compress(before)]
    for start in range(0, len(items), AT_ONCE):
        comma = b"," if start else b""
        parts.append(compressor.compress(comma + b",".join(items[start : start + AT_ONCE])))
    parts += compressor.compress(after), compressor.flush()
    return b"".join(parts)


def shrunk(content: bytes) -> bytes:
    """Return bytes in less room: half of it for a record of some kilobytes. See `grown`."""
    return compress(content, LEVEL)


def grown(content: bytes) -> bytes:
    """Return what `shrunk` was given."""
    return decompress(content)
