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
RUN_BYTES = 8 * 1024 * 1024
"""Bytes of the rows of one second that are compared in memory: imports put whole days on one
second. Less than a whole window may have, since two sorts are under way beside it."""

BLOCK_LINES = 256
_uuid_and_key = slice(0, 36 + KEY)


class Copies:
    """Compares the rows of days, which come in order.

    Attributes:
        duplicates: how many rows were left out.
        alike: how many rows were numbered.

    Args:
        spool_dir: where rows of one second go that do not fit into memory.
        run_bytes: how many bytes of them do.
    """

    def __init__(self, spool_dir: Path, run_bytes: int = RUN_BYTES) -> None:
        self.duplicates = self.alike = 0
        self._spool_dir = spool_dir
        self._run_bytes = run_bytes

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
        kept, size = [], 0
        for row in rows:
            kept.append(row)
            size += len(row)
            if size >= self._run_bytes:
                return self._on_disk(chain(kept, rows))
        return kept if len(kept) == 1 else self._in_memory(kept)

    def _in_memory(self, rows: list[bytes]) -> Iterator[bytes]:
        by_uuid: dict[bytes, list[int]] = {}
        for at, row in enumerate(rows):
            by_uuid.setdefault(row[UUID], []).append(at)
        if len(by_uuid) < len(rows):
            for places in by_uuid.values():
                if len(places) > 1:
                    left = [*self._decided([rows[at] for at in places])]
                    left += [b""] * (len(places) - len(left))
                    for at, row in zip(places, left, strict=True):
                        rows[at] = row
        return filter(None, rows)

    def _on_disk(self, rows: Iterable[bytes]) -> Iterator[bytes]:
        """Sort by uuid, decide, and sort back."""
        with (
            closing(Sorter(_keys_by_uuid, self._spool_dir, self._run_bytes)) as by_uuid,
            closing(Sorter(keys_of, self._spool_dir, self._run_bytes)) as in_order,
        ):
            for block in _blocks(row[UUID] + row for row in rows):
                by_uuid.add(Rows(block, _keys_by_uuid(block)))
            rows_by_uuid = chain.from_iterable(by_uuid.blocks())
            groups = groupby(rows_by_uuid, key=itemgetter(slice(0, 36)))
            left = (self._decided(row[36:] for row in group) for _, group in groups)
            for block in _blocks(chain.from_iterable(left)):
                in_order.add(Rows(block, keys_of(block)))
            yield from chain.from_iterable(in_order.blocks())

    def _decided(self, rows: Iterable[bytes]) -> Iterator[bytes]:
        """Yield what is left of the rows of one uuid, which come in order."""
        rows = iter(rows)
        first = newest = next(rows)
        if first[MARKS].startswith(LACKS_ID):
            yield first
            for copy, row in enumerate(rows, 1):
                self.alike += 1
                yield _numbered(row, copy)
            return
        for row in rows:
            self.duplicates += 1
            newest = max(newest, row, key=itemgetter(PROCESSED))
        yield first[:KEY] + newest[KEY:]


def _numbered(row: bytes, copy: int) -> bytes:
    return row[: UUID.start] + copy_uuid(row[HEAD:], copy) + row[UUID.stop :]


def _keys_by_uuid(rows: list[bytes]) -> list[bytes]:
    return [row[_uuid_and_key] for row in rows]


def _blocks(rows: Iterable[bytes]) -> Iterator[list[bytes]]:
    rows = iter(rows)
    while block := [*islice(rows, BLOCK_LINES)]:
        yield block
