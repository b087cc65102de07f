"""Events: what stands at the top of one, its properties, and what was true of its person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.compiled import compiled
from singer_delivery.mapping.pair import Reading
from singer_delivery.mapping.records import is_bookkeeping, put_aside
from singer_delivery.mapping.table import (
    OfReading,
    Row,
    Values,
    build,
    is_absent,
    select,
)
from singer_delivery.model import Event, Note

from target_amplitude import limits
from target_amplitude.amplitude import (
    GUARDED_KEYS,
    LOCATION,
    SKIP_SYNC,
    ids_of,
    make_event,
)
from target_amplitude.decision import AmplitudeDecision
from target_amplitude.groups import GroupTypes
from target_amplitude.settings import MappingSettings
from target_amplitude.tables import SourceTables

UNKNOWN_COLUMN = "unknown_column"


class _Rows(NamedTuple):
    """The rows that count for one variant."""

    top: tuple[Row, ...]
    beside: tuple[Row, ...]
    own_top: tuple[Row, ...]
    own: tuple[Row, ...]
    of_user: tuple[Row, ...]


class _Names(NamedTuple):
    """What is to be done with properties of certain names.

    Attributes:
        rows: that read one of them.
        leaving: those that do not travel.
        aside: those that Amplitude acts on, to the names they get.
        super: those that move into the user properties of the event.
    """

    rows: _Rows
    leaving: frozenset[str]
    aside: Mapping[str, str]
    super: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Whether all of them stay as they are."""
        return not (self.leaving or self.aside or self.super)


class Events:
    """Makes the events of a source's records.

    Args:
        settings: of the target.
        tables: of the source.
    """

    def __init__(self, settings: MappingSettings, tables: SourceTables) -> None:
        self._settings, self._tables = settings, tables
        self._excluded = Choice((), settings.exclude_properties)
        self._types = GroupTypes(settings.group_keys)
        self._rows = {
            variant: _Rows(*(
                select(rows, {*variant.split()})
                for rows in (
                    tables.top, tables.beside, tables.own_top, tables.own, tables.of_user,
                )
            ))
            for variant in tables.variants
        }  # fmt: skip
        self._fill = {
            variant: (compiled(rows.top), compiled(rows.beside))
            for variant, rows in self._rows.items()
        }
        self._names = lru_cache(512)(self._look_at)  # those of one event are mostly the same

    def event(self, reading: Reading[AmplitudeDecision], notes: list[Note]) -> Event:
        """Return the event of a record; what had to be fitted is counted."""
        it, tables, found = reading.decision, self._tables, set[str]()
        top, properties, of_user = self._parts(reading, found)
        self._complete(top, properties, found)
        if it.sent_as != reading.name:
            put_aside(properties, "event_name", reading.name, tables.prefix)
        for part in (properties, of_user):
            limits.fit(part, found, flattens=not tables.is_copy)
        content = {**ids_of(it.user, it.device), **top}
        groups = self._groups(reading, found)
        parts = {"event_properties": properties, "user_properties": of_user, "groups": groups}
        content.update({key: part for key, part in parts.items() if part})
        if self._settings.skip_user_properties_sync:
            content[SKIP_SYNC] = True
        notes += limits.notes_of(found)
        insert_id = it.insert_id or tables.insert_id(reading.record)
        return make_event("event", it.sent_as, it.at, insert_id, content)

    def _parts(
        self, reading: Reading[AmplitudeDecision], found: set[str]
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Return what stands at the top, the properties, and the user properties of an event."""
        tables, own = self._tables, reading.event_properties
        variant = tables.variant_of(reading)
        names = self._names(variant, tuple(own))
        top, beside = self._of_columns(variant, reading)
        of_user = self._of_user(reading)
        properties = dict(own) if names.is_plain else self._carried(own, names)
        if not tables.is_copy:
            properties = {k: v for k, v in properties.items() if v is not None and v != ""}
        for rows, into in ((names.rows.own_top, top), (names.rows.of_user, of_user)):
            self._move(rows, own, into, properties)
        made = dict[str, Any]()
        self._move(names.rows.own, own, made, properties)
        for name in made.keys() & properties.keys():
            put_aside(properties, name, properties[name], tables.prefix)
        properties.update(made)
        for name in beside.keys() & properties.keys():
            put_aside(properties, name, properties[name], tables.prefix)
        properties.update(beside)
        for name in names.super:
            if not is_absent(own[name]):
                of_user[name] = own[name]
        self._add_unknown(reading.record, properties, found)
        self._add_revenue(own, top)
        return top, properties, of_user

    def _of_columns(
        self, variant: str, reading: Reading[AmplitudeDecision]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what rows make of columns: keys at the top, and properties beside the event's own.

        Exports of old lack some of the columns.
        """
        record, rows, made = reading.record, self._rows[variant], list[dict[str, Any]]()
        for fill, of in zip(self._fill[variant], (rows.top, rows.beside), strict=True):
            into: dict[str, Any] = {}
            try:
                fill(record, into, reading)
            except KeyError:
                build(of, record, into, reading)
            made.append(into)
        return made[0], made[1]

    def _look_at(self, variant: str, names: tuple[str, ...]) -> _Names:
        tables, settings = self._tables, self._settings
        of = self._rows[variant]

        def reading(rows: tuple[Row, ...]) -> tuple[Row, ...]:
            return tuple(row for row in rows if not {*row.columns}.isdisjoint(names))

        leaving = {name for name in names if tables.drops(name) or self._is_excluded(name)}
        supers = {*settings.super_properties}
        guarded = {} if tables.is_copy else {n: n for n in names if n in GUARDED_KEYS}
        aside = {name: tables.prefix + name.lstrip("$") for name in guarded if name not in leaving}
        return _Names(
            rows=of._replace(
                own_top=reading(of.own_top), own=reading(of.own), of_user=reading(of.of_user)
            ),
            leaving=frozenset(leaving),
            aside=aside,
            super=tuple(name for name in names if name in supers and name not in leaving),
        )

    def _is_excluded(self, name: str) -> bool:
        return self._excluded.leaves_out(name) is not None

    def _carried(self, own: Mapping[str, Any], names: _Names) -> dict[str, Any]:
        """Return the event's own properties that stay, each under a name of its own."""
        carried = {
            name: value
            for name, value in own.items()
            if name not in names.leaving and name not in names.super and name not in names.aside
        }
        for name in names.aside:
            if not is_absent(own[name]):
                put_aside(carried, name, own[name], self._tables.prefix)
        return carried

    def _move(
        self,
        rows: tuple[Row, ...],
        own: Mapping[str, Any],
        into: dict[str, Any],
        properties: dict[str, Any],
    ) -> None:
        """Write what rows make of the event's own properties; those that move stay no longer.

        It is `table.build`, which does not tell which of several columns had a value.
        """
        moving = self._tables.moving
        for to, source, convert, _ in rows:
            columns, value = _read(source, own)
            if not value and value != 0:  # is_absent, written out: this runs for every row
                continue
            if convert is not None:
                value = convert(*value) if isinstance(source, Values) else convert(value)
                if value is None:
                    continue
            into[to] = value
            for column in columns:
                if column in moving:
                    properties.pop(column, None)

    def _add_unknown(
        self, record: Mapping[str, Any], properties: dict[str, Any], found: set[str]
    ) -> None:
        """Count columns that nobody knows; a copy does not guess what they mean."""
        columns = self._tables.columns
        if columns is None or record.keys() <= columns:
            return
        for name, value in record.items():
            if name in columns or is_bookkeeping(name) or is_absent(value):
                continue
            found.add(UNKNOWN_COLUMN)
            if not self._tables.is_copy:
                prefix = self._tables.prefix
                put_aside(properties, name.removeprefix(prefix), value, prefix)

    def _add_revenue(self, own: Mapping[str, Any], top: dict[str, Any]) -> None:
        """Let the configured properties make the event one of revenue."""
        chosen = self._settings.revenue
        amount = "price" if "price" in chosen else "revenue"
        if not chosen or "revenue" in top or "price" in top:
            return
        if limits.number(own.get(chosen[amount])) is None:
            return
        for key, name in chosen.items():
            value = _OF_REVENUE[key](own.get(name))
            if value is not None:
                top[key] = value

    def _of_user(self, reading: Reading[AmplitudeDecision]) -> dict[str, Any]:
        """Return what was true of the person: as the record says, else as is known of them."""
        settings, tables = self._settings, self._tables
        if not (settings.user_properties_on_events and settings.skip_user_properties_sync):
            return {}
        of_user: Mapping[str, Any] = {}
        if tables.of_person is not None:
            of_user = tables.of_person(reading.record)
        elif reading.decision.profile:
            of_user = orjson.loads(reading.decision.profile)
        if not settings.exclude_properties:
            return dict(of_user)
        return {name: value for name, value in of_user.items() if not self._is_excluded(name)}

    def _complete(self, top: dict[str, Any], properties: dict[str, Any], found: set[str]) -> None:
        """Bring what stands at the top into the form that Amplitude takes."""
        limits.typed(top, properties, found, self._tables.prefix)
        if not ("location_lat" in top and "location_lng" in top):
            top.pop("location_lat", None), top.pop("location_lng", None)
        is_located = any(top.get(key) for key in LOCATION)
        for key in LOCATION:
            if is_located:
                top.setdefault(key, "")
            else:
                top.pop(key, None)
        if not (is_located and self._settings.send_ip):
            top.pop("ip", None)
        if not self._settings.send_advertising_ids:
            top.pop("idfa", None), top.pop("adid", None)

    def _groups(self, reading: Reading[AmplitudeDecision], found: set[str]) -> dict[str, list[str]]:
        keys = self._tables.source.groups(reading.record, "").keys
        return self._types.named(keys, found) if keys else {}


def _read(source: Any, own: Mapping[str, Any]) -> tuple[tuple[str, ...], Any]:
    """Return the columns that a row reads, and what it makes its value of."""
    if isinstance(source, str):
        return (source,), own.get(source)
    if isinstance(source, Values):
        return source.columns, tuple(map(own.get, source.columns))
    if isinstance(source, OfReading):
        return source.columns, own
    for column in source:
        value = own.get(column)
        if value or value == 0:
            return (column,), value
    return (), None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


_OF_REVENUE: Mapping[str, Callable[[Any], Any]] = {
    "revenue": limits.number,
    "price": limits.number,
    "quantity": limits.whole,
    "productId": _text,
    "revenueType": _text,
    "currency": limits.currency,
}
