"""Mixpanel as a destination: what is sent of records, whatever their source.

One record becomes, in this order: the event for `/import`, updates of its person's profile for
`/engage`, and updates of each group that changed for `/groups`. Records of Identify calls become
updates only: an event of the name `$identify` would make Mixpanel refuse the request it is in.

Under Original ID Merge a `$merge` comes first, the first time a user is seen on a device that
belongs to nobody yet. Under Simplified ID Merge the event itself links the two; see `links.py`.

A record that the settings leave out by its name sends no event and no updates: the next record of
the same person brings those again. Its `$merge` is sent all the same. One that is left out for its
age is treated alike, but that it updates profiles: they have no age.
"""

from __future__ import annotations

from singer_delivery.mapping import devices
from singer_delivery.mapping.identity import Ids, Link, Who
from singer_delivery.mapping.names import EventNames
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import PERSON, Reading
from singer_delivery.model import Effects, Event, Facts, Mapped, Note

from target_mixpanel.events import Events, SourceTables, check_time, leaves_out
from target_mixpanel.groups import GroupKeys, GroupProfiles
from target_mixpanel.hot_ids import HotIds
from target_mixpanel.links import bare_device, count_ids, merge_event
from target_mixpanel.mixpanel import MAX_NAME_CHARACTERS, SERVICE, harmless_name
from target_mixpanel.people import MixpanelDecision, People
from target_mixpanel.settings import MappingSettings


class Mixpanel:
    """Decides what is sent of records, and maps them.

    Facts, beside those of `Pair`:

    - `initial`, user -> digest of the first attribution last sent;
    - `device`, device of nobody -> a digest of what was last said of it, and all that is known;
    - `property_names`, "person" -> the names of all properties of people that were sent: a claim;
    - `ids`, user -> how many ids were merged, under Original ID Merge: a claim.

    Args:
        settings: of the target.
        tables: of the source.
        hot_ids: counts events by person and day, where records are decided.
    """

    decision_type = MixpanelDecision
    links = True

    def __init__(self, settings: MappingSettings, tables: SourceTables, hot_ids: HotIds) -> None:
        self._settings, self._hot_ids = settings, hot_ids
        self._source, prefix = tables.source, tables.layout.prefix
        self.devices_apart = self._simplified = settings.identity_merge == "simplified"
        self._ids = Ids(tables.ids)
        self._names = EventNames(
            settings.rename_events,
            tables.event_names,
            lambda name: harmless_name(name, prefix),
            MAX_NAME_CHARACTERS,
            SERVICE,
        )
        self._events = Events(settings, tables)
        self.group_keys = GroupKeys(settings.group_keys, self._events.taken, prefix)
        days = settings.backfill_days
        self._people = People(self._source, tables.people, prefix, days)
        self._groups = GroupProfiles(self._source, self.group_keys, prefix, days)

    def event_name(self, name: str, call: str) -> str:
        """Return the name that an event is sent under, empty for a call.

        Raises:
            Unmappable: it is too long (`event_name_too_long`).
        """
        return "" if call else self._names.sent_as(name)

    def who(self, seen: Observation, notes: list[Note]) -> Who:
        """Return the ids of a record."""
        device = bare_device(seen.device) if self._simplified else seen.device
        return self._ids.who(seen.user, device, notes)

    def check_time(self, at: int) -> None:
        """Refuse a time that Mixpanel refuses: see `events.check_time`."""
        check_time(at, self._settings)

    def leave_out(
        self,
        it: MixpanelDecision,
        due: Link | None,
        facts: Facts,
        effects: Effects,
    ) -> None:
        """Send the `$merge` that is due. Under Simplified ID Merge only an event could link."""
        it.sends = due is not None and not self._simplified
        if due is not None and it.sends:
            it.link = due.values
            self._inherit(it, due, facts, effects)
            _send_link(it, due, effects)
            count_ids(due, facts, effects)

    def decide(
        self,
        it: MixpanelDecision,
        seen: Observation,
        due: Link | None,
        facts: Facts,
        effects: Effects,
    ) -> None:
        """Decide what is sent of a record, and of its person and groups where that is newer."""
        if not it.distinct_id:
            effects.notes.append(Note("no_identity"))
        if not it.call:
            it.skipped = leaves_out(it.at, self._settings, effects.notes)
            it.sends_event = it.skipped is None
        if due is not None and (it.sends_event or it.call or not self._simplified):
            self._inherit(it, due, facts, effects)
        no_person = self._decide_person(it, seen, facts, effects)
        no_group = "groups: false"
        if self._settings.groups:
            no_group = self._groups.decide(it, seen, facts, effects)
        if it.call:
            it.skipped = (no_person if it.call == PERSON else no_group) or None
        if due is not None:
            self._link(it, due, facts, effects)
        if it.sends_event:
            self._hot_ids.count(it.person, it.at, effects.notes)
        it.sends = it.sends_event or _updates_profiles(it) or it.link is not None

    def map(self, reading: Reading[MixpanelDecision]) -> Mapped:
        """Return what a record becomes. Pure."""
        it, record = reading.decision, reading.record
        notes: list[Note] = []
        made: list[Event] = []
        groups = self._source.groups(record, it.call)
        if it.link is not None:
            device, user, at = it.link
            insert_id = self._source.link_uuid(record, user, device)
            made.append(merge_event(user, device, at, insert_id))
        if it.sends_event:
            made.append(self._events.event(reading, self.group_keys.named(groups), notes))
        made += self._people.updates(it, record, notes)
        made += self._groups.updates(it, groups, notes)
        return Mapped(made, notes)

    def _decide_person(
        self, it: MixpanelDecision, seen: Observation, facts: Facts, effects: Effects
    ) -> str:
        """Decide what is sent of the person; return why nothing is, or an empty text."""
        if it.call not in ("", PERSON):
            return ""
        if not self._settings.profiles:
            return "profiles: false"
        return self._people.decide(it, seen, facts, effects)

    def _inherit(self, it: MixpanelDecision, due: Link, facts: Facts, effects: Effects) -> None:
        """Let the owner of a device have what is known of it."""
        if not self._settings.profiles:
            return
        found = devices.hand_over(due.device, due.user, facts, effects)
        if found is not None:
            it.inherited, it.since = found

    def _link(self, it: MixpanelDecision, due: Link, facts: Facts, effects: Effects) -> None:
        """Let Mixpanel know whose device it is: by a `$merge`, or by the record's own event.

        An Identify call is sent without an event, and claims the device all the same: the next
        event of both links them. A record that is left out claims nothing.
        """
        if not self._simplified:
            it.link = due.values
        if it.link is not None or it.sends_event:
            _send_link(it, due, effects)
        elif it.call and _updates_profiles(it):
            effects.claims += due.claims
        if it.link is not None:
            count_ids(due, facts, effects)


def _updates_profiles(it: MixpanelDecision) -> bool:
    return bool(it.state or it.first or it.groups or it.inherited)


def _send_link(it: MixpanelDecision, due: Link, effects: Effects) -> None:
    it.merges = due.device
    effects.claims += due.claims
    effects.facts.insert(0, due.sent)
