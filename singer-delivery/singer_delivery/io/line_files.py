"""Files of JSON lines, gzipped or plain, read in constant memory.

The content tells whether a file is gzipped, not its name; see `gunzip`. A byte order mark is passed
over, and an array of JSON, or JSON over many lines, is read as its elements; see `elements`. How
far a file may swell is limited; see `expansion`.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from typing import IO, TYPE_CHECKING, cast

from singer_delivery.io.elements import one_value_a_line, without_bom
from singer_delivery.io.expansion import Unreadable, blocks_of_lines, most_bytes
from singer_delivery.io.gunzip import DAMAGE, MAGIC, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
        return file.read(len(MAGIC)) == MAGIC


def blocks_of(stored: IO[bytes], size: int) -> Iterator[list[bytes]]:
    """Yield the lines of a file that is open already, block by block, and close it.

    Args:
        stored: the file, as it is stored.
        size: its bytes; 0 when nobody knows, and then a line is all that is limited.

    Raises:
        Unreadable: As in `open_lines`.
    """
    with closing(stored):
        try:
            lines = blocks_of_lines(unpacked(stored), most_bytes(size) if size else sys.maxsize)
            yield from one_value_a_line(without_bom(lines))
        except DAMAGE as error:
            msg = f"is damaged ({error})."
            raise Damaged(msg) from error
