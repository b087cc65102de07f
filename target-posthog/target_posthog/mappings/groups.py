"""Groups: which types PostHog links, and the updates of what is known about a group.

A PostHog project has five group types (PostHog docs, Group analytics). The first five met are
linked, or those the setting `group_types` names; the others stay readable as properties.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics_records.amplitude.groups import Groups, Snapshot, groups_of, newer_group
from analytics_records.amplitude.operations import OPERATIONS, changes
from analytics_records.amplitude.reading import Reading
from singer_delivery.mapping.memory import Memory
from singer_delivery.mapping.values import Moment, stable_uuid
from singer_delivery.model import Event, Fact, Known, Note

from target_posthog.mappings.posthog import GROUP_IDENTIFY, fitted_id, make_event
from target_posthog.mappings.settings import MAX_GROUP_TYPES

NOT_LISTED = "group_type_not_listed"
BEYOND_FIVE = "group_type_beyond_five"


@dataclass(slots=True)
class Linked:
    """Which of some group types PostHog links.

    Attributes:
        types: those it links.
        claims: facts that make it so: they must be on disk before an event of the type is sent.
        notes: what the report counts: the types that are not linked.
    """

    types: Collection[str]
    claims: tuple[Fact, ...] = ()
    notes: tuple[Note, ...] = ()


def link_types(
    types: Collection[str], chosen: tuple[str, ...] | None, known: Known, at: int
) -> Linked:
    """Decide which group types are linked: the chosen ones, else the first five ever met.

    Each type that is linked is remembered with its number, and how many there are beside it.
    """
    if chosen is None:
        return _first_five(types, known, at)
    not_listed = tuple(Note(NOT_LISTED, t) for t in types if t not in chosen)
    return Linked([t for t in types if t in chosen], notes=not_listed)


def _first_five(types: Collection[str], known: Known, at: int) -> Linked:
    new = [t for t in types if known.recall("group_type", t) is None]
    if not new:
        return Linked(types)
    met = known.recall("group_types", "count")
    count = int(met.value) if met is not None else 0
    linked, beyond = new[: MAX_GROUP_TYPES - count], new[MAX_GROUP_TYPES - count :]
    claims = [Fact("group_type", t, str(number), at) for number, t in enumerate(linked, count)]
    if claims:
        claims.append(Fact("group_types", "count", str(count + len(linked)), at))
    notes = tuple(Note(BEYOND_FIVE, t) for t in beyond)
    return Linked([t for t in types if t not in beyond], tuple(claims), notes)


@dataclass(slots=True)
class Told:
    """What one record says of groups.

    Attributes:
        claims: facts that link group types, for the first event that is sent.
        updates: a `$groupidentify` for each group that changed.
        properties: of the event itself: the groups it happened in, and what had no other place.
        reason_for_none: why there are no updates, for a record that is about nothing else.
    """

    claims: tuple[Fact, ...]
    updates: Sequence[Event]
    properties: Mapping[str, Any]
    reason_for_none: str


NOTHING_TOLD = Told((), (), {}, "nothing to set")


def tell(reading: Reading, chosen: tuple[str, ...] | None, base: Mapping[str, Any]) -> Told:
    """Read a record's groups: what is linked, what is updated, what is only kept."""
    groups = groups_of(reading)
    if not groups.types:
        return NOTHING_TOLD
    linked = link_types(groups.types, chosen, reading.known, reading.moment.at)
    reading.notes.extend(linked.notes)
    updates = _updates(groups, reading, linked, base)
    properties = _properties(groups, reading.record.get("group_properties"), linked)
    reason_for_none = "superseded" if linked.types else linked.notes[0].name
    return Told(linked.claims, updates, properties, reason_for_none)


def _updates(
    groups: Groups, reading: Reading, linked: Linked, base: Mapping[str, Any]
) -> list[Event]:
    updates = []
    for snapshot in groups.snapshots:
        if snapshot.group[0] in linked.types:
            fact = newer_group(reading, snapshot)
            if fact is not None:
                updates.append(_update(snapshot, fact, reading, base))
    return updates


def _properties(groups: Groups, column: Any, linked: Linked) -> dict[str, Any]:
    if linked.types is not groups.types:
        return _properties_of(groups.keys, column, linked.types)
    content = groups.content
    found = _when_all_are_linked.get(content)
    if found is None:
        found = _properties_of(groups.keys, column, linked.types)
        _when_all_are_linked.keep(content, found)
    return found


_when_all_are_linked: Memory[dict[str, Any]] = Memory(1024)  # about 1 MB


def _properties_of(
    keys: Mapping[str, list[str]], column: Any, linked: Collection[str]
) -> dict[str, Any]:
    links = {t: of[0] for t, of in keys.items() if t in linked}
    properties: dict[str, Any] = {"$groups": links} if links else {}
    if isinstance(column, dict):
        kept = {t: of for t, of in column.items() if t not in linked and t not in OPERATIONS}
        if kept:
            properties["$amplitude_group_properties"] = kept
    return properties


def _update(snapshot: Snapshot, fact: Fact, reading: Reading, base: Mapping[str, Any]) -> Event:
    """Return the `$groupidentify` of a group.

    Its order is kept among the updates of the same group, whoever they came from: that is its lane.
    """
    return group_event(
        snapshot.group,
        group_set(snapshot.properties, reading.notes),
        uuid=stable_uuid("group", *snapshot.group, fact.value),
        moment=reading.moment,
        base=base,
        facts=(fact,),
    )


def group_set(properties: Mapping[str, Any], notes: list[Note]) -> dict[str, Any]:
    """Return what is set on a group; what PostHog cannot do to groups is counted."""
    read = changes(properties, notes)
    for operation, of in (("$setOnce", read.set_once), ("$unset", read.unset)):
        if of:
            notes.append(Note("operations_without_counterpart", operation))
    return read.set


def group_event(
    group: tuple[str, str],
    properties: Mapping[str, Any],
    *,
    uuid: str,
    moment: Moment | None,
    base: Mapping[str, Any],
    facts: tuple[Fact, ...],
) -> Event:
    """Return a `$groupidentify`, under the id `$<type>_<key>` that PostHog's libraries use."""
    group_type, key = group
    return make_event(
        "group",
        GROUP_IDENTIFY,
        person=f"group:{group_type}:{key}",
        distinct_id=fitted_id(f"${group_type}_{key}"),
        uuid=uuid,
        when=moment,
        properties={
            **base,
            "$group_type": group_type,
            "$group_key": key,
            "$group_set": properties,
        },
        facts=facts,
    )
