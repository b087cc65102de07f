"""Files of JSON lines, gzipped or plain, read in constant memory.

The content tells whether a file is gzipped, not its name. How far it may swell is limited, see
`expansion`. ISA-L unpacks it, where it has a wheel.
"""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from singer_delivery.io.expansion import BLOCK_BYTES, Unreadable, blocks_of_lines, most_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

try:
    from isal import igzip, isal_zlib
except ImportError:  # no wheel for this machine: the standard library reads the same, slower
    GzipReader: type[gzip.GzipFile] = gzip.GzipFile
    BadCompression: type[Exception] = zlib.error
else:
    GzipReader = igzip.IGzipFile
    BadCompression = cast("type[Exception]", isal_zlib.error)

GZIP_MAGIC = b"\x1f\x8b"
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, BadCompression)


class Damaged(Unreadable):
    """A file is no whole gzip file, though it begins like one."""


def open_lines(path: Path) -> Iterator[bytes]:
    """Yield the raw lines of a file, without their newlines; blank ones too.

    Raises:
        Unreadable: The file is damaged, or no file of events; see the kinds of it.
        OSError: The disk does not give it.
    """
    for lines in open_blocks(path):
        yield from lines


def open_blocks(path: Path) -> Iterator[list[bytes]]:
    """Yield the lines that `open_lines` yields, as many at a time as a block holds.

    Raises:
        Unreadable: As there.
        OSError: As there.
    """
    with path.open("rb", buffering=0) as file:
        yield from blocks_of(cast("IO[bytes]", file), os.fstat(file.fileno()).st_size)


def is_gzipped(path: Path) -> bool:
    """Tell whether a file is gzipped, by its first bytes.

    Raises:
        OSError: The disk does not give it.
    """
    with path.open("rb") as file:
        return file.read(len(GZIP_MAGIC)) == GZIP_MAGIC


def blocks_of(stored: IO[bytes], size: int) -> Iterator[list[bytes]]:
    """Yield the lines of a file that is open already, block by block, and close it.

    Args:
        stored: the file, as it is stored.
        size: its bytes; 0 when nobody knows, and then a line is all that is limited.

    Raises:
        Unreadable: As in `open_lines`.
    """
    with closing(io.BufferedReader(cast("io.RawIOBase", stored), BLOCK_BYTES)) as file:
        is_gzip = file.peek(len(GZIP_MAGIC))[: len(GZIP_MAGIC)] == GZIP_MAGIC
        content = cast("IO[bytes]", GzipReader(fileobj=file, mode="rb") if is_gzip else file)
        try:
            yield from blocks_of_lines(content, most_bytes(size) if size else sys.maxsize)
        except DAMAGE as error:
            msg = f"is damaged ({error})."
            raise Damaged(msg) from error
