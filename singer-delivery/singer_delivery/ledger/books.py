"""Reads the books: what one project accepted, by day and name, and what of the source is covered.

They lie in the target's ledger, and may be read while it runs. A count is in them when its events
are in the list of deliveries: both are written at once, before STATE leaves. An event that was sent
again is counted once.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, NamedTuple

from sqlalchemy import Select, inspect, select

from singer_delivery.ledger import tables
from singer_delivery.ledger.books_writing import NO_CELL, Names, read_counts, read_ranges
from singer_delivery.ledger.coverage import Covered
from singer_delivery.ledger.engines import as_storage_error, opened_to_read
from singer_delivery.ledger.keys import merged_lists, unpacked, unpacked_cells


class Cell(NamedTuple):
    """How many events of one name happened on one day.

    Only events that people did are counted: what is sent beside them, such as links and updates of
    people and groups, is not.

    Attributes:
        day: on which they happened, since 1970-01-01 UTC.
        name: that they were sent under.
        source_name: their name in the source.
        count: unique events that the destination accepted first for this project.
    """

    day: int
    name: str
    source_name: str
    count: int  # type: ignore[assignment]


class Books:
    """The books of one project, beside a target that runs or not; `contextlib.closing` closes them.

    Each question is answered from what is on disk at that moment.

    Args:
        url: of the ledger, as the target's settings have it.
        scope: names the project, as `DeliveryTarget.scope` does.

    Raises:
        SettingsError: the url is no database address, or there is no such file.
        StorageError: it cannot be opened or, later, not be read.
    """

    def __init__(self, url: str, scope: str) -> None:
        self._scope = scope
        self._engine = opened_to_read(url)
        try:
            with as_storage_error():
                # Autocommit: every question sees what was saved before it.
                opened = self._engine.connect()
                self._connection = opened.execution_options(isolation_level="AUTOCOMMIT")
                self._are_kept = inspect(self._connection).has_table(tables.books.name)
        except BaseException:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """Close the ledger."""
        self._connection.close()
        self._engine.dispose()

    def cells(self) -> Iterator[Cell]:
        """Yield the cells by day, and of a day by name; none where no books are kept yet."""
        of = tables.books.c
        asked = select(of.day, of.counts).where(of.scope == self._scope).order_by(of.day)
        rows = self._rows(asked)
        names = self._names()  # only now: a run beside this may have named more by now, never less
        for day, text in rows:
            counts = [(names[number], count) for number, count in read_counts(text).items()]
            yield from (Cell(day, *of_names, count) for of_names, count in sorted(counts))

    def keys_of(self, day: int, name: str | None = None) -> array[int]:
        """Return the keys of a day's events, see `Delivery.of`, sorted.

        Args:
            day: on which they happened, since 1970-01-01 UTC.
            name: that they were sent under; None for all.
        """
        listed, names, found = [*self._listed(day)], self._names(), []
        for keys, kinds, of in listed:
            is_meant = [
                number != NO_CELL and (name is None or names[number].name == name)
                for number, _ in of
            ]
            found.append(array("Q", compress(keys, map(is_meant.__getitem__, kinds))))
        return merged_lists(found)

    def hours_of(self, day: int, keys: Collection[int]) -> Mapping[int, int]:
        """Return in which hours of the source events of a day came.

        Args:
            day: on which they happened, since 1970-01-01 UTC.
            keys: of the events.

        Returns:
            How many of them by hour, since 1970-01-01 UTC; 0 is the hour of those that came in one
            that nobody knows. Keys that the day has not are left out.
        """
        asked, counts = frozenset(keys), Counter[int]()
        for there, kinds, of in self._listed(day):
            found = Counter(compress(kinds, map(asked.__contains__, there)))
            for kind, count in found.items():
                number, hour = of[kind]
                if number != NO_CELL:
                    counts[hour] += count
        return counts

    def coverage(self) -> list[Covered]:
        """Return which ranges of each source are covered, in their order; see `gaps`."""
        of = tables.covered.c
        asked = select(of.source, of.ranges).where(of.scope == self._scope).order_by(of.source)
        return [
            Covered(source, *each)
            for source, text in self._rows(asked)
            for each in read_ranges(text)
        ]

    def _names(self) -> dict[int, Names]:
        of = tables.names.c
        asked = select(of.number, of.name, of.source_name).where(of.scope == self._scope)
        return {number: Names(*names) for number, *names in self._rows(asked)}

    def _listed(
        self, day: int
    ) -> Iterator[tuple[array[int], Sequence[int], Sequence[tuple[int, int]]]]:
        """Yield the keys of a day, and the kind of each, as they were saved."""
        of = tables.deliveries.c
        asked = select(of.content, of.cells).where(
            of.scope == self._scope, of.day == day, of.cells.is_not(None)
        )
        for content, cells in self._rows(asked):
            kinds = unpacked_cells(cells)
            yield unpacked(content), kinds.kinds, kinds.of

    def _rows(self, asked: Select[Any]) -> Sequence[Any]:
        if not self._are_kept:
            return []
        with as_storage_error():
            return self._connection.execute(asked).all()
