"""Amplitude as a destination: what is sent of records, whatever their source.

One record becomes, in this order: the `$identify` that links its device, updates of its groups that
must be there before, the event, the update of its person, of its groups, and the creation event of
its user; the last three wait for the end of the run. Records of Identify calls become updates only:
at Amplitude an event of such a name is an order.

A record that the settings leave out sends nothing; the next record of the same person brings what
is to be said.
"""

from __future__ import annotations

from singer_delivery.mapping.identity import Ids, Link, Who
from singer_delivery.mapping.names import EventNames
from singer_delivery.mapping.newer import DAY
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import PERSON, Reading
from singer_delivery.mapping.values import clean_id, stable_uuid
from singer_delivery.model import Effects, Event, Facts, Mapped, Note, Unmappable

from target_amplitude import links
from target_amplitude.amplitude import (
    MAX_TEXT_CHARACTERS,
    RESERVED_NAMES,
    SERVICE,
    harmless_name,
)
from target_amplitude.catalogue import EventTypes
from target_amplitude.copies import Copies
from target_amplitude.created import Created
from target_amplitude.decision import AmplitudeDecision
from target_amplitude.events import Events
from target_amplitude.groups import GroupTypes, GroupUpdates
from target_amplitude.insert_ids import InsertIds
from target_amplitude.people import NOTHING, People
from target_amplitude.settings import MappingSettings
from target_amplitude.tables import SourceTables

AHEAD = Note("ahead_of_now")
BY_SOURCE_ID = Note("without_ids")
WITHOUT_ID = "events_without_id: skip"


class Amplitude:
    """Decides what is sent of records, and maps them.

    Facts, beside those of `Pair`:

    - `sent_with`, device -> the user with whom an event of it was sent last, see `links`;
    - `profile`, person -> what is copied on events, see `copies.Copies`;
    - `created`, user -> that the creation event was sent, see `created.Created`;
    - `event_type` and `event_types`, see `catalogue.EventTypes`: claims;
    - `group_day`, group -> the day of its last update, see `groups.GroupUpdates`;
    - `property_names`, "person" -> the names of all properties of people that were sent: a claim.

    Args:
        settings: of the target.
        tables: of the source.
    """

    decision_type = AmplitudeDecision
    devices_apart = True

    def __init__(self, settings: MappingSettings, tables: SourceTables) -> None:
        self.settings, self._tables = settings, tables
        self._source, self._ids = tables.source, Ids(tables.ids)
        self.links = self._by_device = tables.anonymous == "owner"
        self._names = EventNames(
            settings.rename_events,
            tables.event_names,
            str if tables.is_copy else lambda name: harmless_name(name, tables.prefix),
            MAX_TEXT_CHARACTERS,
            SERVICE,
        )
        self._events = Events(settings, tables)
        self._people = People(settings, tables.changes, tables.source.person_properties)
        self._copies = Copies(
            is_on=tables.of_person is None
            and settings.user_properties_on_events
            and settings.skip_user_properties_sync
        )
        self._created = Created(settings, tables.created_event)
        self._types = EventTypes()
        self._insert_ids = InsertIds(settings.reused_insert_ids)
        types = GroupTypes(settings.group_keys)
        self._groups = GroupUpdates(settings, tables.changes, types, by_day=tables.groups_by_day)

    def event_name(self, name: str, call: str) -> str:
        """Return the name that an event is sent under, empty for a call.

        Raises:
            Unmappable: it is too long (`event_name_too_long`).
        """
        return "" if call else self._names.sent_as(name)

    def who(self, seen: Observation, notes: list[Note]) -> Who:
        """Return the ids of a record, or the source's own id of its person where it has none.

        Raises:
            Unmappable: it has none at all (`no_identity`).
        """
        who = self._ids.who(seen.user, seen.device, notes)
        if who.distinct_id:
            return who
        own = clean_id(seen.source_id)
        if own is not None and not self._tables.ids.is_illegal(own):
            notes.append(BY_SOURCE_ID)
            device = f"{self._source.name}:{own}"
        else:
            device = self.nobody(seen)
        return Who(None, device or None, device)

    def check_time(self, at: int) -> None:
        """Refuse a time before 1970.

        Raises:
            Unmappable: it is (`time_out_of_range`).
        """
        if at < 0:
            reason = "time_out_of_range"
            raise Unmappable(reason, "it is before 1970, which Amplitude does not take")

    def leave_out(
        self,
        it: AmplitudeDecision,
        due: Link | None,
        facts: Facts,  # noqa: ARG002 - nothing hangs on the past
        effects: Effects,
    ) -> None:
        """Send nothing. Whose the device is holds all the same."""
        it.sends = False
        if due is not None and self._by_device:
            effects.claims += due.claims

    def decide(
        self,
        it: AmplitudeDecision,
        seen: Observation,
        due: Link | None,
        facts: Facts,
        effects: Effects,
    ) -> None:
        """Decide what is sent of a record, and of its person and groups where that is newer."""
        if not it.distinct_id:
            it.skipped, it.sends = WITHOUT_ID, False
            return
        whose, noted = it.user, len(effects.notes)
        self._decide_whose(it, seen, due, facts, effects)
        it.person, it.sends_event = links.lane_of(it), not it.call
        if it.sends_event:
            self._insert_ids.decide(it, seen, facts, effects.notes)
            if it.skipped is not None:
                it.sends = it.sends_event = False
                effects.facts.clear()
                del effects.notes[noted:]  # no link is sent either
                _claim_no_device(effects)
                return
        no_person = self._people.decide(it, whose, seen, facts, effects)
        no_group = NOTHING
        if seen.groups.snapshots and it.call != PERSON:
            no_group = self._groups.decide(it, seen, facts, effects)
        if it.call:
            it.skipped = (no_person if it.call == PERSON else no_group) or None
        else:
            self._decide_event(it, seen, facts, effects)
        it.sends = it.sends_event or bool(
            it.state or it.inherited or it.groups or it.groups_at_once
        )
        if not it.sends:
            _claim_no_device(effects)

    def map(self, reading: Reading[AmplitudeDecision]) -> Mapped:
        """Return what a record becomes. Pure."""
        it, record = reading.decision, reading.record
        notes: list[Note] = []
        before: list[Event] = []
        after: list[Event] = []
        groups = self._source.groups(record, it.call)
        if it.link is not None:
            before.append(links.link_event(it.link))
        if it.groups_at_once:
            before += self._groups.at_once(it, groups)
        if it.state or it.inherited:
            is_for_now = not self.settings.skip_user_properties_sync
            (before if is_for_now else after).extend(self._people.updates(it, record))
        if it.groups:
            after += self._groups.deferred(it, groups)
        if it.created and it.user is not None:
            after += self._created.events(it, it.user)
        if it.sends_event:
            before.append(self._events.event(reading, groups, notes))
        return Mapped(before + after, notes)

    def _decide_whose(
        self,
        it: AmplitudeDecision,
        seen: Observation,
        due: Link | None,
        facts: Facts,
        effects: Effects,
    ) -> None:
        """Decide by which ids the record goes; a device's first user has what is known of it."""
        user, is_first = it.user, due is not None and bool(due.claims)
        if self._by_device:
            links.own_by_device(it, due, facts, effects)
        elif not it.call:
            named = self._ids.who(seen.user, seen.device, [])
            links.as_sent_before(it, named, seen, self._source.name, facts, effects)
        if it.device is None or user is None:
            return
        if not self._by_device:
            is_first = links.is_first_user(it.device, user, seen, facts, effects)
        if is_first:
            self._people.inherit(it, it.device, user, facts, effects)

    def _decide_event(
        self, it: AmplitudeDecision, seen: Observation, facts: Facts, effects: Effects
    ) -> None:
        if it.sent_as not in self._types.known:
            self._types.count(it.sent_as, it.at, facts, effects)
        if it.at > self.settings.now + DAY:
            effects.notes.append(AHEAD)
        if seen.name in RESERVED_NAMES:
            effects.notes.append(Note("reserved_name", seen.name))
        it.profile = self._copies.of(it, facts, effects.notes)
        created = self._tables.created(seen)
        if created is not None:
            self._count_new(it, created, facts, effects)
        self._created.decide(it, it.user, created, it.at, facts, effects)

    def _count_new(
        self, it: AmplitudeDecision, created: int, facts: Facts, effects: Effects
    ) -> None:
        """Count a user whom the source knew before the first record of theirs."""
        if it.user is None or self._created.name:
            return
        if created < it.at - DAY and facts.recall("user", it.user) is None:
            effects.notes.append(Note("new_before_range"))

    def nobody(self, seen: Observation) -> str:
        """Return what stands for the person of an event without any id.

        Raises:
            Unmappable: nothing does (`no_identity`).
        """
        way = self.settings.events_without_id
        if way == "own_device":
            return stable_uuid("own_device", seen.name, str(seen.at), *seen.event_ids)
        if way == "skip":
            return ""
        reason, detail = "no_identity", "it has no id of a user or a device"
        raise Unmappable(reason, detail)


def _claim_no_device(effects: Effects) -> None:
    """Leave a device to the first record of its user that is sent: it brings what is inherited."""
    effects.claims[:] = [each for each in effects.claims if each.kind != "owner"]
