"""Compresses request bodies, with ISA-L where it has a wheel."""

from __future__ import annotations

try:
    from isal.igzip import compress
except ImportError:
    from gzip import compress  # type: ignore[assignment]

LEVEL = 1
"""On event JSON it shrinks nearly as much as the highest level, at a tenth of its time."""


def gzip_body(body: bytes) -> bytes:
    """Return `body` as a gzip member; the same bytes for the same body, without a time in it."""
    return compress(body, compresslevel=LEVEL, mtime=0)
