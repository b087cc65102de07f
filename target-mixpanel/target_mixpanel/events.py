"""Events for `/import`: their time as Mixpanel takes it, what all of them carry, their body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from singer_delivery.mapping.compiled import Fit, Made
from singer_delivery.mapping.ids import IdRules
from singer_delivery.mapping.memory import Memory
from singer_delivery.mapping.pair import Reading
from singer_delivery.mapping.properties import Aside, Layout, PropertyTable
from singer_delivery.mapping.source import Source
from singer_delivery.mapping.table import Row
from singer_delivery.model import Event, Note, Unmappable
from singer_delivery.pipeline.settings import Billing

from target_mixpanel import limits
from target_mixpanel.groups import NamedGroups
from target_mixpanel.links import simplified_ids
from target_mixpanel.mixpanel import (
    EARLIEST,
    GUARDED_KEYS,
    HOUR,
    IMPORT,
    MAX_PROPERTIES,
    base_properties,
)
from target_mixpanel.people import MixpanelDecision, PersonTable
from target_mixpanel.settings import MappingSettings

EXPIRED = "expired"
OLDER = Note("older_than_retention")
OLDER_SENTENCE = (
    "An event is older than `retention_years`: Mixpanel bills such events and deletes them all the "
    "same. Set `retention_years` to what the project has, or `skip_expired: true` to leave them "
    f"out. The report counts them as `{OLDER.name}`."
)
"""Said at the first of them."""

BILLING = Billing(
    frozenset({"event", "link"}),
    "Mixpanel bills events in the month in which they arrive, however old they are; updates of "
    "profiles and groups do not count. Contracts of old may count by the time of the event.",
    {OLDER.name: "Older than `retention_years`: Mixpanel bills these and deletes them soon after."},
)
"""Source: Mixpanel docs, "Pricing" and "Data Retention"."""

OF_THE_USER = "user."
"""Before what was true of the person at the time."""

NO_PROPERTIES = Made({}, fit=True)


def check_time(at: int, settings: MappingSettings) -> None:
    """Refuse a time that Mixpanel refuses, in microseconds since 1970.

    Raises:
        Unmappable: it is before 1971 or over an hour ahead of now (`time_out_of_range`).
    """
    if not EARLIEST <= at <= settings.now + HOUR:
        reason = "time_out_of_range"
        raise Unmappable(reason, "it is before 1971 or over an hour ahead of now")


def leaves_out(at: int, settings: MappingSettings, notes: list[Note]) -> str | None:
    """Return the rule that leaves an event of this time out, or None when it travels.

    That it is older than the retention, or a little ahead of now, is counted.
    """
    if at > settings.now:
        notes.append(Note("ahead_of_now"))
    if at >= settings.expires:
        return None
    if settings.skip_expired:
        return EXPIRED
    notes.append(OLDER)
    return None


def import_event(name: str, at: int, properties: dict[str, Any]) -> Event:
    """Return an event.

    Args:
        name: of the event.
        at: when it happened, in microseconds since 1970.
        properties: of the event, its ids, time and `$insert_id` among them.
    """
    body = {"event": name, "properties": properties}
    return Event(IMPORT, "event", name, at, body, id=properties["$insert_id"])


@dataclass(frozen=True)
class SourceTables:
    """What of a source's records becomes which property in Mixpanel.

    Attributes:
        source: of the records.
        layout: of its records.
        event_names: the source's names of events to Mixpanel's.
        properties: rows that read columns.
        of_event_properties: rows that read keys of the event's own properties.
        people: rows of the properties of people.
        insert_id: makes the id of an event.
        ids: what Mixpanel makes of its ids.
    """

    source: Source
    layout: Layout
    event_names: Mapping[str, str]
    properties: tuple[Row, ...]
    of_event_properties: tuple[Row, ...]
    people: PersonTable
    insert_id: Callable[[Mapping[str, Any]], str]
    ids: IdRules


class Events:
    """Makes the events of a source's records.

    Args:
        settings: of the target.
        tables: of the source.

    Attributes:
        taken: names of properties that mean something, which no other may take.
    """

    def __init__(self, settings: MappingSettings, tables: SourceTables) -> None:
        self._simplified = settings.identity_merge == "simplified"
        self._of_users_too = settings.user_properties_on_events
        self._source, self._insert_id = tables.source, tables.insert_id
        self._prefix = tables.layout.prefix
        self._own_name = f"{self._prefix}event_name"
        self._table = _property_table(settings, tables)
        self.taken = self._table.written | GUARDED_KEYS
        self._something = tables.layout.empty.something
        self._of_users: Memory[Made] = Memory(1024)  # about 2 MB

    def event(
        self, reading: Reading[MixpanelDecision], groups: NamedGroups, notes: list[Note]
    ) -> Event:
        """Return the event of a record.

        Args:
            reading: of the record.
            groups: of the event.
            notes: gets what had to be fitted.
        """
        it = reading.decision
        properties, fit = self._properties(reading, groups)
        properties["time"] = it.at // 1000
        properties["$insert_id"] = self._insert_id(reading.record)
        if self._simplified:
            device = it.device if it.user is None else it.own_device
            properties.update(simplified_ids(it.user, device))
        else:
            properties["distinct_id"] = it.distinct_id
        if not fit or len(properties) > MAX_PROPERTIES:
            limits.fit(properties, notes, self.taken, groups.keys, self._prefix)
        return import_event(it.sent_as, it.at, properties)

    def _properties(
        self, reading: Reading[MixpanelDecision], groups: NamedGroups
    ) -> tuple[dict[str, Any], bool]:
        """Return the properties, and whether Mixpanel surely takes each as it is."""
        properties, aside, unknown, fit = self._table.read(reading)
        if reading.decision.sent_as != reading.name:
            properties[self._own_name] = reading.name
            fit = fit and limits.fit_as_they_are([reading.name])
        _add(properties, groups.keys, aside)
        fit = fit and groups.fit
        if self._of_users_too:
            of_user = self._of_the_user(self._source.person_properties(reading.record))
            _add(properties, of_user.properties, aside)
            fit = fit and of_user.fit
        if aside or unknown:
            self._table.put_aside(aside, unknown, properties)
            fit = False
        return properties, fit

    def _of_the_user(self, of_user: Mapping[str, Any]) -> Made:
        """Return what was true of the person at the time, as properties of the event."""
        if not of_user:
            return NO_PROPERTIES
        content = orjson.dumps(of_user)
        found = self._of_users.get(content)
        if found is None:
            named = {f"{OF_THE_USER}{k}": v for k, v in self._something(of_user).items()}
            made = Made(named, limits.fit_as_they_are(named.values()))
            found = self._of_users.keep(content, made)
        return found


def _property_table(settings: MappingSettings, tables: SourceTables) -> PropertyTable:
    conditions = [settings.identity_merge, *(["geolocate_ip"] if settings.geolocate_ip else [])]
    prefix, source = tables.layout.prefix, tables.source.name
    return PropertyTable(
        tables.properties,
        tables.of_event_properties,
        base={**base_properties(settings.version, source), "ip": 0},
        conditions=conditions,
        also_written=(f"{prefix}event_name", f"{prefix}overflow"),
        guarded=GUARDED_KEYS,
        layout=tables.layout,
        fit=Fit(limits.fit_as_they_are),
    )


def _add(properties: dict[str, Any], more: Mapping[str, Any], aside: Aside) -> None:
    """Add properties; those they replace are put aside."""
    if not properties.keys().isdisjoint(more):
        aside += [(key, properties[key]) for key in more if key in properties]
    properties.update(more)
