"""Groups: those of an event, and what is sent of groups: only what is newer. Knows no source.

Properties of a group reach the events that come after them (docs, "Group Identify API"). So an
update of a group is acknowledged before the first event that follows; where a source says on every
event what is true of its groups, that happens once a day, and once more when the run ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.newer import DAY, Newer
from singer_delivery.mapping.observation import Groups, Keys, Observation, Snapshot
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import Effects, Event, Fact, Facts, Note

from target_amplitude import closing, limits
from target_amplitude.amplitude import (
    BATCH,
    GROUP_IDENTIFY,
    MAX_GROUP_TYPES,
    MAX_GROUPS,
    fitted_id,
)
from target_amplitude.decision import AmplitudeDecision
from target_amplitude.limits import IN_OPERATION
from target_amplitude.people import NOTHING, SUPERSEDED
from target_amplitude.settings import MappingSettings

TOO_MANY_TYPES, TOO_MANY_GROUPS = "over_5_group_types", "over_10_groups"


class GroupTypes:
    """Names group types as the Amplitude project does.

    Args:
        chosen: the setting `group_keys`.
    """

    def __init__(self, chosen: Mapping[str, str]) -> None:
        self._chosen = chosen

    def type_of(self, key: str) -> str:
        """Return the group type of a key: the chosen one, else the key itself."""
        return self._chosen.get(key, key)

    def named(self, keys: Keys, found: set[str]) -> dict[str, list[str]]:
        """To each group type the groups of the event, as text.

        Amplitude drops a sixth type and an eleventh group without a word: they are counted.
        """
        named: dict[str, list[str]] = {}
        for key, groups in keys.items():
            named.setdefault(self.type_of(key), []).extend(map(fitted_id, groups))
        if len(named) > MAX_GROUP_TYPES:
            found.add(TOO_MANY_TYPES)
        if any(len(groups) > MAX_GROUPS for groups in named.values()):
            found.add(TOO_MANY_GROUPS)
        return named


def update_event(
    group: tuple[str, str], change: Changes, *, at: int | None, fact: Fact | None = None
) -> Event:
    """Return a `$groupidentify`, of one type and one group.

    It goes by a device id of its own, so that no person and no shared device stands for it: what is
    without an id is refused.

    Args:
        group: its type, as Amplitude has it, and its key.
        change: what is set, set once and taken away.
        at: time of the source record, in microseconds.
        fact: defers it to the end of the run, and is forgotten if it is refused. None for an update
            that is acknowledged before any event that follows leaves.
    """
    group_type, key = group
    whose = {"device_id": stable_uuid("group", *group), "groups": {group_type: key}}
    state, once = {**dict.fromkeys(change.unset), **change.set}, dict(change.set_once)
    for part in (state, once):
        limits.fit(part, set(), flattens=False, level=IN_OPERATION)
    body = closing.waiting(closing.GROUP, whose, state, once, at)
    order = f"group:{group_type}:{key}"
    if fact is None:
        body = closing.event_of(body)
        return Event(BATCH, "group", GROUP_IDENTIFY, at, body, order, leads=True)
    return Event(BATCH, "group", GROUP_IDENTIFY, at, body, order, deferred=True, facts=(fact,))


class GroupUpdates:
    """Decides which updates of groups a record sends, and makes them.

    Facts: `group`, group -> digest of what was last sent; `group_day`, group -> the day, UTC, of
    the last update that was sent at once.

    Args:
        settings: of the target.
        changes: what properties of a group change, as the source says it.
        types: names group types.
        by_day: whether events say all the time what is true of their groups: an update then goes
            once a day at most, and the last one when the run ends. Where an older one may wait,
            what goes at once takes its place as well.
    """

    def __init__(
        self,
        settings: MappingSettings,
        changes: Callable[[Mapping[str, Any], list[Note]], Changes],
        types: GroupTypes,
        *,
        by_day: bool,
    ) -> None:
        self._is_on, self._changes = settings.groups, changes
        self._types, self._by_day = types, by_day
        self._newer = Newer(settings.backfill_days)

    def decide(
        self, it: AmplitudeDecision, seen: Observation, facts: Facts, effects: Effects
    ) -> str:
        """Decide what is sent of the record's groups; return why nothing is, or an empty text."""
        if not self._is_on:
            return "groups: false"
        reason = NOTHING
        sent: list[int] = []
        at_once: list[int] = []
        for number, snapshot in enumerate(seen.groups.snapshots):
            if not snapshot.properties:
                continue
            fact = self._newer.fact(
                facts, "group", snapshot.name, snapshot.digest, seen, effects.renewed
            )
            if fact is None:
                reason = SUPERSEDED
            elif self._says_something(snapshot, effects.notes):
                it.since = fact.since
                is_known = facts.recall("group", snapshot.name) is not None
                leads = self._is_at_once(snapshot, it, facts, effects)
                if leads:
                    at_once.append(number)
                if not leads or (self._by_day and is_known):
                    sent.append(number)
                (effects.kept if number in sent else effects.facts).append(fact)
        it.groups, it.groups_at_once = tuple(sent), tuple(at_once)
        return "" if sent or at_once else reason

    def at_once(self, it: AmplitudeDecision, groups: Groups) -> list[Event]:
        """Each group on the first row of a day on which it differs, before the event."""
        return [self._update(it, groups.snapshots[number], None) for number in it.groups_at_once]

    def deferred(self, it: AmplitudeDecision, groups: Groups) -> list[Event]:
        """Return the updates that wait for the end of the run."""
        made: list[Event] = []
        for number in it.groups:
            snapshot = groups.snapshots[number]
            fact = Fact("group", snapshot.name, snapshot.digest, *it.since)
            made.append(self._update(it, snapshot, fact))
        return made

    def _is_at_once(
        self, snapshot: Snapshot, it: AmplitudeDecision, facts: Facts, effects: Effects
    ) -> bool:
        if not self._by_day:
            return True
        day, last = it.at // DAY, facts.recall("group_day", snapshot.name)
        if it.call or (last is not None and int(last.value) >= day):
            return False
        effects.facts.append(Fact("group_day", snapshot.name, str(day), it.at))
        return True

    def _says_something(self, snapshot: Snapshot, notes: list[Note]) -> bool:
        change = self._changes(snapshot.properties, notes)
        return bool(change.set or change.set_once or change.unset)

    def _update(self, it: AmplitudeDecision, snapshot: Snapshot, fact: Fact | None) -> Event:
        change = self._changes(snapshot.properties, [])
        group_type, key = snapshot.group
        group = (self._types.type_of(group_type), fitted_id(key))
        return update_event(group, change, at=it.at, fact=fact)
