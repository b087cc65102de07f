"""What an archive may become when it is unpacked: a zip bomb ends in a sentence. Pure.

Deflate swells up to 1,032 fold, gzip in a zip a million fold, and members of a zip that overlap add
to it. Exports swell 5 to 15 fold; rows made to compress well reached 275. So a file may become
`MOST_RATIO` times what is stored of it, or `FREE_BYTES` if that is more, whatever the layers; and
no line may be longer than `LONGEST_LINE`, since a line is what has to fit into memory.
"""

from __future__ import annotations

import io
import zipfile
from functools import partial
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MIB = 1024 * 1024

LONGEST_LINE = 64 * MIB
"""Bytes. Amplitude takes at most 20 MB of JSON in one upload, however many events that is
(Amplitude docs, Batch Event Upload API)."""

MOST_RATIO = 500
FREE_BYTES = 256 * MIB

READABLE = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""Exports are stored in their zip, or deflated. Python unpacks the other methods in pieces of any
size, which a bomb could fill."""

ENCRYPTED = 0x1
"""Bit of a member's flags (PKWARE APPNOTE, 4.4.4)."""


class Swollen(Exception):  # noqa: N818 - what happened
    """Unpacking was stopped. Its text goes on after the name of the file."""


def most_bytes(stored: int) -> int:
    """Return how many bytes may come out of so many stored ones."""
    return max(FREE_BYTES, stored * MOST_RATIO)


def reason_to_leave(member: zipfile.ZipInfo) -> str | None:
    """Say why a member of a zip is not to be unpacked, going on after its name; None if it is."""
    if member.flag_bits & ENCRYPTED:
        return "is encrypted"
    if member.compress_type not in READABLE:
        return f"is packed by method {member.compress_type}, as no export is"
    if member.file_size > most_bytes(member.compress_size):
        return f"would swell from {member.compress_size:,} to {member.file_size:,} bytes"
    return None


def overlap(members: Iterable[zipfile.ZipInfo], size: int) -> bool:
    """Tell whether members of a zip of `size` bytes share bytes, as those of a bomb do."""
    return sum(member.compress_size for member in members) > size


class Measured(io.RawIOBase):
    """A file that may be read up to `most` bytes.

    Raises:
        Swollen: On reading, when there is more.
    """

    def __init__(self, content: IO[bytes], most: int) -> None:
        self._content = content
        self._most = most
        self._read = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # any buffer
        """Read what fits into `buffer`, as files do."""
        count: int = self._content.readinto(buffer)  # type: ignore[attr-defined]  # binary files do
        self._read += count
        if self._read > self._most:
            msg = (
                f"is no export: unpacked it is more than {self._most // MIB:,} MiB, over "
                f"{MOST_RATIO} times what is stored."
            )
            raise Swollen(msg)
        return count

    def close(self) -> None:
        """Close the file underneath as well."""
        self._content.close()
        super().close()


def lines_of(content: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file, newlines included.

    Raises:
        Swollen: One is too long to be an event.
    """
    for line in iter(partial(content.readline, LONGEST_LINE + 1), b""):
        if len(line) > LONGEST_LINE:
            msg = f"is no export: it has a line of more than {LONGEST_LINE // MIB} MiB."
            raise Swollen(msg)
        yield line
