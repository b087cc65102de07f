"""The properties of an event: its own, what the table makes of columns, and what had no place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from singer_delivery.compiled_table import Fill, compiled
from singer_delivery.sources.amplitude.fields import STEADY
from singer_delivery.sources.amplitude.operations import (
    ATTRIBUTION,
    INITIAL_ATTRIBUTION,
    is_empty_attribution,
)
from singer_delivery.sources.amplitude.reading import Reading, is_web
from singer_delivery.sources.records import is_of_singer, put_aside
from singer_delivery.table import Row, Values, Whole, select

Aside = list[tuple[str, Any]]
"""What has no place under its own name."""


class _Names(NamedTuple):
    """What is to be done with event properties of certain names.

    Attributes:
        are_plain: whether none is guarded, and none can be an empty attribution.
        written: those that the mapping writes.
        fill: writes the rows that read one of them, if there are any.
    """

    are_plain: bool
    written: tuple[str, ...]
    fill: Fill | None


class PropertyTable:
    """A destination's table of properties, and what it does with all others.

    Precedence, low to high: unknown columns, `event_properties`, the table.

    Args:
        properties: rows that read columns.
        of_event_properties: rows that read keys of `event_properties`, which stay as well. None of
            them writes anything where none of its keys is.
        conditions: under which rows count, `web` and `app` aside.
        also_written: names that the mapping writes by itself.
        guarded: names that the destination acts on; event properties never keep them.
        columns: every column with a name here; others travel behind the prefix.
        prefix: before names that are put aside.

    Attributes:
        written: names that the mapping writes; an event property that has one is put aside.
    """

    def __init__(
        self,
        properties: tuple[Row, ...],
        of_event_properties: tuple[Row, ...],
        *,
        conditions: Collection[str],
        also_written: Collection[str],
        guarded: frozenset[str],
        columns: frozenset[str],
        prefix: str,
    ) -> None:
        self._web = compiled(select(properties, {*conditions, "web"}), STEADY)
        self._app = compiled(select(properties, {*conditions, "app"}), STEADY)
        self._of_event_properties = of_event_properties
        self.written = frozenset(
            {row.to for row in properties + of_event_properties}.union(also_written)
        )
        self._guarded, self._columns, self._prefix = guarded, columns, prefix
        # The events of one name have the same few properties.
        self._names = lru_cache(512)(self._look_at)
        self._compiled = lru_cache(64)(compiled)

    def read(self, reading: Reading) -> tuple[dict[str, Any], Aside]:
        """Return the properties, and what is to be put aside when all others are written."""
        own = reading.event_properties
        names = self._names(tuple(own))
        properties: dict[str, Any]
        if names.are_plain and all(own.values()):
            properties, aside = dict(own), Aside()
        else:
            properties, aside = self._carry(own)
        if names.written:
            aside += [(key, properties[key]) for key in names.written if key in properties]
        fill = self._web if is_web(reading.record) else self._app
        fill(reading.record, properties, reading)
        if names.fill is not None:
            names.fill(own, properties, reading)
        return properties, aside

    def put_aside(
        self, aside: Aside, record: Mapping[str, Any], properties: dict[str, Any]
    ) -> None:
        """Keep what had no place of its own: guarded, replaced by the table, of unknown columns."""
        for key, value in aside:
            if key not in properties or properties[key] != value:
                put_aside(properties, key, value, self._prefix)
        columns = self._columns
        if columns.issuperset(record):
            return
        for key, value in record.items():
            if key not in columns and not is_of_singer(key) and value is not None and value != "":
                put_aside(properties, key, value, self._prefix)

    def _look_at(self, names: tuple[str, ...]) -> _Names:
        """Say what is to be done with event properties of these names."""
        special = self._guarded | ATTRIBUTION | INITIAL_ATTRIBUTION
        rows = self._of_event_properties
        reading = tuple(_narrowed(r, names) for r in rows if not {*r.columns}.isdisjoint(names))
        return _Names(
            are_plain=special.isdisjoint(names),
            written=tuple(name for name in names if name in self.written),
            fill=self._compiled(reading) if reading else None,
        )

    def _carry(self, own: Mapping[str, Any]) -> tuple[dict[str, Any], Aside]:
        """Copy what has a value; return it, and what the destination would act on."""
        properties: dict[str, Any] = {}
        guarded: Aside = []
        for key, value in own.items():
            # As `is_nothing` has it.
            if value is None or value == "" or is_empty_attribution(key, value):
                continue
            if key in self._guarded:
                guarded.append((key, value))
            else:
                properties[key] = value
        return properties, guarded


def _narrowed(row: Row, names: Collection[str]) -> Row:
    """Leave out columns that are not there, of those whose first counts."""
    if isinstance(row.source, (str, Values, Whole)):
        return row
    return row._replace(source=tuple(column for column in row.columns if column in names))
