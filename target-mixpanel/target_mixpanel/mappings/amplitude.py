"""Amplitude export record -> Mixpanel. The table is in `amplitude_table.py`.

One record becomes, in this order: the event for `/import`, updates of its person's profile for
`/engage`, and updates of each group that changed for `/groups`. Records of Identify calls become
updates only: an event of the name `$identify` would make Mixpanel refuse the whole request.

Under Original ID Merge a `$merge` comes first, the first time a user is seen on a device that
belongs to nobody yet. Under Simplified ID Merge the event itself links the two; see `identity.py`.

A record that the settings leave out by its name sends no event and no updates: the next record of
the same person brings those again, whole. Its `$merge` is sent all the same. One that is left out
for its age is treated alike, but that it updates profiles: they have no age.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from analytics_records.amplitude.identity import Link, link_due
from analytics_records.amplitude.operations import something
from analytics_records.amplitude.properties import Aside, PropertyTable
from analytics_records.amplitude.reading import (
    GROUP_IDENTIFY_RECORD,
    IDENTIFY_RECORD,
    Reading,
    event_name,
    read,
)
from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.compiled import Made
from singer_delivery.mapping.memory import Memory
from singer_delivery.mapping.names import EventNames
from singer_delivery.model import Event, Known, Mapped, Unmappable

from target_mixpanel.mappings import groups, identity, limits, profiles, when
from target_mixpanel.mappings.amplitude_table import (
    COLUMNS,
    DROPPED,
    EVENT_NAMES,
    EVENT_PROPERTY_ROWS,
    PROPERTIES,
    ROWS,
)
from target_mixpanel.mappings.groups import NamedGroups
from target_mixpanel.mappings.mixpanel import (
    GUARDED_KEYS,
    IMPORT,
    MAX_NAME_CHARACTERS,
    MAX_PROPERTIES,
    PREFIX,
    SERVICE,
    base_properties,
    harmless_name,
)
from target_mixpanel.mappings.profiles import Told
from target_mixpanel.mappings.settings import MappingSettings

__all__ = ["DROPPED", "ROWS", "AmplitudeMapping"]

ALSO_WRITTEN = ("amplitude_event_name", "amplitude_overflow")
"""Properties of an event that no row writes, beside those that every event has or are guarded."""

CALLS = (IDENTIFY_RECORD, GROUP_IDENTIFY_RECORD)
"""Records that are no events."""

OF_THE_USER = "user."
"""Before what was true of the person at the time."""

NOTHING = Made({}, fit=True)


class AmplitudeMapping:
    """Makes Mixpanel events and profile updates of Amplitude export records.

    Pure: what it must know of the past it asks of `known`, and what must be remembered it puts on
    the events as facts:

    - `owner`, device -> user: a claim, on disk before anything is sent;
    - `link`, device -> user: Mixpanel was told;
    - `person`, user -> digest of what their profile was last told, and its time;
    - `initial`, user -> the same for first attribution;
    - `group`, type and key -> the same for a group.
    """

    needs_keys = False  # a row without uuid is known by its $insert_id
    is_pure = True

    def __init__(self, settings: MappingSettings) -> None:
        self._settings = settings
        self._simplified = settings.identity_merge == "simplified"
        self._who_is = identity.who_is if self._simplified else identity.original_who_is
        self._ids = identity.simplified_ids if self._simplified else identity.original_ids
        self._choice = Choice(settings.include_events, settings.exclude_events)
        names = EventNames(
            settings.rename_events, EVENT_NAMES, harmless_name, MAX_NAME_CHARACTERS, SERVICE
        )
        self._sent_as = lru_cache(1024)(names.sent_as)
        self._table = PropertyTable(
            PROPERTIES,
            EVENT_PROPERTY_ROWS,
            base={**base_properties(settings.version, "amplitude"), "ip": 0},
            conditions=_conditions(settings),
            also_written=ALSO_WRITTEN,
            guarded=GUARDED_KEYS,
            columns=COLUMNS,
            prefix=PREFIX,
            fit=limits.fit_as_they_are,
        )
        self._users: Memory[Made] = Memory(1024)  # about 2 MB
        self._taken = self._table.written | GUARDED_KEYS
        self._group_keys = groups.GroupKeys(settings.group_keys, self._taken)

    def __reduce__(self) -> tuple[type[AmplitudeMapping], tuple[MappingSettings]]:
        """Let another process make the same: what is compiled cannot travel."""
        return type(self), (self._settings,)

    def __call__(self, record: Mapping[str, Any], known: Known) -> Mapped:
        """Return what a clean record becomes.

        Raises:
            Unmappable: it has no name or no time, its name is too long, or its time impossible.
        """
        name = event_name(record)
        skipped = self._choice.leaves_out(name)
        if skipped is not None:
            return self._only_link(record, name, known, skipped)
        sent_as = None if name in CALLS else self._sent_as(name)
        it = self._read(record, name, known)
        when.check_time(it.moment.at, self._settings)
        due, person = link_due(it), self._person(it)
        named, told = groups.tell(it, self._group_keys, profiles=self._settings.groups)
        events = [*person.updates, *told.updates]
        if sent_as is None:
            about = person if name == IDENTIFY_RECORD else told
            skipped = None if about.updates else about.reason_for_none
        else:
            skipped = when.leaves_out(it.moment.at, self._settings, it.notes)
            if skipped is None:
                events.insert(0, self._event(it, sent_as, named))
        if due is not None:
            self._link(it, due, events)
        return Mapped(tuple(events), skipped, tuple(it.notes), tuple(it.renewed))

    def _read(self, record: Mapping[str, Any], name: str, known: Known) -> Reading:
        return read(record, name, known, self._who_is, links=True, devices_apart=self._simplified)

    def _only_link(
        self, record: Mapping[str, Any], name: str, known: Known, skipped: str
    ) -> Mapped:
        try:
            it = self._read(record, name, known)
            when.check_time(it.moment.at, self._settings)
        except Unmappable:  # it would not have travelled anyway
            return Mapped((), skipped)
        due = link_due(it)
        if due is None or self._simplified:  # there, nothing but an event could tell
            return Mapped((), skipped, tuple(it.notes))
        return Mapped((identity.merge_event(it.record, due),), skipped, tuple(it.notes))

    def _link(self, it: Reading, due: Link, events: list[Event]) -> None:
        """Let Mixpanel know whose device it is: by a `$merge`, or by the record's own event.

        An Identify call is sent without an event, and claims the device all the same: the next
        event of both tells. A record that is left out claims nothing.
        """
        if not self._simplified:
            events.insert(0, identity.merge_event(it.record, due))
        elif events and events[0].endpoint == IMPORT:
            identity.bring_link(events[0], due)
        elif events and it.name in CALLS:
            events[0].claims = due.claims

    def _person(self, it: Reading) -> Told:
        if it.name == GROUP_IDENTIFY_RECORD:
            return Told()
        if not self._settings.profiles:
            return Told(reason_for_none="profiles: false")
        return profiles.tell(it)

    def _event(self, it: Reading, sent_as: str, named: NamedGroups) -> Event:
        insert_id = identity.insert_id(it.record)
        properties, fit = self._properties(it, sent_as, named)
        properties["time"] = it.moment.at // 1000
        properties["$insert_id"] = insert_id
        properties.update(self._ids(it))
        if not fit or len(properties) > MAX_PROPERTIES:
            limits.fit(properties, it.notes, self._taken, named.keys)
        body = {"event": sent_as, "properties": properties}
        # Events of nobody have no order to keep.
        person = it.person or insert_id
        return Event(IMPORT, "event", sent_as, person, it.moment.at, body)

    def _properties(
        self, it: Reading, sent_as: str, named: NamedGroups
    ) -> tuple[dict[str, Any], bool]:
        """Return the properties, and whether Mixpanel surely takes each as it is."""
        properties, aside, unknown, fit = self._table.read(it)
        if sent_as != it.name:
            properties["amplitude_event_name"] = it.name
            fit = fit and limits.fit_as_they_are([it.name])
        _add(properties, named.keys, aside)
        fit = fit and named.fit
        if self._settings.user_properties_on_events:
            told = self._of_the_user(it.record.get("user_properties"))
            _add(properties, told.properties, aside)
            fit = fit and told.fit
        if aside or unknown:
            self._table.put_aside(aside, unknown, properties)
            fit = False
        return properties, fit

    def _of_the_user(self, told: Any) -> Made:
        """Return what was true of the person at the time, as properties of the event."""
        if not told or not isinstance(told, dict):
            return NOTHING
        content = orjson.dumps(told)
        return self._users.get(content) or self._users.keep(content, _of_the_user(told))


def _conditions(settings: MappingSettings) -> set[str]:
    located = {"geolocate_ip"} if settings.geolocate_ip else set()
    return {settings.identity_merge, *located}


def _of_the_user(told: Mapping[str, Any]) -> Made:
    made = {f"{OF_THE_USER}{key}": value for key, value in something(told).items()}
    return Made(made, limits.fit_as_they_are(made.values()))


def _add(properties: dict[str, Any], more: Mapping[str, Any], aside: Aside) -> None:
    """Add properties; those they replace are put aside."""
    if not properties.keys().isdisjoint(more):
        aside += [(key, properties[key]) for key in more if key in properties]
    properties.update(more)
