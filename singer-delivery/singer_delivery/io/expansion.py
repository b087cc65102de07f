"""What a file may become when it is unpacked: a bomb ends in a sentence. Pure.

Deflate swells up to 1,032 fold, and layers of it a million fold. Exports of events swell 5 to 15
fold; rows made to compress well reached 275. So a file may become `MOST_RATIO` times what is stored
of it, or `FREE_BYTES` if that is more; and no line may be longer than `LONGEST_LINE`, since a line
is what has to fit into memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_delivery.io.gunzip import Content

MIB = 1024 * 1024

LONGEST_LINE = 64 * MIB
"""Bytes, without the newline. A record holds one event, and of the vendors whose exports are read
the most generous takes 20 MB of JSON in one upload, however many events that is."""

MOST_RATIO = 500
FREE_BYTES = 256 * MIB

BLOCK_BYTES = 128 * 1024
"""How much is unpacked and split at once. Larger blocks gain nothing, and leave the CPU's cache."""


class Unreadable(Exception):  # noqa: N818 - what the file is
    """A file cannot be read on. Its text goes on after the name of the file, up to a full stop."""


class Swollen(Unreadable):
    """Unpacking was stopped."""


def most_bytes(stored: int) -> int:
    """Return how many bytes may come out of so many stored ones."""
    return max(FREE_BYTES, stored * MOST_RATIO)


def blocks_of_lines(content: Content, most: int) -> Iterator[list[bytes]]:
    """Yield the lines of a file, without their newlines, in lists of those that end in one block.

    Splitting a block costs a tenth of reading its lines one by one. The longest line apart, no more
    than a few blocks are in memory.

    Raises:
        Swollen: There are more than `most` bytes, or a line is too long to be an event.
    """
    total = length = 0
    begun: list[bytes] = []  # the pieces of a line that no block has ended yet
    while block := content.read(BLOCK_BYTES):
        lines = block.split(b"\n")
        begun.append(lines[0])
        total, length = total + len(block), length + len(lines[0])
        _refuse_bombs(total, most, length)
        if len(lines) > 1:
            lines[0] = b"".join(begun)
            begun = [lines.pop()]
            length = len(begun[0])
            yield lines
    if length:
        yield [b"".join(begun)]


def _refuse_bombs(total: int, most: int, length: int) -> None:
    if total > most:
        msg = (
            f"is no export: unpacked it is more than {most // MIB:,} MiB, over {MOST_RATIO} times "
            "what is stored."
        )
        raise Swollen(msg)
    if length > LONGEST_LINE:
        msg = f"is no export: it has a line of more than {LONGEST_LINE // MIB} MiB."
        raise Swollen(msg)
