"""Groups as records name them: the groups an event happened in, and what is known about a group.

Source: Amplitude docs, Export API and Group Identify API.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from singer_delivery.mapping.memory import Memory, compact
from singer_delivery.mapping.news import news
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import as_text, digest
from singer_delivery.model import Fact

from analytics_records.amplitude.operations import OPERATIONS
from analytics_records.amplitude.reading import GROUP_IDENTIFY_RECORD, Reading

Keys = dict[str, list[str]]
"""To each group type the keys of its groups."""

Properties = dict[tuple[str, str], dict[str, Any]]
"""To each group, named by its type and key, what is known about it."""

_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known about a group.

    Attributes:
        group: its type and key.
        properties: what is known.
        name: of the fact that it was told.
        digest: of the properties.
    """

    group: tuple[str, str]
    properties: Mapping[str, Any]
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Groups:
    """What a record says of groups. Records share it: it must not be changed.

    Attributes:
        content: what it was read from.
        keys: the groups it names.
        snapshots: what it knows about groups.
        types: of both, in their order.
    """

    content: bytes
    keys: Keys
    snapshots: tuple[Snapshot, ...]
    types: tuple[str, ...]


NO_GROUPS = Groups(b"", {}, (), ())


def keys_by_type(groups: Any) -> Keys:
    """To each group type its keys, as text; the event is linked to the first."""
    if not isinstance(groups, dict):
        return {}
    read = {
        group_type: [as_text(key) for key in _as_list(keys) if not is_absent(key)]
        for group_type, keys in groups.items()
        if group_type
    }
    return {group_type: keys for group_type, keys in read.items() if keys}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def properties_by_group(group_properties: Any, groups: Mapping[str, list[str]]) -> Properties:
    """An update for each group, `{type: {key: {…}}}`, when newer than what was last told.

    In the shape of a Group Identify call, `{"$set": {…}}`, it speaks of every group of the record.
    """
    if not isinstance(group_properties, dict):
        return {}
    if group_properties and group_properties.keys() <= OPERATIONS:
        return {(t, key): group_properties for t, keys in groups.items() for key in keys}
    return {
        (group_type, key): properties
        for group_type, by_key in group_properties.items()
        if group_type and isinstance(by_key, dict)
        for key, properties in by_key.items()
        if key and isinstance(properties, dict)
    }


def groups_of(reading: Reading) -> Groups:
    """Return the groups a record names, and what it says of groups.

    A `$groupidentify` record also speaks of groups it only names.
    """
    groups, properties = reading.record.get("groups"), reading.record.get("group_properties")
    if not groups and not properties:
        return NO_GROUPS
    content = orjson.dumps((groups, properties, reading.name == GROUP_IDENTIFY_RECORD))
    return _read.get(content) or _read.keep(content, _groups_of(reading, content))


_read: Memory[Groups] = Memory(1024)  # about 3 MB


def _groups_of(reading: Reading, content: bytes) -> Groups:
    keys = keys_by_type(reading.record.get("groups"))
    by_group = properties_by_group(reading.record.get("group_properties"), keys)
    if reading.name == GROUP_IDENTIFY_RECORD:
        by_group = {(t, key): {} for t, of in keys.items() for key in of} | by_group
    types = dict.fromkeys([*keys, *(group_type for group_type, _ in by_group)])
    return Groups(compact(content), keys, tuple(_snapshots(by_group)), tuple(types))


def _snapshots(by_group: Properties) -> Iterable[Snapshot]:
    for group, properties in by_group.items():
        yield Snapshot(group, properties, _SEPARATOR.join(group), digest(properties))


def newer_group(reading: Reading, snapshot: Snapshot) -> Fact | None:
    """Return the fact to remember if what is known about a group is news, else None."""
    at, renewed = reading.moment.at, reading.renewed
    return news(reading.known, "group", snapshot.name, snapshot.digest, at, renewed)
