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
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select

from singer_delivery.ledger import tables
from singer_delivery.ledger.accepted import Accepted, Fields
from singer_delivery.ledger.books_writing import NO_CELL, BookOfNames, Names, add_counts
from singer_delivery.ledger.days import Days
from singer_delivery.ledger.keys import Cells, Keys, found_among, packed, packed_cells, unpacked
from singer_delivery.ledger.store import INSERTS, Store
from singer_delivery.model import Delivery

FEW = 1_000
"""New keys of a day, below which what the disk has of it is looked through and not kept: events
that come late are of many days."""


class UnsavedKeys:
    """Keys that wait to be written.

    Attributes:
        days: of each day its keys, and the kind of each by its number.
        kinds: the numbers of kinds.
    """

    def __init__(self) -> None:
        self.days: dict[int, dict[int, int]] = {}
        self.kinds: dict[Fields, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self.days.values()))

    def has(self, of: Delivery) -> bool:
        """Tell whether a key waits."""
        there = self.days.get(of.day)
        return there is not None and of.key in there

    def add(self, accepted: Accepted) -> None:
        """Let the keys of events wait; what comes twice counts as it came first."""
        kinds, start = self.kinds, 0
        numbers = [kinds.setdefault(kind, len(kinds)) for kind in accepted.kinds]
        for day, count in accepted.days:
            end = start + count
            keys, of = reversed(accepted.keys[start:end]), reversed(accepted.of[start:end])
            self._lay(day, dict(zip(keys, map(numbers.__getitem__, of), strict=True)))
            start = end

    def take(self, others: UnsavedKeys) -> None:
        """Let others wait too, which came later."""
        if not self.days:
            self.days, self.kinds = others.days, others.kinds
            return
        numbers = [self.kinds.setdefault(kind, len(self.kinds)) for kind in others.kinds]
        for day, of in others.days.items():
            self._lay(day, {key: numbers[kind] for key, kind in of.items()})

    def _lay(self, day: int, new: dict[int, int]) -> None:
        there = self.days.setdefault(day, {})
        if not there.keys().isdisjoint(new):
            new.update((key, there[key]) for key in new.keys() & there)
        there.update(new)


NO_KEYS = UnsavedKeys()


class Deliveries:
    """The list of one project, and its books. The ledger's lock guards it, but for `write`.

    Args:
        store: the disk.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unsaved, self._writing = UnsavedKeys(), UnsavedKeys()
        self._names = BookOfNames(store)
        self._lock = threading.Lock()  # of the days in memory: one thread asks, another one writes
        self._days = Days()
        self._on_disk: set[int] | None = None
        self._next: int | None = None
        self._written: dict[int, Sequence[int]] = {}
        self._sifted: dict[int, Keys] = {}
        self._is_doubtful = False  # whether what was written last is on disk

    @property
    def to_save(self) -> int:
        """How many keys may be written now."""
        return len(self._unsaved)

    def has(self, of: Delivery) -> bool:
        """Tell whether an event was delivered, by this run or an earlier one.

        One thread calls it.

        Raises:
            StorageError: the disk cannot be read.
        """
        if self._unsaved.has(of) or self._writing.has(of):
            return True
        with self._lock:
            keys = self._days.get(of.day)
            if keys is None:
                rows = self._store.rows(self._of(of.day))
                keys = self._loaded(of.day, [each for (each,) in rows])
            return of.key in keys

    def add(self, accepted: Iterable[Accepted]) -> None:
        """Say that events are delivered."""
        for some in accepted:
            self._unsaved.add(some)

    def unsaved(self) -> UnsavedKeys:
        """Return what is to be written now; what is added from now on is not in it."""
        self._writing.take(self._unsaved)
        self._unsaved = UnsavedKeys()
        return self._writing

    def write(self, of: UnsavedKeys, connection: Connection) -> None:
        """Write it, and count those events that no save has written before."""
        if self._is_doubtful:
            self._ask_anew()
        self._is_doubtful = True
        self._written.clear()
        kinds, counts = [*of.kinds], dict[int, Mapping[int, int]]()
        numbers = [self._names.number(Names(*kind[1:3]), connection) for kind in kinds]
        first, rows = self._first(connection), list[dict[str, object]]()
        for day, keys in sorted(of.days.items()):
            new = self._written[day] = self._new(day, sorted(keys), connection)
            if new:
                cells = _cells_of(new, keys, kinds, numbers)
                rows.append(self._row(day, first + len(rows), new, cells))
                counts[day] = _counted(cells)
        if rows:
            connection.execute(tables.deliveries.insert(), rows)
        self._names.write(connection)
        add_counts(self._store, {day: of for day, of in counts.items() if of}, connection)
        self._next = first + len(rows)

    def saved(self, of: UnsavedKeys) -> None:
        """Take note that it is on disk; a dry run writes nothing."""
        self._is_doubtful = False
        self._names.saved()
        with self._lock:
            for day, keys in of.days.items():
                if self._on_disk is not None:
                    self._on_disk.add(day)
                there = self._days.get(day)
                if there is not None:
                    new = self._written.get(day)
                    new = sorted(keys) if new is None else new  # a dry run writes nothing
                    there.add(new, are_marked=there is self._sifted.get(day))
            self._written.clear()
            self._sifted.clear()
            self._days.let_go_of_idle()
        self._writing = UnsavedKeys()

    def _row(self, day: int, number: int, keys: Sequence[int], cells: Cells) -> dict[str, object]:
        return {
            "scope": self._store.scope,
            "day": day,
            "number": number,
            "content": packed(array("Q", keys)),
            "cells": packed_cells(cells),
        }

    def _ask_anew(self) -> None:
        """Forget what the disk has: a save failed, or nobody heard that it did not."""
        self._names.forget()
        with self._lock:
            self._days.clear()
            self._sifted.clear()
            self._on_disk = self._next = None

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
                    there = self._days.put(day, Keys())
                elif len(keys) < FEW:
                    return self._not_on_disk(day, keys, connection)
                else:
                    there = self._loaded(day, connection.execute(self._of(day)).scalars())
            self._sifted[day] = there
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
        return self._days.put(day, Keys(map(unpacked, contents)))


def _cells_of(
    keys: Sequence[int], of: Mapping[int, int], kinds: Sequence[Fields], numbers: Sequence[int]
) -> Cells:
    """Return what the list says of keys: only the kinds that they are of."""
    found = [*map(of.__getitem__, keys)]
    used = {kind: place for place, kind in enumerate(sorted(set(found)))}
    cells = [(numbers[kind], kinds[kind][0]) for kind in used]
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
