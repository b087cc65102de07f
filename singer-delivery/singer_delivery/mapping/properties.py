"""The properties of an event: its own, what the table makes of columns, and what had no place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, Protocol

from singer_delivery.mapping.changes import EmptyWord
from singer_delivery.mapping.compiled import Fill, Fit, Made, compiled, remembered
from singer_delivery.mapping.records import is_bookkeeping, put_aside
from singer_delivery.mapping.table import OfReading, Row, Values, reading, select

Aside = list[tuple[str, Any]]
"""What has no place under its own name."""


class Subject(Protocol):
    """What rows read: a record, and what is known of it."""

    @property
    def record(self) -> Mapping[str, Any]:
        """The record."""

    @property
    def event_properties(self) -> Mapping[str, Any]:
        """The event's own properties."""


class Layout(NamedTuple):
    """How a source lays out its records, as far as tables of properties ask.

    Attributes:
        columns: every column with a name in the table; others travel behind the prefix.
        steady: columns that hold the same in many records, together.
        prefix: before names that are put aside.
        empty: what the source writes where there is nothing.
        variants: conditions of which each record fulfils one.
        variant_of: tells which.
        carries_others: whether columns without a name in the table travel behind the prefix; if
            not, `event_properties` are all that travels.
    """

    columns: frozenset[str]
    steady: frozenset[str]
    prefix: str
    empty: EmptyWord
    variants: tuple[str, ...]
    variant_of: Callable[[Mapping[str, Any]], str]
    carries_others: bool = True


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows as functions: what those of steady columns make is remembered, the rest filled in."""

    recall: Callable[[Mapping[str, Any]], Made]
    fill: Fill


@dataclass(frozen=True, slots=True)
class _Names:
    """What is to be done with event properties of certain names.

    Attributes:
        are_free: whether none is guarded, or written by the mapping.
        can_be_empty: whether the source's word for nothing means it under one of them.
        fit: whether the destination takes values under them as they are.
        fill: writes the rows that read one of them, if there are any.
    """

    are_free: bool
    can_be_empty: bool
    fit: bool
    fill: Fill | None


class PropertyTable:
    """A destination's table of properties, and what it does with all others.

    Precedence, low to high: unknown columns, `event_properties`, the table.

    Args:
        properties: rows that read columns.
        of_event_properties: rows that read keys of `event_properties`, which stay as well. None of
            them has `Values`, or writes anything where none of its keys is.
        base: what every event has unless a row says otherwise.
        conditions: under which rows count, the variants of the layout aside.
        also_written: other names that the mapping writes by itself.
        guarded: names that the destination acts on; event properties never keep them.
        layout: of the source's records.
        fit: tells what the destination takes as it is; None where it takes all.

    Attributes:
        written: names that the mapping writes; an event property that has one is put aside.
        variant_of: tells which variant of the layout a record fulfils.
    """

    def __init__(
        self,
        properties: tuple[Row, ...],
        of_event_properties: tuple[Row, ...],
        *,
        base: Mapping[str, Any],
        conditions: Collection[str],
        also_written: Collection[str],
        guarded: frozenset[str],
        layout: Layout,
        fit: Fit | None = None,
    ) -> None:
        assert not any(isinstance(row.source, Values) for row in of_event_properties)
        self._base, self._columns, self._fit = base, layout.columns, fit
        self._empty, self._steady = layout.empty, layout.steady
        self.variant_of, self._carries_others = layout.variant_of, layout.carries_others
        self._tables = {
            variant: self._compiled(select(properties, {*conditions, variant}))
            for variant in layout.variants
        }
        self._of_event_properties = of_event_properties
        written = {row.to for row in properties + of_event_properties}
        self.written = frozenset(written.union(base, also_written))
        self._guarded, self._prefix = guarded, layout.prefix
        self._names = lru_cache(512)(self._look_at)  # those of one event are mostly the same
        self._fill_of = lru_cache(64)(compiled)
        self._no_columns = dict.fromkeys(layout.columns)

    def read(self, reading: Subject) -> tuple[dict[str, Any], Aside, Aside, bool]:
        """Return the properties of an event.

        Also what is to be put aside when all others are written, which columns are unknown, and
        whether the destination takes the properties as they are.
        """
        record = reading.record
        unknown: Aside = []
        try:
            first, properties = self._of_columns(record, reading)
            if self._carries_others and len(record) != len(self._columns):
                unknown = self._unknown(record)
        except KeyError:  # exports of old lack some columns
            first, properties = self._of_columns({**self._no_columns, **record}, reading)
            unknown = self._unknown(record)
        names = self._names(tuple(reading.event_properties))
        aside = self._add(reading, names, properties)
        fit = first.fit and names.fit
        if fit and self._fit is not None:
            fit = self._fit.values(islice(properties.values(), len(first.properties), None))
        return properties, aside, unknown, fit

    def _of_columns(
        self, record: Mapping[str, Any], reading: Subject
    ) -> tuple[Made, dict[str, Any]]:
        """Return what the table makes of a record, before it the part that is remembered."""
        table = self._tables[self.variant_of(record)]
        first = table.recall(record)
        properties = first.properties.copy()
        table.fill(record, properties, reading)
        return first, properties

    def _add(self, reading: Subject, names: _Names, properties: dict[str, Any]) -> Aside:
        """Add the event's own properties; return those that are to be put aside."""
        aside: Aside = []
        own = reading.event_properties
        values = own.values()
        says_empty = names.can_be_empty and self._empty.text in values
        if names.are_free and all(values) and not says_empty:
            properties.update(own)
        else:
            aside = self._carry(own, properties)
        if names.fill is not None:
            names.fill(own, properties, reading)
        return aside

    def put_aside(self, aside: Aside, unknown: Aside, properties: dict[str, Any]) -> None:
        """Keep what had no place of its own: guarded, replaced by the table, of unknown columns."""
        for key, value in aside:
            if key not in properties or properties[key] != value:
                put_aside(properties, key, value, self._prefix)
        for key, value in unknown:
            put_aside(properties, key, value, self._prefix)

    def _compiled(self, rows: tuple[Row, ...]) -> _Table:
        first = [row for row in rows if self._is_steady(row, rows)]
        rest = [row for row in rows if row not in first]
        others = self._columns.difference(*(row.columns for row in first))
        return _Table(remembered(first, self._base, self._fit), compiled(rest, others))

    def _is_steady(self, row: Row, rows: Sequence[Row]) -> bool:
        """Tell whether a row reads steady columns alone, and nothing hangs on its place."""
        is_alone = [other.to for other in rows].count(row.to) == 1
        of_columns = not isinstance(row.source, OfReading)
        return is_alone and of_columns and self._steady.issuperset(row.columns)

    def _unknown(self, record: Mapping[str, Any]) -> Aside:
        return [
            (key, value)
            for key, value in record.items()
            if key not in self._columns
            and not is_bookkeeping(key)
            and value is not None
            and value != ""
        ]

    def _look_at(self, names: tuple[str, ...]) -> _Names:
        """Say what is to be done with event properties of these names."""
        rows = reading(self._of_event_properties, names)
        return _Names(
            are_free=self._guarded.isdisjoint(names) and self.written.isdisjoint(names),
            can_be_empty=not self._empty.names.isdisjoint(names),
            fit=self._fit is None or self._fit.names(names),
            fill=self._fill_of(rows) if rows else None,
        )

    def _carry(self, own: Mapping[str, Any], properties: dict[str, Any]) -> Aside:
        """Add what has a value and a name of its own; return the rest."""
        guarded: Aside = []
        replaced: Aside = []
        for key, value in self._empty.something(own).items():
            if key in self._guarded:
                guarded.append((key, value))
                continue
            if key in self.written:
                replaced.append((key, value))
            properties.setdefault(key, value)
        return guarded + replaced
