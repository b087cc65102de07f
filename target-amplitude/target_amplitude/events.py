"""Events: what stands at the top of one, its properties, and what was true of its person."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import orjson
from singer_delivery.mapping.compiled import Fill, compiled
from singer_delivery.mapping.observation import Groups
from singer_delivery.mapping.pair import Reading
from singer_delivery.mapping.records import is_bookkeeping, put_aside
from singer_delivery.mapping.table import Row, build, is_absent, select
from singer_delivery.model import Event, Note

from target_amplitude import limits
from target_amplitude.amplitude import LOCATION, SKIP_SYNC, ids_of, make_event
from target_amplitude.decision import AmplitudeDecision
from target_amplitude.groups import GroupTypes
from target_amplitude.own_properties import OwnProperties
from target_amplitude.revenue import add_revenue
from target_amplitude.settings import MappingSettings
from target_amplitude.tables import SourceTables

UNKNOWN_COLUMN = "unknown_column"

POINT, ADVERTISING = ("location_lat", "location_lng"), frozenset({"idfa", "adid"})
"""Keys at the top: of a place on the map, and of people whom advertisers know."""


class _OfColumns(NamedTuple):
    """Rows that read columns, and the same as a function."""

    rows: tuple[Row, ...]
    fill: Fill

    def made(self, reading: Reading[AmplitudeDecision]) -> dict[str, Any]:
        """Return what they make of a record. Exports of old lack some of the columns."""
        into: dict[str, Any] = {}
        try:
            self.fill(reading.record, into, reading)
        except KeyError:
            build(self.rows, reading.record, into, reading)
        return into


class Events:
    """Makes the events of a source's records.

    Args:
        settings: of the target.
        tables: of the source.
    """

    def __init__(self, settings: MappingSettings, tables: SourceTables) -> None:
        self._settings, self._tables = settings, tables
        self._own = OwnProperties(settings, tables)
        self._types = GroupTypes(settings.group_keys)
        written = {row.to for row in tables.top + tables.own_top}
        self._has_point = not written.isdisjoint(POINT)
        self._has_address = "ip" in written
        self._withheld = () if settings.send_advertising_ids else tuple(ADVERTISING & written)
        self._of_columns = {
            variant: tuple(
                _OfColumns(rows, compiled(rows))
                for rows in (select(of, {*variant.split()}) for of in (tables.top, tables.beside))
            )
            for variant in tables.variants
        }

    def event(
        self, reading: Reading[AmplitudeDecision], groups: Groups, notes: list[Note]
    ) -> Event:
        """Return the event of a record of these groups; what had to be fitted is counted."""
        it, tables = reading.decision, self._tables
        found: set[str] = set()
        top, properties, of_user = self._parts(reading, found)
        self._complete(top, properties, found)
        if it.sent_as != reading.name:
            put_aside(properties, "event_name", reading.name, tables.prefix)
        flattens = not tables.is_copy
        limits.fit(properties, found, flattens=flattens)
        if of_user:
            limits.fit(of_user, found, flattens=flattens)
        content = {**ids_of(it.user, it.device), **top}
        named = self._types.named(groups.keys, found) if groups.keys else {}
        self._add_parts(content, properties, of_user, named)
        if found:
            notes += limits.notes_of(found)
        insert_id = it.insert_id or tables.insert_id(reading.record)
        return make_event("event", it.sent_as, it.at, insert_id, content)

    def _parts(
        self, reading: Reading[AmplitudeDecision], found: set[str]
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Return what stands at the top, the properties, and the user properties of an event."""
        exported, tables = reading.event_properties, self._tables
        own = reading.event_properties = self._own.kept(exported)
        variant = tables.variant_of(reading)
        of_top, of_beside = self._of_columns[variant]
        top, of_user = of_top.made(reading), self._of_user(reading)
        properties = self._own.divide(variant, own, top, of_user)
        beside = of_beside.made(reading)
        if beside:
            self._own.lay_over(properties, beside)
        if tables.columns is not None and not reading.record.keys() <= tables.columns:
            self._add_unknown(reading.record, tables.columns, properties, found)
        if self._settings.revenue:
            # Of all properties: one that is named here counts also where it does not travel.
            add_revenue(self._settings.revenue, exported, top)
        return top, properties, of_user

    def _add_parts(
        self,
        content: dict[str, Any],
        properties: dict[str, Any],
        of_user: dict[str, Any],
        groups: dict[str, list[str]],
    ) -> None:
        """Add what is an object of an event, unless it is empty."""
        if properties:
            content["event_properties"] = properties
        if of_user:
            content["user_properties"] = of_user
        if groups:
            content["groups"] = groups
        if self._settings.skip_user_properties_sync:
            content[SKIP_SYNC] = True

    def _add_unknown(
        self,
        record: Mapping[str, Any],
        columns: Collection[str],
        properties: dict[str, Any],
        found: set[str],
    ) -> None:
        """Count columns that nobody knows; a copy does not guess what they mean."""
        for name, value in record.items():
            if name in columns or is_bookkeeping(name) or is_absent(value):
                continue
            found.add(UNKNOWN_COLUMN)
            if not self._tables.is_copy:
                prefix = self._tables.prefix
                put_aside(properties, name.removeprefix(prefix), value, prefix)

    def _of_user(self, reading: Reading[AmplitudeDecision]) -> dict[str, Any]:
        """Return what was true of the person: as the record says, else as is known of them."""
        settings, tables = self._settings, self._tables
        if not (settings.user_properties_on_events and settings.skip_user_properties_sync):
            return {}
        if tables.of_person is not None:
            return dict(self._own.kept(tables.of_person(reading.record)))
        if reading.decision.profile:
            return dict(self._own.kept(orjson.loads(reading.decision.profile)))
        return {}

    def _complete(self, top: dict[str, Any], properties: dict[str, Any], found: set[str]) -> None:
        """Bring what stands at the top into the form that Amplitude takes."""
        limits.typed(top, properties, found, self._tables.prefix)
        if self._has_point and not (POINT[0] in top and POINT[1] in top):
            for key in POINT:
                top.pop(key, None)
        is_located = self._complete_location(top)
        if self._has_address and not (is_located and self._settings.send_ip):
            top.pop("ip", None)
        for key in self._withheld:
            top.pop(key, None)

    def _complete_location(self, top: dict[str, Any]) -> bool:
        """Let there be all keys of a location or none, and tell which."""
        if top.keys().isdisjoint(LOCATION):
            return False
        is_located = any(map(top.get, LOCATION))
        for key in LOCATION:
            if is_located:
                top.setdefault(key, "")
            else:
                top.pop(key, None)
        return is_located
