"""What PostHog's ingestion makes of accepted events: persons, merges, groups. Pure.

Everything here happens in the order of ARRIVAL; timestamps play no part. Sources: PostHog
repository, `nodejs` / `plugin-server`, worker/ingestion/persons (person-merge-service.ts,
person-update.ts), group-type-manager.ts; PostHog docs, "Person properties", "Group analytics".

Not played: the copies ingestion makes of some event properties (`$browser`, `utm_source` ...) onto
the person. `Person.properties` holds what `$set`, `$set_once` and `$unset` asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP_TYPES_LIMIT = 5
"""Group types a project can have; PostHog docs, "Group analytics"."""

ALREADY_IDENTIFIED = "cannot_merge_already_identified"
ILLEGAL_ID = "cannot_merge_with_illegal_distinct_id"

MERGES = {
    "$identify": "$anon_distinct_id",
    "$create_alias": "alias",
    "$merge_dangerously": "alias",
}
"""Event -> the property that names the person to be merged into that of `distinct_id`."""

# fmt: off
_ANY_CASE = frozenset((
    "anonymous", "guest", "distinctid", "distinct_id", "id", "not_authenticated", "email",
    "undefined", "true", "false",
))
# fmt: on
_EXACT = frozenset(("[object Object]", "NaN", "None", "none", "null", "0", "undefined"))


@dataclass(eq=False)
class Person:
    """A person profile; two are the same only if they are the same object."""

    distinct_ids: set[str]
    properties: dict[str, Any] = field(default_factory=dict)
    identified: bool = False


@dataclass(frozen=True)
class RefusedMerge:
    """A merge that was asked for and not made."""

    uuid: str
    event: str
    into: str
    other: str
    reason: str


class People:
    """Persons and groups, built by applying events one after the other."""

    def __init__(self) -> None:
        self.by_id: dict[str, Person] = {}
        self.refused_merges: list[RefusedMerge] = []
        self.group_types: list[str] = []
        self.groups: dict[tuple[str, str], dict[str, Any]] = {}

    def persons(self) -> list[Person]:
        """Each profile once, in order of creation of its oldest id."""
        return list(dict.fromkeys(self.by_id.values()))

    def apply(self, uuid: str, event: str, distinct_id: str, properties: Mapping[str, Any]) -> None:
        """Process one accepted event; delivered twice, it is processed twice."""
        if properties.get("$process_person_profile") is False:
            return  # neither profile nor groups
        self._meet_groups(event, properties)
        merging = self._merge(uuid, event, distinct_id, properties)
        person = self.by_id.get(distinct_id) or self._create(distinct_id)
        person.identified = person.identified or merging
        _update(person.properties, properties)

    def _create(self, *distinct_ids: str) -> Person:
        person = Person(set(distinct_ids))
        self.by_id.update(dict.fromkeys(distinct_ids, person))
        return person

    def _merge(self, uuid: str, event: str, into: str, properties: Mapping[str, Any]) -> bool:
        """Merge if the event asks for it. True: the person of `into` is identified from now on.

        That is so even after a refusal because of an identified other (person-merge-service.ts).
        """
        name = MERGES.get(event)
        if name is None or name not in properties or (name == "alias" and not properties[name]):
            return False
        other = _text(properties[name])
        if into == other:
            return False
        if is_illegal(into) or is_illegal(other):
            self.refused_merges.append(RefusedMerge(uuid, event, into, other, ILLEGAL_ID))
            return False
        if not self._join(into, other, force=event == "$merge_dangerously"):
            self.refused_merges.append(RefusedMerge(uuid, event, into, other, ALREADY_IDENTIFIED))
        return True

    def _join(self, into: str, other: str, *, force: bool) -> bool:
        """Make two ids one person; False if that is refused.

        An id nobody has yet joins the person of the other id, whoever that is: identified or not.
        """
        target, source = self.by_id.get(into), self.by_id.get(other)
        if target is None and source is None:
            self._create(into, other)
        elif target is None or source is None:
            self._add_id(into, other)
        elif target is not source:
            if source.identified and not force:
                return False
            target.properties = {**source.properties, **target.properties}
            target.distinct_ids |= source.distinct_ids
            self.by_id.update(dict.fromkeys(source.distinct_ids, target))
        return True

    def _add_id(self, *distinct_ids: str) -> None:
        """Let ids of which one has a person all belong to that person."""
        person = next(self.by_id[name] for name in distinct_ids if name in self.by_id)
        person.distinct_ids.update(distinct_ids)
        self.by_id.update(dict.fromkeys(distinct_ids, person))

    def _meet_groups(self, event: str, properties: Mapping[str, Any]) -> None:
        links = properties.get("$groups")
        for group_type in links if isinstance(links, dict) else ():
            self._has_room(group_type)
        if event == "$groupidentify" and properties.get("$group_type"):
            group_type = str(properties["$group_type"])
            if self._has_room(group_type) and "$group_key" in properties:
                key = (group_type, _text(properties["$group_key"]))
                self.groups.setdefault(key, {}).update(properties.get("$group_set") or {})

    def _has_room(self, group_type: str) -> bool:
        if group_type not in self.group_types and len(self.group_types) < GROUP_TYPES_LIMIT:
            self.group_types.append(group_type)
        return group_type in self.group_types


def is_illegal(distinct_id: str) -> bool:
    """Whether PostHog refuses to merge this id, bare or in quotation marks."""
    if not distinct_id.strip():
        return True
    quoted = len(distinct_id) > 1 and distinct_id[0] == distinct_id[-1] and distinct_id[0] in "'\""
    bare = distinct_id[1:-1] if quoted else distinct_id
    return bare.lower() in _ANY_CASE or bare in _EXACT


def _update(person: dict[str, Any], properties: Mapping[str, Any]) -> None:
    """Apply what an event says of its person: the last to arrive wins."""
    for key, value in _object(properties.get("$set_once")).items():
        person.setdefault(key, value)
    person.update(_object(properties.get("$set")))
    unset = properties.get("$unset")
    for key in unset if isinstance(unset, (list, dict)) else ():
        person.pop(key, None)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """A JSON value as an id."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
