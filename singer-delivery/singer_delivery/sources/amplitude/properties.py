"""The properties of an event: its own, what the table makes of columns, and what had no place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from singer_delivery.sources.amplitude.operations import is_nothing
from singer_delivery.sources.amplitude.reading import Reading, is_web
from singer_delivery.sources.records import is_of_singer, put_aside
from singer_delivery.table import Fill, Row, build, compiled, select

Aside = list[tuple[str, Any]]
"""What has no place under its own name."""


@dataclass(frozen=True)
class PropertyTable:
    """A destination's table of properties, and what it does with all others.

    Precedence, low to high: unknown columns, `event_properties`, the table.

    Attributes:
        web: writes the rows for records of browsers.
        app: writes the rows for all others.
        of_event_properties: rows that read a key of `event_properties`; it stays as well.
        sources: the keys they read.
        written: names that the mapping writes; an event property that has one is put aside.
        guarded: names that the destination acts on; event properties never keep them.
        columns: every column with a name here; others travel behind the prefix.
        prefix: before names that are put aside.
    """

    web: Fill
    app: Fill
    of_event_properties: tuple[Row, ...]
    sources: frozenset[str]
    written: frozenset[str]
    guarded: frozenset[str]
    columns: frozenset[str]
    prefix: str

    def read(self, reading: Reading) -> tuple[dict[str, Any], Aside]:
        """Return the properties, and what is to be put aside when all others are written."""
        own = reading.event_properties
        properties: dict[str, Any] = {}
        aside = self._carry(own, properties)
        if not self.written.isdisjoint(properties):
            aside += [(key, properties[key]) for key in properties if key in self.written]
        fill = self.web if is_web(reading.record) else self.app
        fill(reading.record, properties, reading)
        if not self.sources.isdisjoint(own):
            build(self.of_event_properties, own, properties, reading)
        return properties, aside

    def put_aside(
        self, aside: Aside, record: Mapping[str, Any], properties: dict[str, Any]
    ) -> None:
        """Keep what had no place of its own: guarded, replaced by the table, of unknown columns."""
        for key, value in aside:
            if key not in properties or properties[key] != value:
                put_aside(properties, key, value, self.prefix)
        columns = self.columns
        if columns.issuperset(record):
            return
        for key, value in record.items():
            if key not in columns and not is_of_singer(key) and value is not None and value != "":
                put_aside(properties, key, value, self.prefix)

    def _carry(self, own: Mapping[str, Any], properties: dict[str, Any]) -> Aside:
        """Copy what has a value; return what the destination would act on."""
        guarded = []
        for key, value in own.items():
            if is_nothing(key, value):
                continue
            if key in self.guarded:
                guarded.append((key, value))
            else:
                properties[key] = value
        return guarded


def property_table(
    properties: tuple[Row, ...],
    of_event_properties: tuple[Row, ...],
    *,
    conditions: Collection[str],
    also_written: Collection[str],
    guarded: frozenset[str],
    columns: frozenset[str],
    prefix: str,
) -> PropertyTable:
    """Return the table as it counts under these conditions, `web` and `app` aside."""
    return PropertyTable(
        web=compiled(select(properties, {*conditions, "web"})),
        app=compiled(select(properties, {*conditions, "app"})),
        of_event_properties=of_event_properties,
        sources=frozenset(column for row in of_event_properties for column in row.columns),
        written=frozenset(row.to for row in properties + of_event_properties) | {*also_written},
        guarded=guarded,
        columns=columns,
        prefix=prefix,
    )
