"""What PostHog gets of a record, whatever its source.

One record becomes, in this order: at most one link between its user and its device, an update for
each group that changed, and the event itself (or, for a call about a person or a group, an update
of the person or of groups instead).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from singer_delivery.mapping.choice import without
from singer_delivery.mapping.identity import Link, Who
from singer_delivery.mapping.memory import Memory
from singer_delivery.mapping.names import EventNames
from singer_delivery.mapping.newer import Newer
from singer_delivery.mapping.observation import Groups, Observation
from singer_delivery.mapping.pair import GROUP, PERSON, Reading
from singer_delivery.mapping.properties import PropertyTable
from singer_delivery.mapping.source import Source
from singer_delivery.model import Effects, Event, Facts, Mapped, Note
from singer_delivery.pipeline.settings import Billing

from target_posthog import groups, links, nesting, people
from target_posthog.people import PostHogDecision
from target_posthog.posthog import SET, Kind, base_properties, make_event
from target_posthog.settings import LIVE_HOURS, MappingSettings

YOUNG = Note(f"younger_than_{LIVE_HOURS}_hours")
"""Counted for every event that PostHog takes for a live one."""

YOUNG_SENTENCE = (
    f"An event is younger than {LIVE_HOURS} hours: PostHog bills such events and treats them as "
    f"live ones. End the import {LIVE_HOURS // 24} days before today (`end_date` of the tap), and "
    f"let live tracking cover the rest. The report counts them as `{YOUNG.name}`."
)
"""Said at the first of them."""

BILLING = Billing(
    sentence=(
        "PostHog counts every event that it captures, updates of people and groups and links among "
        'them. Its docs say that imports by the lane for history are free ("Migrate to PostHog"), '
        "on a paid plan: ask before you rely on it."
    ),
    notes={YOUNG.name: f"Younger than {LIVE_HOURS} hours: PostHog bills these as live events."},
)
"""Source: PostHog docs, "Migrate to PostHog"."""


class PostHog:
    """What PostHog makes of the records of a source; a `Destination`.

    Facts beside those of links:

    - `person`, user or device -> digest of the properties last sent, and the order key of their
      record;
    - `group`, type and key -> the same for a group;
    - `group_type`, type -> its number, and `group_types`, "count": claims;
    - `property_names`, "person" -> the names of all properties of people that were sent: a claim.

    Args:
        settings: of the target.
        source: of the records.
        names: names the events.
        table: makes their properties.
        who: reads the ids of records.
    """

    decision_type = PostHogDecision
    devices_apart = False

    def __init__(
        self,
        settings: MappingSettings,
        source: Source,
        names: EventNames,
        table: PropertyTable,
        who: Callable[[Observation, list[Note]], Who],
    ) -> None:
        self._settings, self._source, self._names, self._table = settings, source, names, table
        self.links = settings.link_identities != "none"
        self.who = who
        self._people, self._newer = people.People(settings), Newer(settings.backfill_days)
        self._base = base_of(settings, source.name)
        self._name_kept = f"${source.name}_event_name"
        self._groups_kept = f"${source.name}_group_properties"
        self._of_groups: Memory[dict[str, Any]] = Memory(1024)  # about 1 MB
        self._leaves_out = settings.leaves_out_property() if settings.exclude_properties else None

    def event_name(self, name: str, call: str) -> str:
        """Return the name an event is sent under."""
        return SET if call == PERSON else self._names.sent_as(name)

    def check_time(self, at: int) -> None:
        """Take any time."""

    def leave_out(
        self, it: PostHogDecision, due: Link | None, facts: Facts, effects: Effects
    ) -> None:
        """Send the link of a record that is left out."""
        links.decide(it, due, facts, effects)
        it.sends = it.link is not None or bool(it.links)

    def decide(
        self,
        it: PostHogDecision,
        seen: Observation,
        due: Link | None,
        facts: Facts,
        effects: Effects,
    ) -> None:
        """Decide what is sent of a record."""
        if due is not None:
            links.decide(it, due, facts, effects)
        linked = None
        if seen.groups.types:
            chosen = self._settings.group_types
            linked = groups.decide(it, seen, chosen, self._newer, facts, effects)
        if it.call != GROUP:
            none = self._people.decide(it, seen, facts, effects)
            it.sets_person = none is None
            it.skipped = none if it.call == PERSON else None
        elif not it.updated:
            it.skipped = groups.reason_for_none(linked)
        it.sends = it.skipped is None or it.link is not None or bool(it.updated)
        if linked is not None and (it.skipped is None or it.updated):
            effects.claims += linked.claims

    def map(self, reading: Reading[PostHogDecision]) -> Mapped:
        """Return what a record becomes."""
        it = reading.decision
        notes: list[Note] = []
        events: list[Event] = []
        if self._leaves_out is not None:
            reading.event_properties = without(reading.event_properties, self._leaves_out)
        if it.link is not None:
            events.append(self._link(it.link, reading))
        if it.links:
            events += [self._link(link, reading) for link in it.links]
        of_groups = self._source.groups(reading.record, it.call)
        if it.updated:
            events += self._updates(reading, of_groups, notes)
        if it.skipped is None and it.call != GROUP:
            events.append(self._main(reading, of_groups, notes))
        notes += young(events, self._settings.live_from)
        return Mapped(events, notes)

    def _link(self, link: tuple[str, str, int], reading: Reading[PostHogDecision]) -> Event:
        device, user, _ = link
        uuid = self._source.link_uuid(reading.record, user, device)
        return links.event(link, uuid, self._settings.link_identities, self._base)

    def _updates(
        self, reading: Reading[PostHogDecision], of_groups: Groups, notes: list[Note]
    ) -> list[Event]:
        moment, made = reading.moment(), []
        for number in reading.decision.updated:
            snapshot = of_groups.snapshots[number]
            content = groups.group_set(self._source.changes(snapshot.properties, notes), notes)
            made.append(groups.update(snapshot, content, moment, self._base))
        notes += nesting.fit(made)
        return made

    def _main(
        self, reading: Reading[PostHogDecision], of_groups: Groups, notes: list[Note]
    ) -> Event:
        """Return the event itself, or the update of the person."""
        it, record = reading.decision, reading.record
        properties, fits = self._properties(reading, of_groups)
        if it.sets_person:
            change = self._source.changes(self._source.person_properties(record), [])
            change.unset += it.cleared
            if self._leaves_out is not None:
                change.set = without(change.set, self._leaves_out)
                change.set_once = without(change.set_once, self._leaves_out)
            first = self._source.first_attribution
            mode = self._settings.person_properties
            of_person = people.person_changes(change, mode, first).as_properties()
            properties.update(of_person)
            fits = fits and nesting.are_stored(of_person.values())
        kind: Kind = "person" if it.call == PERSON else "event"
        uuid = self._source.event_uuid(record)
        moment = reading.moment()
        event = make_event(kind, it.sent_as, it.distinct_id, uuid, moment, properties)
        if not fits:
            notes += nesting.fit((event,))
        return event

    def _properties(
        self, reading: Reading[PostHogDecision], of_groups: Groups
    ) -> tuple[dict[str, Any], bool]:
        """Return the properties, and whether PostHog surely stores each as it is."""
        it = reading.decision
        properties, aside, unknown, fits = self._table.read(reading)
        if it.sent_as != reading.name:
            properties[self._name_kept] = reading.name
        if people.is_profileless(it, self._settings):
            properties["$process_person_profile"] = False
        if of_groups.types or of_groups.beside:
            properties.update(self._group_properties(reading, of_groups))
        if aside or unknown:
            self._table.put_aside(aside, unknown, properties)
        if aside or unknown or self._groups_kept in properties:
            return properties, False
        return properties, fits

    def _group_properties(
        self, reading: Reading[PostHogDecision], of_groups: Groups
    ) -> dict[str, Any]:
        linked = reading.decision.linked
        found = self._of_groups.get(of_groups.content) if linked is None else None
        if found is not None:
            return found
        types = of_groups.types if linked is None else linked
        beside = self._source.groups_beside(reading.record, of_groups, types)
        made = groups.properties(of_groups.keys, types, beside, self._groups_kept)
        return self._of_groups.keep(of_groups.content, made) if linked is None else made


def young(events: Sequence[Event], live_from: int | None) -> list[Note]:
    """Return a note for every event at or after this time, in microseconds since 1970."""
    if live_from is None:
        return []
    return [YOUNG for each in events if each.at is not None and each.at >= live_from]


def base_of(settings: MappingSettings, source: str) -> dict[str, Any]:
    """Return what every event of a source's history carries."""
    return base_properties(settings.version, source, historical_migration=True)
