"""Groups: the group keys of an event, and the updates of what is known about a group.

A group key must be declared in the settings of the Mixpanel project before anything is imported:
events that came earlier are not found by it (Mixpanel docs, Group Analytics).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from analytics_records.amplitude.groups import (
    Groups,
    Keys,
    Snapshot,
    groups_of,
    newer_group,
)
from analytics_records.amplitude.operations import OPERATIONS, changes
from analytics_records.amplitude.reading import Reading
from singer_delivery.mapping.memory import Memory
from singer_delivery.model import Event, Fact, Note

from target_mixpanel.mappings.limits import fit_as_they_are
from target_mixpanel.mappings.mixpanel import PREFIX, fitted_id
from target_mixpanel.mappings.profiles import NOTHING_TOLD, SUPERSEDED, Told
from target_mixpanel.mappings.updates import group_profile, harmless, updates


@dataclass(frozen=True, slots=True)
class NamedGroups:
    """The groups of an event, by their group keys, and whether Mixpanel takes all as they are."""

    keys: dict[str, list[str]]
    fit: bool


NO_GROUPS = NamedGroups({}, fit=True)


class GroupKeys:
    """Names group types as the Mixpanel project does.

    Args:
        chosen: the setting `group_keys`.
        taken: names that mean something else on an event.
    """

    def __init__(self, chosen: Mapping[str, str], taken: Collection[str]) -> None:
        self._chosen, self._taken = chosen, taken
        self._remembered: Memory[NamedGroups] = Memory(1024)  # about 1 MB

    def key_of(self, group_type: str) -> str:
        """Return the group key of a type: the chosen one, else the type itself."""
        key = self._chosen.get(group_type, group_type)
        return PREFIX + key.lstrip("$") if key in self._taken else key

    def properties(self, keys: Keys) -> dict[str, list[str]]:
        """To each group key the groups of the event, as text."""
        named: dict[str, list[str]] = {}
        for group_type, groups in keys.items():
            named.setdefault(self.key_of(group_type), []).extend(map(fitted_id, groups))
        return named

    def named(self, groups: Groups) -> NamedGroups:
        """Return the same, and whether Mixpanel takes it as it is."""
        found = self._remembered.get(groups.content)
        if found is None:
            keys = self.properties(groups.keys)
            found = NamedGroups(keys, fit_as_they_are(keys.values()))
            self._remembered.keep(groups.content, found)
        return found


def tell(reading: Reading, group_keys: GroupKeys, *, profiles: bool) -> tuple[NamedGroups, Told]:
    """Return the groups of the event, and the updates of the groups that changed.

    Args:
        reading: of the record.
        group_keys: names them.
        profiles: whether groups are updated.
    """
    groups = groups_of(reading)
    named = group_keys.named(groups) if groups.types else NO_GROUPS
    if not profiles:
        return named, Told(reason_for_none="groups: false")
    return named, _updates(groups, reading, group_keys) if groups.snapshots else NOTHING_TOLD


def _updates(groups: Groups, reading: Reading, group_keys: GroupKeys) -> Told:
    made: list[Event] = []
    none = NOTHING_TOLD
    for snapshot in groups.snapshots:
        if not snapshot.properties:
            continue
        fact = newer_group(reading, snapshot)
        if fact is None:
            none = SUPERSEDED
        else:
            made += _group_updates(snapshot, fact, reading.notes, group_keys)
    return Told(made, none.reason_for_none) if made else none


def _group_updates(
    snapshot: Snapshot, fact: Fact, notes: list[Note], group_keys: GroupKeys
) -> list[Event]:
    change, found = changes(snapshot.properties, notes), set[str]()
    change.set = harmless(change.set, found)
    change.set_once = harmless(change.set_once, found)
    notes.extend(Note(name) for name in sorted(found))
    group_type, key = snapshot.group
    profile = group_profile(group_keys.key_of(group_type), fitted_id(key))
    # Two types may share a group key: neither takes the other's place.
    profile = profile._replace(person=f"group:{fact.name}")
    is_whole = OPERATIONS.isdisjoint(snapshot.properties)
    return updates(profile, change, fact.at, fact, deferred=is_whole)
