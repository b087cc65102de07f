"""Groups: which types PostHog links, and the updates of what is known about a group.

A PostHog project has five group types (PostHog docs, Group analytics). The first five met are
linked, or those the setting `group_types` names; the others stay readable as properties.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from singer_delivery.conversions import Moment, stable_uuid
from singer_delivery.events import Event, Fact, Known, Note
from singer_delivery.sources.amplitude.groups import Properties, newer_group, told_of_groups
from singer_delivery.sources.amplitude.operations import OPERATIONS, changes
from singer_delivery.sources.amplitude.reading import Reading

from target_posthog.mappings.posthog import GROUP_IDENTIFY, fitted_id, make_event
from target_posthog.mappings.settings import MAX_GROUP_TYPES

NOT_LISTED = "group_type_not_listed"
BEYOND_FIVE = "group_type_beyond_five"


@dataclass
class Linked:
    """Which of some group types PostHog links.

    Attributes:
        types: those it links.
        claims: facts that make it so: they must be on disk before an event of the type is sent.
        notes: what the report counts: the types that are not linked.
    """

    types: set[str] = field(default_factory=set)
    claims: tuple[Fact, ...] = ()
    notes: list[Note] = field(default_factory=list)


def link_types(
    types: Collection[str], chosen: tuple[str, ...] | None, known: Known, at: int
) -> Linked:
    """Decide which group types are linked: the chosen ones, else the first five ever met.

    Each type that is linked is remembered with its number, and how many there are beside it.
    """
    if chosen is not None:
        listed = Linked({t for t in types if t in chosen})
        listed.notes = [Note(NOT_LISTED, t) for t in types if t not in chosen]
        return listed
    return _first_five(types, known, at)


def _first_five(types: Collection[str], known: Known, at: int) -> Linked:
    linked, claims, count = Linked(), [], None
    for group_type in types:
        if known.recall("group_type", group_type) is None:
            if count is None:
                met = known.recall("group_types", "count")
                count = int(met.value) if met is not None else 0
            if count == MAX_GROUP_TYPES:
                linked.notes.append(Note(BEYOND_FIVE, group_type))
                continue
            claims.append(Fact("group_type", group_type, str(count), at))
            count += 1
        linked.types.add(group_type)
    if claims:
        linked.claims = (*claims, Fact("group_types", "count", str(count), at))
    return linked


@dataclass
class Told:
    """What one record says of groups.

    Attributes:
        linked: which of its group types PostHog links.
        updates: a `$groupidentify` for each group that changed.
        properties: of the event itself: the groups it happened in, and what had no other place.
        reason_for_none: why there are no updates, for a record that is about nothing else.
    """

    linked: Linked = field(default_factory=Linked)
    updates: list[Event] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)
    reason_for_none: str = "nothing to set"


def tell(reading: Reading, chosen: tuple[str, ...] | None, base: Mapping[str, Any]) -> Told:
    """Read a record's groups: what is linked, what is updated, what is only kept."""
    told = Told()
    keys, by_group = told_of_groups(reading)
    if not keys and not by_group:
        return told
    types = dict.fromkeys([*keys, *(t for t, _ in by_group)])
    told.linked = link_types(types, chosen, reading.known, reading.moment.at)
    reading.notes.extend(told.linked.notes)
    told.updates = _updates(by_group, reading, told.linked, base)
    if not told.updates:
        told.reason_for_none = "superseded" if told.linked.types else told.linked.notes[0].name
    told.properties = _properties(keys, reading.record.get("group_properties"), told.linked)
    return told


def _updates(
    by_group: Properties, reading: Reading, linked: Linked, base: Mapping[str, Any]
) -> list[Event]:
    updates = (
        group_update(group, properties, reading, base)
        for group, properties in by_group.items()
        if group[0] in linked.types
    )
    return [update for update in updates if update is not None]


def _properties(keys: Mapping[str, list[str]], column: Any, linked: Linked) -> dict[str, Any]:
    links = {t: of[0] for t, of in keys.items() if t in linked.types}
    properties: dict[str, Any] = {"$groups": links} if links else {}
    if isinstance(column, dict):
        kept = {t: of for t, of in column.items() if t not in linked.types and t not in OPERATIONS}
        if kept:
            properties["$amplitude_group_properties"] = kept
    return properties


def group_update(
    group: tuple[str, str],
    properties: Mapping[str, Any],
    reading: Reading,
    base: Mapping[str, Any],
) -> Event | None:
    """Return the `$groupidentify` of a group, or None when what is known of it is not older.

    Its order is kept among the updates of the same group, whoever they came from: that is its lane.
    """
    fact = newer_group(reading, group, properties)
    if fact is None:
        return None
    return group_event(
        group,
        group_set(properties, reading.notes),
        uuid=stable_uuid("group", *group, fact.value),
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
        at=moment.at if moment is not None else None,
        timestamp=moment.text if moment is not None else None,
        properties={
            **base,
            "$group_type": group_type,
            "$group_key": key,
            "$group_set": properties,
        },
        facts=facts,
    )
