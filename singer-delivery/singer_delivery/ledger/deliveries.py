"""Which events were delivered, by the day on which they happened: some 9 bytes an event.

The list is what the books count by, and where a destination forgets after a while which events it
has, what is in it is not sent again. An event is known by a digest of its id; two of one day have
the same digest once in a hundred thousand days of ten million events.

A day's keys lie in the database as they were saved, one row a save. In memory are those of the days
that are asked for, or that many events come of: history comes day by day.
"""

from __future__ import annotations

import threading
from array import array
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, func, select

from singer_delivery.ledger import tables
from singer_delivery.ledger.accepted import Accepted
from singer_delivery.ledger.books_writing import NO_CELL, BookOfNames, Names, add_counts
from singer_delivery.ledger.keys import Cells, Keys, found_among, packed, packed_cells, unpacked
from singer_delivery.ledger.store import INSERTS, Store
from singer_delivery.model import Delivery

MOST_KEYS = 6_000_000
"""Keys of days in memory, 64 MB; a day that has more is in memory alone."""

FEW = 1_000
"""New keys of a day, below which what the disk has of it is looked through and not kept: events
that come late are of many days."""


class Kind(NamedTuple):
    """What keys that wait to be written have in common."""

    names: Names
    hour: int


class UnsavedKeys(NamedTuple):
    """What waits: of each day its keys, and the kind of each by its number among `kinds`."""

    days: Mapping[int, Mapping[int, int]]
    kinds: Sequence[Kind]


NO_KEYS = UnsavedKeys({}, ())


class Deliveries:
    """The list of one project, and its books. The ledger's lock guards it, but for `write`.

    Args:
        store: the disk.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unsaved: dict[int, dict[int, int]] = {}
        self._kinds: dict[Kind, int] = {}
        self._names = BookOfNames(store)
        self._lock = threading.Lock()  # of the days in memory: one thread asks, another one writes
        self._days: OrderedDict[int, Keys] = OrderedDict()
        self._on_disk: set[int] | None = None
        self._next: int | None = None
        self._written: dict[int, Sequence[int]] = {}

    @property
    def to_save(self) -> int:
        """How many keys may be written now."""
        return sum(map(len, self._unsaved.values()))

    def has(self, of: Delivery) -> bool:
        """Tell whether an event was delivered, by this run or an earlier one.

        One thread calls it.

        Raises:
            StorageError: the disk cannot be read.
        """
        day, key = of
        unsaved = self._unsaved.get(day)
        if unsaved is not None and key in unsaved:
            return True
        with self._lock:
            keys = self._days.get(day)
            if keys is None:
                keys = self._loaded(day, [each for (each,) in self._store.rows(self._of(day))])
            return key in keys

    def add(self, accepted: Iterable[Accepted]) -> None:
        """Say that events are delivered."""
        kinds = self._kinds
        for some in accepted:
            for (day, hour, name, source_name, _), keys, _ in some.alike():
                number = kinds.setdefault(Kind(Names(name, source_name), hour), len(kinds))
                there = self._unsaved.setdefault(day, {})
                new = set(keys).difference(there)  # what came twice counts as it came first
                there.update(dict.fromkeys(new, number))

    def unsaved(self) -> UnsavedKeys:
        """Return what is to be written now."""
        return UnsavedKeys({day: dict(of) for day, of in self._unsaved.items()}, [*self._kinds])

    def write(self, of: UnsavedKeys, connection: Connection) -> None:
        """Write it, and count those events that no save has written before."""
        self._written.clear()
        numbers = [self._names.number(kind.names, connection) for kind in of.kinds]
        first, counts, rows = (
            self._first(connection),
            dict[int, Counter[int]](),
            list[dict[str, object]](),
        )
        for day, keys in sorted(of.days.items()):
            new = self._new(day, sorted(keys), connection)
            if new:
                cells = _cells_of(new, keys, of.kinds, numbers)
                rows.append(self._row(day, first + len(rows), new, cells))
                counts[day] = _counted(cells)
            self._written[day] = new
        if rows:
            connection.execute(tables.deliveries.insert(), rows)
        self._names.write(connection)
        add_counts(self._store, {day: of for day, of in counts.items() if of}, connection)
        self._next = first + len(rows)

    def saved(self, of: UnsavedKeys) -> None:
        """Take note that it is on disk."""
        self._names.saved()
        for day, keys in of.days.items():
            there = self._unsaved[day]
            if len(there) == len(keys):
                del self._unsaved[day]
            else:
                for key in keys:
                    del there[key]
        if not self._unsaved:
            self._kinds.clear()
        with self._lock:
            for day, keys in of.days.items():
                if self._on_disk is not None:
                    self._on_disk.add(day)
                if day in self._days:  # a dry run has written nothing
                    self._days[day].add(self._written.get(day, [*keys]))
        self._written.clear()

    def _row(self, day: int, number: int, keys: Sequence[int], cells: Cells) -> dict[str, object]:
        return {
            "scope": self._store.scope,
            "day": day,
            "number": number,
            "content": packed(array("Q", keys)),
            "cells": packed_cells(cells),
        }

    def _first(self, connection: Connection) -> int:
        """Return the number of the next row."""
        if self._next is None:
            of = tables.deliveries.c
            asked = select(func.max(of.number)).where(of.scope == self._store.scope)
            self._next = (connection.execute(asked).scalar() or 0) + 1
        return self._next

    def _new(self, day: int, keys: Sequence[int], connection: Connection) -> Sequence[int]:
        """Return those of a day's sorted keys that no save has written."""
        with self._lock:
            there = self._days.get(day)
            if there is None:
                if day not in self._days_on_disk(connection):
                    there = self._keep(day, Keys())
                elif len(keys) < FEW:
                    return self._not_on_disk(day, keys, connection)
                else:
                    there = self._loaded(day, connection.execute(self._of(day)).scalars())
            self._days.move_to_end(day)
            return there.new_among(keys)

    def _not_on_disk(self, day: int, keys: Sequence[int], connection: Connection) -> Sequence[int]:
        known = set[int]()
        for content in connection.execute(self._of(day)).scalars():
            known.update(found_among(keys, unpacked(content)))
        return [key for key in keys if key not in known]

    def _days_on_disk(self, connection: Connection) -> set[int]:
        if self._on_disk is None:
            of = tables.deliveries.c
            asked = select(of.day).where(of.scope == self._store.scope).distinct()
            self._on_disk = set(connection.execute(asked).scalars())
        return self._on_disk

    def _of(self, day: int) -> Select[Any]:
        of = tables.deliveries.c
        return select(of.content).where(of.scope == self._store.scope, of.day == day)

    def _loaded(self, day: int, contents: Iterable[bytes]) -> Keys:
        return self._keep(day, Keys(map(unpacked, contents)))

    def _keep(self, day: int, keys: Keys) -> Keys:
        self._days[day] = keys
        while len(self._days) > 1 and sum(map(len, self._days.values())) > MOST_KEYS:
            self._days.popitem(last=False)
        return keys


def _cells_of(
    keys: Sequence[int], of: Mapping[int, int], kinds: Sequence[Kind], numbers: Sequence[int]
) -> Cells:
    """Return what the list says of keys: only the kinds that they are of."""
    found = [*map(of.__getitem__, keys)]
    used = {kind: place for place, kind in enumerate(sorted(set(found)))}
    cells = [(numbers[kind], kinds[kind].hour) for kind in used]
    return Cells(cells, [*map(used.__getitem__, found)])


def _counted(cells: Cells) -> Counter[int]:
    """Count keys by the number of their names."""
    counts = Counter[int]()
    for kind, count in Counter(cells.kinds).items():
        number, _ = cells.of[kind]
        if number != NO_CELL:
            counts[number] += count
    return counts


class LastRun:
    """When the run that goes on last saved what it knew; nothing once a run has ended well.

    Args:
        store: the disk.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        of = tables.runs.c
        found = store.rows(select(of.saved).where(of.scope == store.scope))
        self.cut_off_at: int | None = found[0][0] if found else None

    def goes_on(self, connection: Connection, *, now: int) -> None:
        """Write that the run goes on, at a time in seconds since 1970."""
        insert = INSERTS[connection.dialect.name](tables.runs)
        row = insert.values(scope=self._store.scope, saved=now)
        connection.execute(row.on_conflict_do_update(index_elements=["scope"], set_={"saved": now}))

    def has_ended(self, connection: Connection) -> None:
        """Write that all it sent is on disk."""
        connection.execute(delete(tables.runs).where(tables.runs.c.scope == self._store.scope))
