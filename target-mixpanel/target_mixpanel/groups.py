"""Groups: the group keys of an event, and what is sent of groups: only what is newer.

A group key must be declared in the settings of the Mixpanel project before anything is imported:
events that came earlier are not found by it (Mixpanel docs, Group Analytics).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from singer_delivery.mapping.memory import Memory
from singer_delivery.mapping.newer import newer
from singer_delivery.mapping.observation import Groups, Keys, Snapshot
from singer_delivery.mapping.pair import Source
from singer_delivery.model import Effects, Event, Fact, Facts, Note

from target_mixpanel.limits import fit_as_they_are
from target_mixpanel.mixpanel import fitted_id
from target_mixpanel.people import (
    NOTHING,
    SUPERSEDED,
    MixpanelDecision,
    group_profile,
    harmless,
    updates,
)


@dataclass(frozen=True, slots=True)
class NamedGroups:
    """The groups of an event, by their group keys, and whether Mixpanel takes all as they are."""

    keys: dict[str, list[str]]
    fit: bool


NONE = NamedGroups({}, fit=True)


class GroupKeys:
    """Names group types as the Mixpanel project does.

    Args:
        chosen: the setting `group_keys`.
        taken: names that mean something else on an event.
        prefix: before types that have such a name.
    """

    def __init__(self, chosen: Mapping[str, str], taken: Collection[str], prefix: str) -> None:
        self._chosen, self._taken, self._prefix = chosen, taken, prefix
        self._remembered: Memory[NamedGroups] = Memory(1024)  # about 1 MB

    def key_of(self, group_type: str) -> str:
        """Return the group key of a type: the chosen one, else the type itself."""
        key = self._chosen.get(group_type, group_type)
        return self._prefix + key.lstrip("$") if key in self._taken else key

    def properties(self, keys: Keys) -> dict[str, list[str]]:
        """To each group key the groups of the event, as text."""
        named: dict[str, list[str]] = {}
        for group_type, groups in keys.items():
            named.setdefault(self.key_of(group_type), []).extend(map(fitted_id, groups))
        return named

    def named(self, groups: Groups) -> NamedGroups:
        """Return the same, and whether Mixpanel takes it as it is."""
        if not groups.keys:
            return NONE
        found = self._remembered.get(groups.content)
        if found is None:
            keys = self.properties(groups.keys)
            found = NamedGroups(keys, fit_as_they_are(keys.values()))
            self._remembered.keep(groups.content, found)
        return found


class GroupProfiles:
    """Decides which updates of groups a record sends, and makes them.

    Args:
        source: of the records.
        keys: names group types.
        prefix: before names that Mixpanel would act on.
    """

    def __init__(self, source: Source, keys: GroupKeys, prefix: str) -> None:
        self._source, self._keys, self._prefix = source, keys, prefix

    def decide(self, it: MixpanelDecision, groups: Groups, facts: Facts, effects: Effects) -> str:
        """Decide what is sent of the record's groups; return why nothing is, or an empty text."""
        if not groups.snapshots:  # mostly
            return NOTHING
        reason, sent = NOTHING, list[int]()
        for number, snapshot in enumerate(groups.snapshots):
            if not snapshot.properties:
                continue
            fact = newer(facts, "group", snapshot.name, snapshot.digest, it.at, effects.renewed)
            if fact is None:
                reason = SUPERSEDED
            elif self._changes_something(snapshot, effects.notes):
                (effects.facts if snapshot.is_partial else effects.kept).append(fact)
                sent.append(number)
        it.groups = tuple(sent)
        return "" if sent else reason

    def _changes_something(self, snapshot: Snapshot, notes: list[Note]) -> bool:
        """Tell whether anything is to be sent of a group; if not, count what was read in vain."""
        found: list[Note] = []
        if self._source.changes(snapshot.properties, found).as_properties():
            return True  # `updates` counts
        notes += found
        return False

    def updates(self, it: MixpanelDecision, groups: Groups, notes: list[Note]) -> list[Event]:
        """Return the updates that were decided."""
        made: list[Event] = []
        for number in it.groups:
            made += self._updates(groups.snapshots[number], it.at, notes)
        return made

    def _updates(self, snapshot: Snapshot, at: int, notes: list[Note]) -> list[Event]:
        change, found = self._source.changes(snapshot.properties, notes), set[str]()
        change.set = harmless(change.set, found, self._prefix)
        change.set_once = harmless(change.set_once, found, self._prefix)
        notes.extend(Note(name) for name in sorted(found))
        group_type, key = snapshot.group
        profile = group_profile(self._keys.key_of(group_type), fitted_id(key))
        # Two types may share a group key: neither takes the other's place.
        profile = profile._replace(order=f"group:{snapshot.name}")
        fact = Fact("group", snapshot.name, snapshot.digest, at)
        return updates(profile, change.as_properties(), at, None if snapshot.is_partial else fact)
