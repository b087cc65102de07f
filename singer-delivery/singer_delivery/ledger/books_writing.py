"""Writes the books: how many events of each name happened on each day, and what is covered.

A day's counts are one row, and names are numbered: three years of three hundred names are some
three megabytes. Whoever writes holds the ledger's transaction, and one writes at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, Table, select

from singer_delivery.ledger import tables
from singer_delivery.ledger.coverage import Range, merged
from singer_delivery.ledger.store import INSERTS, Store

NO_CELL = 0
"""Number of the names of a key that is counted nowhere."""

MOST_NAMES = 20_000
"""Names that are counted apart; services list 2,000 to 5,000 at most."""

LONGEST_SOURCE = 255
"""Characters of the name of a stream."""

OTHERS = "(other names)"
"""Under which the rest is counted."""


class Names(NamedTuple):
    """The name that events are sent under, and theirs in the source."""

    name: str
    source_name: str


class BookOfNames:
    """The numbers of names, which a day's counts go by."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._there: dict[Names, int] | None = None
        self._new: dict[Names, int] = {}

    def number(self, names: Names, connection: Connection) -> int:
        """Return the number of names, a new one where they have none yet; see `write`."""
        if not names.name:
            return NO_CELL
        if self._there is None:
            self._there = self._read(connection)
        number = self._there.get(names) or self._new.get(names)
        if number is None:
            number = len(self._there) + len(self._new) + 1
            if number > MOST_NAMES and names != Names(OTHERS, OTHERS):
                return self.number(Names(OTHERS, OTHERS), connection)
            self._new[names] = number
        return number

    def write(self, connection: Connection) -> None:
        """Write the numbers that are new."""
        text, scope = self._store.storable, self._store.scope
        rows = [
            {"scope": scope, "number": number, "name": text(of.name), "source_name": text(of[1])}
            for of, number in self._new.items()
        ]
        if rows:
            connection.execute(tables.names.insert(), rows)

    def saved(self) -> None:
        """Take note that they are on disk."""
        if self._there is not None:
            self._there.update(self._new)
        self._new.clear()

    def forget(self) -> None:
        """Forget what the disk has: it is asked anew."""
        self._there = None
        self._new.clear()

    def _read(self, connection: Connection) -> dict[Names, int]:
        of = tables.names.c
        asked = select(of.name, of.source_name, of.number).where(of.scope == self._store.scope)
        return {Names(*names): number for *names, number in connection.execute(asked)}


Counts = Mapping[int, Mapping[int, int]]
"""By day, how many events there are by the number of their names."""


def add_counts(store: Store, counts: Counts, connection: Connection) -> None:
    """Add to the counts of some days."""
    if not counts:
        return
    of = tables.books.c
    asked = select(of.day, of.counts).where(of.scope == store.scope, of.day.in_([*counts]))
    there = {day: orjson.loads(text) for day, text in connection.execute(asked)}
    rows: list[dict[str, object]] = []
    for day, more in sorted(counts.items()):
        known = there.get(day, {})
        for number, count in more.items():
            known[str(number)] = known.get(str(number), 0) + count
        rows.append({"scope": store.scope, "day": day, "counts": orjson.dumps(known).decode()})
    _upsert(tables.books, "day", "counts", rows, connection)


def read_counts(text: str) -> dict[int, int]:
    """Return a day's counts by the number of names."""
    return {int(number): count for number, count in orjson.loads(text).items()}


def read_ranges(text: str) -> list[Range]:
    """Return the ranges of a source that are covered."""
    return [(start, end) for start, end in orjson.loads(text)]


class Coverage:
    """Which ranges of each source of one project are covered. The ledger's lock guards it.

    Args:
        store: the disk.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unsaved: dict[str, list[Range]] = {}
        self._said: dict[str, list[Range]] = {}

    def add(self, source: str, ranges: Iterable[Range]) -> None:
        """Say that ranges of a source are covered."""
        said = [*ranges]
        if self._said.get(source) != said:  # a tap says the same in many STATEs
            self._said[source] = said
            self._unsaved[source] = merged([*self._unsaved.get(source, ()), *said])

    def unsaved(self) -> Mapping[str, list[Range]]:
        """Return what is to be written now."""
        return dict(self._unsaved)

    def write(self, of: Mapping[str, list[Range]], connection: Connection) -> None:
        """Write it beside what is there."""
        if not of:
            return
        table, scope = tables.covered, self._store.scope
        asked = select(table.c.source, table.c.ranges).where(table.c.scope == scope)
        there = {source: read_ranges(text) for source, text in connection.execute(asked)}
        rows: list[dict[str, object]] = []
        for source, more in sorted(of.items()):
            name = self._store.storable(source)[:LONGEST_SOURCE]
            ranges = orjson.dumps(merged([*there.get(name, ()), *more])).decode()
            rows.append({"scope": scope, "source": name, "ranges": ranges})
        _upsert(tables.covered, "source", "ranges", rows, connection)

    def saved(self, of: Mapping[str, list[Range]]) -> None:
        """Take note that it is on disk."""
        for source, ranges in of.items():
            if self._unsaved[source] == ranges:
                del self._unsaved[source]


def _upsert(
    table: Table, key: str, value: str, rows: list[dict[str, object]], connection: Connection
) -> None:
    """Write rows of a project over those of the same key."""
    insert = INSERTS[connection.dialect.name](table)
    taken = {value: insert.excluded[value]}
    statement = insert.on_conflict_do_update(index_elements=["scope", key], set_=taken)
    connection.execute(statement, rows)
