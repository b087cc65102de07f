"""The rows of an hour, in order and sound, from however many files; and the files to hand over."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from singer_delivery.tap.bad_lines import Sifter, sound_keys
from singer_delivery.tap.sorting import Sorter, are_in_order

from tap_amplitude.order import keys_of, keys_of_sound
from tap_amplitude.settings import RFC3339
from tap_amplitude.timestamps import in_rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from pathlib import Path

    from singer_delivery.tap.bad_lines import BadLines
    from singer_delivery.tap.handover import Handover

    from tap_amplitude.order import Key
    from tap_amplitude.settings import Settings
    from tap_amplitude.sources import Hour

FILE_BYTES = 32 * 1024 * 1024
"""About how large a file of rows is that the tap puts in order: the more, the later the target may
begin, and the more waits on the disk."""


WHAT_TO_DO = (
    "Put a complete export in its place, or take it out of the archive; in a download, go on with "
    "a start_date after its hour."
)


@dataclass(frozen=True)
class Hours:
    """Reads hours.

    Args:
        settings: where rows go that do not fit into memory, and how times are written.
        bad_lines: keeps the broken lines.
    """

    settings: Settings
    bad_lines: BadLines

    def rows(self, hour: Hour) -> Generator[list[bytes], None, None]:
        """Yield the rows of an hour in order, some at a time.

        Raises:
            ArchiveUnreadable: A file is damaged, or the storage fails.
            TooManyBroken: Nothing of a file can be read, or too much of the run cannot.
            SpoolUnwritable: There is no room for rows that do not fit into memory.
        """
        sifter = Sifter(self.bad_lines, keys_of_sound, keys_of, WHAT_TO_DO)
        with closing(Sorter(keys_of, self.settings.spool_dir)) as sorter:
            for file in hour.files:
                for rows in sifter.sifted(file.name, hour.archive.blocks(file)):
                    sorter.add(rows)
            for lines in sorter.blocks():
                yield [*map(in_rfc3339, lines)] if self._writes_times else lines

    def files(
        self,
        hour: Hour,
        handover: Handover,
        after_a_while: Callable[[], None],
        write: Callable[[Iterable[list[bytes]]], None],
    ) -> Iterator[Path]:
        """Yield files with the rows of an hour in order, each when there is room for it.

        A file that is sound and in order, and the only one of its hour, is handed over as it is.

        Args:
            hour: the hour.
            handover: where the files wait for the target.
            after_a_while: called when a wait takes long.
            write: takes the rows when the target takes no more files.

        Raises:
            BrokenPipeError: The target has ended.
            TapError: As `rows` does.
        """
        if len(hour.files) == 1 and not self._writes_times:
            size = hour.files[0].size
            if handover.wait_for_room(size, after_a_while) and (path := _as_it_is(hour, handover)):
                yield path
                return
        with closing(self.rows(hour)) as blocks:
            for lines in blocks:
                rest = chain([lines], blocks)
                if handover.wait_for_room(FILE_BYTES, after_a_while):
                    yield handover.put_lines(hour.name, rest, FILE_BYTES)
                else:
                    write(rest)

    @property
    def _writes_times(self) -> bool:
        return self.settings.timestamps == RFC3339


def _as_it_is(hour: Hour, handover: Handover) -> Path | None:
    """Put the only file of an hour as it is stored; take it back if it is not sound."""
    (file,) = hour.files
    archive = hour.archive
    path = handover.put(file.name, archive.local_path(file), archive.chunks(file))
    is_sound = False
    try:
        is_sound = are_sound_and_in_order(archive.blocks_of_copy(file, path))
    finally:
        if not is_sound:
            handover.take_back(path)
    return path if is_sound else None


def are_sound_and_in_order(blocks: Iterable[list[bytes]]) -> bool:
    """Tell whether all lines of a file are rows that need no mending, and are in order.

    It reads no further than it must.
    """
    last: Key | None = None
    for block in blocks:
        lines = [*filter(None, map(bytes.strip, block))]
        keys = sound_keys(lines, keys_of_sound)
        if keys is None or not are_in_order(keys, last):
            return False
        last = keys[-1] if keys else last
    return True
