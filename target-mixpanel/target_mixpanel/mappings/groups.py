"""Groups: the group keys of an event, and the updates of what is known about a group.

A group key must be declared in the settings of the Mixpanel project before anything is imported:
events that came earlier are not found by it (Mixpanel docs, Group Analytics).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from singer_delivery.events import Event, Note
from singer_delivery.sources.amplitude.groups import Keys, Properties, newer_group, told_of_groups
from singer_delivery.sources.amplitude.operations import OPERATIONS, changes
from singer_delivery.sources.amplitude.reading import Reading

from target_mixpanel.mappings.mixpanel import PREFIX, fitted_id
from target_mixpanel.mappings.profiles import Told
from target_mixpanel.mappings.updates import group_profile, harmless, updates


class GroupKeys:
    """Names group types as the Mixpanel project does.

    Args:
        chosen: the setting `group_keys`.
        taken: names that mean something else on an event.
    """

    def __init__(self, chosen: Mapping[str, str], taken: Collection[str]) -> None:
        self._chosen, self._taken = chosen, taken

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


def tell(reading: Reading, group_keys: GroupKeys, *, profiles: bool) -> tuple[Keys, Told]:
    """Return the group keys of the event, and the updates of the groups that changed.

    Args:
        reading: of the record.
        group_keys: names them.
        profiles: whether groups are updated.
    """
    keys, by_group = told_of_groups(reading)
    if not profiles:
        return group_keys.properties(keys), Told(reason_for_none="groups: false")
    return group_keys.properties(keys), _updates(by_group, reading, group_keys)


def _updates(by_group: Properties, reading: Reading, group_keys: GroupKeys) -> Told:
    told = Told()
    for group, properties in by_group.items():
        if not properties:
            continue
        events = _group_updates(group, properties, reading, group_keys)
        if events is None:
            told.reason_for_none = "superseded"
        else:
            told.updates += events
    return told


def _group_updates(
    group: tuple[str, str],
    properties: Mapping[str, Any],
    reading: Reading,
    group_keys: GroupKeys,
) -> list[Event] | None:
    """Return the updates of one group, or None when what is known of it is not older."""
    fact = newer_group(reading, group, properties)
    if fact is None:
        return None
    change, found = changes(properties, reading.notes), set[str]()
    change.set = harmless(change.set, found)
    change.set_once = harmless(change.set_once, found)
    reading.notes.extend(Note(name) for name in sorted(found))
    profile = group_profile(group_keys.key_of(group[0]), fitted_id(group[1]))
    # Two types may share a group key: neither takes the other's place.
    profile = profile._replace(person=f"group:{fact.name}")
    is_whole = OPERATIONS.isdisjoint(properties)
    return updates(profile, change, fact.at, fact, deferred=is_whole)
