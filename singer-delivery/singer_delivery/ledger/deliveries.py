"""Which events were delivered, by the day on which they happened: 8 bytes an event.

For destinations that forget after a while which events they have. An event is known by a digest of
its id; two of one day have the same digest once in a hundred thousand days of ten million events.

A day's keys lie in the database as they were saved, one row a save. In memory are those of the days
that are asked for: history comes day by day.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, delete, func, select

from singer_delivery.ledger import tables
from singer_delivery.ledger.store import INSERTS, Store
from singer_delivery.model import Delivery

MOST_KEYS = 8_000_000
"""Keys of days in memory, 64 MB; a day that has more is in memory alone."""

FRESH = 1 << 16
"""Keys that a list holds as they came, before it sorts them in."""

SLICES = 64
"""Into which lists are cut while they are merged, so that few numbers are objects at once."""


class Keys:
    """Many numbers of 64 bits: told apart in a microsecond, in 8 bytes each."""

    def __init__(self, lists: Iterable[array[int]] = ()) -> None:
        self._fresh: set[int] = set()
        self._sorted: list[array[int]] = []  # each at least twice as long as the next
        merged = merged_lists([*lists])
        if merged:
            self._sorted.append(merged)

    def __len__(self) -> int:
        return len(self._fresh) + sum(map(len, self._sorted))

    def __contains__(self, key: int) -> bool:
        return key in self._fresh or any(_is_in(each, key) for each in self._sorted)

    def add(self, keys: Iterable[int]) -> None:
        """Add numbers."""
        self._fresh.update(keys)
        if len(self._fresh) >= FRESH:
            self._sort_in()

    def _sort_in(self) -> None:
        newest = array("Q", sorted(self._fresh))
        self._fresh.clear()
        while self._sorted and len(self._sorted[-1]) < 2 * len(newest):
            newest = merged_lists([self._sorted.pop(), newest])
        self._sorted.append(newest)


class Deliveries:
    """The list of one project. The ledger's lock guards it; one thread calls `has`.

    Args:
        store: the disk.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unsaved: dict[int, set[int]] = {}
        self._days: OrderedDict[int, Keys] = OrderedDict()
        self._next: int | None = None

    @property
    def to_save(self) -> int:
        """How many keys may be written now."""
        return sum(map(len, self._unsaved.values()))

    def has(self, of: Delivery) -> bool:
        """Tell whether an event was delivered, by this run or an earlier one.

        Raises:
            StorageError: the disk cannot be read.
        """
        day, key = of
        unsaved = self._unsaved.get(day)
        if unsaved is not None and key in unsaved:
            return True
        keys = self._days.get(day)
        return key in (self._loaded(day) if keys is None else keys)

    def add(self, delivered: Iterable[Delivery]) -> None:
        """Say that events are delivered."""
        for day, key in delivered:
            self._unsaved.setdefault(day, set()).add(key)

    def take_back(self, of: Delivery) -> None:
        """Say that an event is not delivered after all, if the disk does not say so yet."""
        self._unsaved.get(of.day, set()).discard(of.key)

    def unsaved(self) -> Mapping[int, array[int]]:
        """Return the keys that are to be written now, by their day, each sorted."""
        return {day: array("Q", sorted(keys)) for day, keys in self._unsaved.items() if keys}

    def write(self, chunks: Mapping[int, array[int]], connection: Connection) -> None:
        """Write keys."""
        if not chunks:
            return
        first = self._first(connection)
        rows = [
            {"scope": self._store.scope, "day": day, "number": number, "content": _packed(keys)}
            for number, (day, keys) in enumerate(sorted(chunks.items()), first)
        ]
        connection.execute(tables.deliveries.insert(), rows)
        self._next = first + len(rows)

    def saved(self, chunks: Mapping[int, array[int]]) -> None:
        """Take note that keys are on disk."""
        for day, keys in chunks.items():
            if day in self._days:
                self._days[day].add(keys)
            self._unsaved[day].difference_update(keys)
            if not self._unsaved[day]:
                del self._unsaved[day]

    def _first(self, connection: Connection) -> int:
        """Return the number of the next row."""
        if self._next is None:
            of = tables.deliveries.c
            asked = select(func.max(of.number)).where(of.scope == self._store.scope)
            self._next = (connection.execute(asked).scalar() or 0) + 1
        return self._next

    def _loaded(self, day: int) -> Keys:
        of = tables.deliveries.c
        asked = select(of.content).where(of.scope == self._store.scope, of.day == day)
        keys = Keys(_unpacked(each) for (each,) in self._store.rows(asked))
        self._days[day] = keys
        while len(self._days) > 1 and sum(map(len, self._days.values())) > MOST_KEYS:
            self._days.popitem(last=False)
        return keys


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

    def goes_on(self, connection: Connection, now: int) -> None:
        """Write that the run goes on, at a time in seconds since 1970."""
        insert = INSERTS[connection.dialect.name](tables.runs)
        row = insert.values(scope=self._store.scope, saved=now)
        connection.execute(row.on_conflict_do_update(index_elements=["scope"], set_={"saved": now}))

    def has_ended(self, connection: Connection) -> None:
        """Write that all it sent is on disk."""
        connection.execute(delete(tables.runs).where(tables.runs.c.scope == self._store.scope))


def merged_lists(lists: list[array[int]]) -> array[int]:
    """Return sorted lists as one."""
    if len(lists) == 1:
        return lists[0]
    merged = array("Q")
    places = [0] * len(lists)
    for number in range(1, SLICES + 1):
        border = number << 58 if number < SLICES else 1 << 64
        some: list[int] = []
        for which, each in enumerate(lists):
            end = bisect_left(each, border, places[which])
            some += each[places[which] : end]
            places[which] = end
        some.sort()
        merged.extend(some)
    return merged


def _is_in(keys: array[int], key: int) -> bool:
    place = bisect_left(keys, key)
    return place < len(keys) and keys[place] == key


def _packed(keys: array[int]) -> bytes:
    return _little(keys).tobytes()


def _unpacked(content: bytes) -> array[int]:
    return _little(array("Q", bytes(content)))


def _little(keys: array[int]) -> array[int]:
    if sys.byteorder == "big":
        keys = keys[:]
        keys.byteswap()
    return keys
