"""Groups: which types PostHog links, and the updates of a group. Knows no source.

A PostHog project has five group types (PostHog docs, Group analytics). The first five met are
linked, or those the setting `group_types` names; the others stay readable as properties.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.newer import Newer
from singer_delivery.mapping.observation import Observation, Snapshot
from singer_delivery.mapping.values import Moment, stable_uuid
from singer_delivery.model import Effects, Event, Fact, Facts, Note

from target_posthog.people import PostHogDecision
from target_posthog.posthog import GROUP_IDENTIFY, fitted_id, make_event
from target_posthog.settings import MAX_GROUP_TYPES

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
    types: Collection[str], chosen: tuple[str, ...] | None, facts: Facts, at: int
) -> Linked:
    """Decide which group types are linked: the chosen ones, else the first five ever met.

    Each type that is linked is remembered with its number, and how many there are beside it.
    """
    if chosen is None:
        return _first_five(types, facts, at)
    not_listed = tuple(Note(NOT_LISTED, t) for t in types if t not in chosen)
    return Linked([t for t in types if t in chosen], notes=not_listed)


def _first_five(types: Collection[str], facts: Facts, at: int) -> Linked:
    new = [t for t in types if facts.recall("group_type", t) is None]
    if not new:
        return Linked(types)
    met = facts.recall("group_types", "count")
    count = int(met.value) if met is not None else 0
    linked, beyond = new[: MAX_GROUP_TYPES - count], new[MAX_GROUP_TYPES - count :]
    claims = [Fact("group_type", t, str(number), at) for number, t in enumerate(linked, count)]
    if claims:
        claims.append(Fact("group_types", "count", str(count + len(linked)), at))
    notes = tuple(Note(BEYOND_FIVE, t) for t in beyond)
    return Linked([t for t in types if t not in beyond], tuple(claims), notes)


def decide(
    it: PostHogDecision,
    seen: Observation,
    chosen: tuple[str, ...] | None,
    newer: Newer,
    facts: Facts,
    effects: Effects,
) -> Linked:
    """Decide which types of a record's groups are linked, and which groups are updated.

    Its claims are left to the caller: they hold where something is sent that relies on them.
    """
    linked = link_types(seen.groups.types, chosen, facts, it.at)
    effects.notes += linked.notes
    if linked.types is not seen.groups.types:
        it.linked = tuple(linked.types)
    updated: list[int] = []
    for number, snapshot in enumerate(seen.groups.snapshots):
        if snapshot.group[0] in linked.types:
            name, digest = snapshot.name, snapshot.digest
            fact = newer.fact(facts, "group", name, digest, seen, effects.renewed)
            if fact is not None:
                updated.append(number)
                effects.facts.append(fact)
    it.updated = tuple(updated)
    return linked


def reason_for_none(linked: Linked | None) -> str:
    """Return why no group is updated, for a record that is about nothing else."""
    if linked is None:
        return "nothing to set"
    return "superseded" if linked.types else linked.notes[0].name


def properties(
    keys: Mapping[str, list[str]], linked: Collection[str], beside: Mapping[str, Any], name: str
) -> dict[str, Any]:
    """Return what an event carries of its groups.

    Args:
        keys: to each group type the keys of its groups; the event is linked to the first.
        linked: the types that are linked.
        beside: what is known of groups of other types.
        name: the property that keeps it.
    """
    links = {t: of[0] for t, of in keys.items() if t in linked}
    made: dict[str, Any] = {"$groups": links} if links else {}
    if beside:
        made[name] = dict(beside)
    return made


def group_set(change: Changes, notes: list[Note]) -> dict[str, Any]:
    """Return what is set on a group; what PostHog cannot do to groups is counted."""
    for operation, of in (("$setOnce", change.set_once), ("$unset", change.unset)):
        if of:
            notes.append(Note("operations_without_counterpart", operation))
    return change.set


def update(
    snapshot: Snapshot, content: Mapping[str, Any], moment: Moment, base: Mapping[str, Any]
) -> Event:
    """Return the `$groupidentify` of a group that sets this content on it."""
    uuid = stable_uuid("group", *snapshot.group, snapshot.digest)
    return group_event(snapshot.group, content, uuid=uuid, moment=moment, base=base)


def order_of(group: tuple[str, str]) -> str:
    """Return whose order the updates of a group keep."""
    return f"group:{group[0]}:{group[1]}"


def group_event(
    group: tuple[str, str],
    content: Mapping[str, Any],
    *,
    uuid: str,
    moment: Moment | None,
    base: Mapping[str, Any],
) -> Event:
    """Return a `$groupidentify`, under the id `$<type>_<key>` that PostHog's libraries use.

    It keeps its order among the updates of the same group, whoever they came from.
    """
    group_type, key = group
    return make_event(
        "group",
        GROUP_IDENTIFY,
        distinct_id=fitted_id(f"${group_type}_{key}"),
        uuid=uuid,
        when=moment,
        properties={
            **base,
            "$group_type": group_type,
            "$group_key": key,
            "$group_set": content,
        },
        order=order_of(group),
    )
