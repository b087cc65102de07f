"""Amplitude export record -> PostHog events. The table is in `amplitude_table.py`.

One record becomes, in this order: at most one link between its user and its device, an update for
each group that changed, and the event itself (or, for `$identify` and `$groupidentify` records, an
update of the person or of groups instead).

A record that the settings leave out sends no event, no group update and no person properties: the
next record of the same person brings those again, whole. Its link is sent all the same, because the
first record after a login is often the only chance to learn whose device it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from analytics_records.amplitude.properties import PropertyTable
from analytics_records.amplitude.reading import (
    GROUP_IDENTIFY_RECORD,
    IDENTIFY_RECORD,
    Reading,
    event_name,
    event_uuid,
    read,
)
from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.names import EventNames
from singer_delivery.model import Event, Fact, Known, Mapped, Unmappable

from target_posthog.mappings import groups, identity, people
from target_posthog.mappings.amplitude_table import (
    COLUMNS,
    DROPPED,
    EVENT_NAMES,
    EVENT_PROPERTY_ROWS,
    PROPERTIES,
    ROWS,
)
from target_posthog.mappings.posthog import (
    GUARDED_KEYS,
    MAX_NAME_CHARACTERS,
    PREFIX,
    SERVICE,
    SET,
    Kind,
    harmless_name,
    make_event,
)
from target_posthog.mappings.settings import MappingSettings

__all__ = ["DROPPED", "ROWS", "AmplitudeMapping"]

ALSO_WRITTEN = ("$amplitude_event_name",)
"""Properties of an event that no row writes, beside those that every event has."""


def base_properties(version: str) -> dict[str, Any]:
    """Return what every event carries: what sent it, and not to locate the sender."""
    return {
        "$geoip_disable": True,
        "$lib": "target-posthog",
        "$lib_version": version,
        "historical_migration": True,
        "analytics_source": "amplitude",
    }


class AmplitudeMapping:
    """Makes PostHog events of Amplitude export records.

    Pure: what it must know of the past it asks of `known`, and what must be remembered it puts on
    the events as facts:

    - `owner`, device -> user: a claim, on disk before anything is sent;
    - `link`, device -> user: the link was delivered;
    - `person`, user or device -> digest of the properties last told, and their time;
    - `group`, type and key -> the same for a group;
    - `group_type`, type -> its number, and `group_types`, "count": claims.
    """

    needs_keys = False  # a row without uuid is known by its $insert_id
    is_pure = True

    def __init__(self, settings: MappingSettings) -> None:
        self._settings = settings
        self._links = settings.link_identities != "none"
        self._identified_only = settings.person_profiles == "identified_only"
        self._base = base_properties(settings.version)
        self._choice = Choice(settings.include_events, settings.exclude_events)
        names = EventNames(
            settings.rename_events, EVENT_NAMES, harmless_name, MAX_NAME_CHARACTERS, SERVICE
        )
        self._sent_as = lru_cache(1024)(names.sent_as)
        self._table = PropertyTable(
            PROPERTIES,
            EVENT_PROPERTY_ROWS,
            base=self._base,
            conditions=[n for n in ("send_ip", "send_advertising_ids") if getattr(settings, n)],
            also_written=ALSO_WRITTEN,
            guarded=GUARDED_KEYS,
            columns=COLUMNS,
            prefix=PREFIX,
        )

    def __reduce__(self) -> tuple[type[AmplitudeMapping], tuple[MappingSettings]]:
        """Let another process make the same: what is compiled cannot travel."""
        return type(self), (self._settings,)

    def __call__(self, record: Mapping[str, Any], known: Known) -> Mapped:
        """Return what a clean record becomes.

        Raises:
            Unmappable: it has no name, no id or no time, or its name is too long.
        """
        name = event_name(record)
        skipped = self._choice.leaves_out(name)
        if skipped is not None:
            return self._only_link(record, name, known, skipped)
        sent_as = SET if name == IDENTIFY_RECORD else self._sent_as(name)
        it = read(record, name, known, identity.who_is, links=self._links)
        link = identity.link(it, self._settings.link_identities, self._base)
        told = groups.tell(it, self._settings.group_types, self._base)
        event, skipped = self._main_event(it, sent_as, told)
        events = (*told.updates, event) if event is not None else (*told.updates,)
        if told.claims and events:
            events[0].claims = told.claims
        if link is not None:
            events = (link, *events)
        return Mapped(events, skipped, tuple(it.notes), tuple(it.renewed))

    def _only_link(
        self, record: Mapping[str, Any], name: str, known: Known, skipped: str
    ) -> Mapped:
        try:
            it = read(record, name, known, identity.who_is, links=self._links)
        except Unmappable:  # it would not have travelled anyway
            return Mapped((), skipped)
        link = identity.link(it, self._settings.link_identities, self._base)
        return Mapped(() if link is None else (link,), skipped, tuple(it.notes))

    def _main_event(
        self, it: Reading, sent_as: str, told: groups.Told
    ) -> tuple[Event | None, str | None]:
        """Return the event itself, or the reason why there is none."""
        name = it.name
        facts: tuple[Fact, ...] = ()
        if name == GROUP_IDENTIFY_RECORD:
            return None, None if told.updates else told.reason_for_none
        changes, fact = self._person(it)
        if name == IDENTIFY_RECORD and not changes:
            return None, self._reason_for_no_person(it, fact)
        properties = self._properties(it, sent_as, told)
        if changes and fact is not None:
            properties.update(changes)
            facts = (fact,)
        kind: Kind = "person" if name == IDENTIFY_RECORD else "event"
        distinct_id, uuid = it.who.distinct_id, event_uuid(it.record)
        return make_event(
            kind, sent_as, it.person, distinct_id, uuid, it.moment, properties, facts
        ), None

    def _person(self, it: Reading) -> tuple[dict[str, Any], Fact | None]:
        """Return what is set on the person and the fact that it was, or nothing when it is old."""
        mode, told = self._settings.person_properties, it.record.get("user_properties")
        if not told or mode == "none" or not isinstance(told, dict) or self._is_profileless(it):
            return {}, None
        fact = people.newer_person(it, told)
        if fact is None:
            return {}, None
        return people.person_changes(told, mode, it.notes).as_properties(), fact

    def _reason_for_no_person(self, it: Reading, fact: Fact | None) -> str:
        if self._settings.person_properties == "none":
            return "person_properties: none"
        if self._is_profileless(it):
            return "person_profiles: identified_only"
        told = it.record.get("user_properties")
        nothing = fact is not None or not isinstance(told, dict) or not told
        return "nothing to set" if nothing else "superseded"

    def _is_profileless(self, it: Reading) -> bool:
        return self._identified_only and it.who.user is None

    def _properties(self, it: Reading, sent_as: str, told: groups.Told) -> dict[str, Any]:
        properties, aside, unknown, _ = self._table.read(it)
        if sent_as != it.name:
            properties["$amplitude_event_name"] = it.name
        if self._is_profileless(it):
            properties["$process_person_profile"] = False
        if told.properties:
            properties.update(told.properties)
        if aside or unknown:
            self._table.put_aside(aside, unknown, properties)
        return properties
