"""The properties of an event: its own, what the table makes of columns, and what had no place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from singer_delivery.mapping.compiled import Fill, Fit, Made, compiled, remembered
from singer_delivery.mapping.records import is_of_singer, put_aside
from singer_delivery.mapping.table import Row, Values, Whole, select

from analytics_records.amplitude.fields import STEADY
from analytics_records.amplitude.operations import (
    ATTRIBUTION,
    INITIAL_ATTRIBUTION,
    something,
)
from analytics_records.amplitude.reading import Reading, is_web

Aside = list[tuple[str, Any]]
"""What has no place under its own name."""


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
        tell_attribution: whether one can be an empty attribution.
        fill: writes the rows that read one of them, if there are any.
    """

    are_free: bool
    tell_attribution: bool
    fill: Fill | None


class PropertyTable:
    """A destination's table of properties, and what it does with all others.

    Precedence, low to high: unknown columns, `event_properties`, the table.

    Args:
        properties: rows that read columns.
        of_event_properties: rows that read keys of `event_properties`, which stay as well. None of
            them has `Values`, or writes anything where none of its keys is.
        base: what every event has unless a row says otherwise.
        conditions: under which rows count, `web` and `app` aside.
        also_written: other names that the mapping writes by itself.
        guarded: names that the destination acts on; event properties never keep them.
        columns: every column with a name here; others travel behind the prefix.
        prefix: before names that are put aside.
        fit: tells whether the destination takes values as they are; None where it takes all.

    Attributes:
        written: names that the mapping writes; an event property that has one is put aside.
    """

    def __init__(  # noqa: PLR0913 - what a destination asks of properties, by name
        self,
        properties: tuple[Row, ...],
        of_event_properties: tuple[Row, ...],
        *,
        base: Mapping[str, Any],
        conditions: Collection[str],
        also_written: Collection[str],
        guarded: frozenset[str],
        columns: frozenset[str],
        prefix: str,
        fit: Fit | None = None,
    ) -> None:
        assert not any(isinstance(row.source, Values) for row in of_event_properties)
        self._base, self._columns, self._fit = base, columns, fit
        self._web = self._compiled(select(properties, {*conditions, "web"}))
        self._app = self._compiled(select(properties, {*conditions, "app"}))
        self._of_event_properties = of_event_properties
        written = {row.to for row in properties + of_event_properties}
        self.written = frozenset(written.union(base, also_written))
        self._guarded, self._prefix = guarded, prefix
        self._names = lru_cache(512)(self._look_at)  # those of one event are mostly the same
        self._fill_of = lru_cache(64)(compiled)
        self._no_columns = dict.fromkeys(columns)

    def read(self, reading: Reading) -> tuple[dict[str, Any], Aside, Aside, bool]:
        """Return the properties of an event.

        Also what is to be put aside when all others are written, which columns are unknown, and
        whether the destination takes the properties as they are.
        """
        record = reading.record
        unknown: Aside = []
        try:
            first, properties = self._of_columns(record, reading)
            if len(record) != len(self._columns):
                unknown = self._unknown(record)
        except KeyError:  # exports of old lack some columns
            first, properties = self._of_columns({**self._no_columns, **record}, reading)
            unknown = self._unknown(record)
        aside = self._add(reading, properties)
        fit = first.fit
        if fit and self._fit is not None:
            fit = self._fit(islice(properties.values(), len(first.properties), None))
        return properties, aside, unknown, fit

    def _of_columns(
        self, record: Mapping[str, Any], reading: Reading
    ) -> tuple[Made, dict[str, Any]]:
        """Return what the table makes of a record, before it the part that is remembered."""
        table = self._web if is_web(record) else self._app
        first = table.recall(record)
        properties = first.properties.copy()
        table.fill(record, properties, reading)
        return first, properties

    def _add(self, reading: Reading, properties: dict[str, Any]) -> Aside:
        """Add the event's own properties; return those that are to be put aside."""
        aside: Aside = []
        own = reading.event_properties
        names, values = self._names(tuple(own)), own.values()
        is_empty = names.tell_attribution and "EMPTY" in values
        if names.are_free and all(values) and not is_empty:
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
        first = [row for row in rows if _is_steady(row, rows)]
        rest = [row for row in rows if row not in first]
        others = self._columns.difference(*(row.columns for row in first))
        return _Table(remembered(first, self._base, self._fit), compiled(rest, others))

    def _unknown(self, record: Mapping[str, Any]) -> Aside:
        return [
            (key, value)
            for key, value in record.items()
            if key not in self._columns
            and not is_of_singer(key)
            and value is not None
            and value != ""
        ]

    def _look_at(self, names: tuple[str, ...]) -> _Names:
        """Say what is to be done with event properties of these names."""
        rows = self._of_event_properties
        reading = tuple(_narrowed(r, names) for r in rows if not {*r.columns}.isdisjoint(names))
        return _Names(
            are_free=self._guarded.isdisjoint(names) and self.written.isdisjoint(names),
            tell_attribution=not (ATTRIBUTION | INITIAL_ATTRIBUTION).isdisjoint(names),
            fill=self._fill_of(reading) if reading else None,
        )

    def _carry(self, own: Mapping[str, Any], properties: dict[str, Any]) -> Aside:
        """Add what has a value and a name of its own; return the rest."""
        guarded, replaced = Aside(), Aside()
        for key, value in something(own).items():
            if key in self._guarded:
                guarded.append((key, value))
                continue
            if key in self.written:
                replaced.append((key, value))
            properties.setdefault(key, value)
        return guarded + replaced


def _is_steady(row: Row, rows: Sequence[Row]) -> bool:
    """Tell whether a row reads steady columns alone, and nothing hangs on its place."""
    is_alone = [other.to for other in rows].count(row.to) == 1
    return is_alone and not isinstance(row.source, Whole) and STEADY.issuperset(row.columns)


def _narrowed(row: Row, names: Collection[str]) -> Row:
    """Leave out columns that are not there, of those whose first counts."""
    if isinstance(row.source, (str, Values, Whole)):
        return row
    return row._replace(source=tuple(column for column in row.columns if column in names))
