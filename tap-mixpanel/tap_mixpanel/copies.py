"""Leaves one of the rows that are one event, and numbers the rows that only look like it.

Mixpanel's raw export is not deduplicated, while its reports are (Mixpanel docs, Event
Deduplication). Rows of one uuid are one event: the one that Mixpanel processed last is left, in the
place of the first. Rows without an id of their own may be equal and still be several events: all of
them are left, and each after the first gets a uuid of its own.

A uuid holds the second, so only rows of one second are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, groupby, islice
from operator import itemgetter
from pathlib import Path

from singer_delivery.tap.sorting import Rows, Sorter

from tap_mixpanel.rows import HEAD, KEY, LACKS_ID, MARKS, UUID, copy_uuid, keys_of

SECOND = slice(0, 21)
"""Of the head: the day, and the time without its milliseconds."""

PROCESSED = slice(42, 59)
MOST_IN_MEMORY = 20_000
"""Rows of one second that are compared in memory. Imports put whole days on one second."""

RUN_BYTES = 8 * 1024 * 1024
"""Less than a whole window may have in memory, since two such sorts are under way beside it."""

BLOCK_LINES = 256
_uuid_and_key = slice(0, 36 + KEY)


class Copies:
    """Compares the rows of days, which come in order.

    Attributes:
        duplicates: how many rows were left out.
        alike: how many rows were numbered.

    Args:
        spool_dir: where rows of one second go that do not fit into memory.
        most: how many rows of one second are compared in memory.
    """

    def __init__(self, spool_dir: Path, most: int = MOST_IN_MEMORY) -> None:
        self.duplicates = self.alike = 0
        self._spool_dir = spool_dir
        self._most = most

    def left(self, blocks: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
        """Yield the rows that are left, in order, some at a time.

        Raises:
            SpoolUnwritable: They must go to disk, and cannot.
        """
        rows = self._rows(chain.from_iterable(blocks))
        while block := [*islice(rows, BLOCK_LINES)]:
            yield block

    def _rows(self, rows: Iterable[bytes]) -> Iterator[bytes]:
        for _, group in groupby(rows, key=itemgetter(SECOND)):
            yield from self._of_a_second(group)

    def _of_a_second(self, rows: Iterator[bytes]) -> Iterable[bytes]:
        kept = [*islice(rows, self._most)]
        if len(kept) == self._most:
            return self._on_disk(chain(kept, rows))
        return kept if len(kept) == 1 else self._in_memory(kept)

    def _in_memory(self, rows: list[bytes]) -> Iterator[bytes]:
        by_uuid: dict[bytes, list[int]] = {}
        for at, row in enumerate(rows):
            by_uuid.setdefault(row[UUID], []).append(at)
        if len(by_uuid) < len(rows):
            for places in by_uuid.values():
                if len(places) > 1:
                    decided = self._decided([rows[at] for at in places])
                    for at, row in zip(places, decided, strict=True):
                        rows[at] = row
        return filter(None, rows)

    def _on_disk(self, rows: Iterable[bytes]) -> Iterator[bytes]:
        """Sort by uuid, decide, and sort back."""
        with (
            closing(Sorter(_keys_by_uuid, self._spool_dir, RUN_BYTES)) as by_uuid,
            closing(Sorter(keys_of, self._spool_dir, RUN_BYTES)) as in_order,
        ):
            for block in _blocks(row[UUID] + row for row in rows):
                by_uuid.add(Rows(block, _keys_by_uuid(block)))
            told = chain.from_iterable(by_uuid.blocks())
            alike = groupby(told, key=itemgetter(slice(0, 36)))
            decided = (row for _, group in alike for row in self._decided_of([*group]))
            for block in _blocks(decided):
                in_order.add(Rows(block, keys_of(block)))
            yield from chain.from_iterable(in_order.blocks())

    def _decided_of(self, rows: list[bytes]) -> Iterator[bytes]:
        return filter(None, self._decided([row[36:] for row in rows]))

    def _decided(self, rows: list[bytes]) -> list[bytes]:
        """Return what becomes of rows of one uuid, in order; nothing for those left out."""
        if len(rows) == 1:
            return rows
        if rows[0][MARKS].startswith(LACKS_ID):
            self.alike += len(rows) - 1
            return [rows[0], *(_numbered(row, copy) for copy, row in enumerate(rows[1:], 1))]
        self.duplicates += len(rows) - 1
        newest = max(rows, key=itemgetter(PROCESSED))
        return [rows[0][:KEY] + newest[KEY:], *[b""] * (len(rows) - 1)]


def _numbered(row: bytes, copy: int) -> bytes:
    return row[: UUID.start] + copy_uuid(row[HEAD:], copy) + row[UUID.stop :]


def _keys_by_uuid(rows: list[bytes]) -> list[bytes]:
    return [row[_uuid_and_key] for row in rows]


def _blocks(rows: Iterable[bytes]) -> Iterator[list[bytes]]:
    rows = iter(rows)
    while block := [*islice(rows, BLOCK_LINES)]:
        yield block
