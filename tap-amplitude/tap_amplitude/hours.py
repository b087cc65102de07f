"""The rows of one hour, in order and sound, from however many files."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from tap_amplitude.bad_lines import sound_keys
from tap_amplitude.order import are_in_order
from tap_amplitude.sorting import Sorter

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

    from tap_amplitude.bad_lines import BadLines
    from tap_amplitude.order import Key
    from tap_amplitude.sources import Hour


def in_order(
    hour: Hour, bad_lines: BadLines, spool_dir: Path
) -> Generator[list[bytes], None, None]:
    """Yield the rows of an hour in order, some at a time, and keep its broken lines.

    Raises:
        ArchiveUnreadable: A file is damaged, or the storage fails.
        TooManyBroken: Nothing of a file can be read, or too much of the run cannot.
        SpoolUnwritable: There is no room for rows that do not fit into memory.
    """
    with closing(Sorter(spool_dir)) as sorter:
        for file in hour.files:
            for rows in bad_lines.sifted(file.name, hour.archive.blocks(file)):
                sorter.add(rows)
        yield from sorter.blocks()


def are_sound_and_in_order(blocks: Iterable[list[bytes]]) -> bool:
    """Tell whether all lines of a file are rows that need no mending, and are in order.

    It reads no further than it must.
    """
    last: Key | None = None
    for block in blocks:
        lines = [*filter(None, map(bytes.strip, block))]
        keys = sound_keys(lines)
        if keys is None or not are_in_order(keys, last):
            return False
        last = keys[-1] if keys else last
    return True
