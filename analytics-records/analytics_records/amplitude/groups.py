"""Groups as records name them: the groups an event happened in, and what is known about a group.

Source: Amplitude docs, Export API and Group Identify API.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import orjson
from singer_delivery.mapping.memory import Memory, compact
from singer_delivery.mapping.observation import NO_GROUPS, Groups, Keys, Snapshot
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import as_text, digest

from analytics_records.amplitude.operations import OPERATIONS

Properties = dict[tuple[str, str], dict[str, Any]]
"""To each group, named by its type and key, what is known about it."""

_SEPARATOR = "\x1f"


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
    """An update for each group, `{type: {key: {…}}}`, when newer than what was last sent.

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


def groups_in(record: Mapping[str, Any], *, is_call: bool) -> Groups:
    """Return the groups a record names, and what it says of groups.

    Args:
        record: read already.
        is_call: whether it is a `$groupidentify` record, which also speaks of groups it only names.
    """
    groups, properties = record.get("groups"), record.get("group_properties")
    if not groups and not properties:
        return NO_GROUPS
    content = orjson.dumps((groups, properties, is_call))
    return _read.get(content) or _read.keep(
        content, groups_of(groups, properties, compact(content), is_call=is_call)
    )


_read: Memory[Groups] = Memory(1024)  # about 3 MB


def groups_of(groups: Any, properties: Any, content: bytes, *, is_call: bool) -> Groups:
    """Return what the columns `groups` and `group_properties` say.

    Args:
        groups: the column.
        properties: the other column.
        content: what they were read from.
        is_call: whether they are of a `$groupidentify` record.
    """
    keys = keys_by_type(groups)
    by_group = properties_by_group(properties, keys)
    if is_call:
        by_group = {(t, key): {} for t, of in keys.items() for key in of} | by_group
    types = dict.fromkeys([*keys, *(group_type for group_type, _ in by_group)])
    return Groups(content, keys, tuple(_snapshots(by_group)), tuple(types))


def _snapshots(by_group: Properties) -> Iterable[Snapshot]:
    for group, properties in by_group.items():
        is_partial = not OPERATIONS.isdisjoint(properties)
        yield Snapshot(
            group, properties, _SEPARATOR.join(group), digest(properties), is_partial=is_partial
        )


def groups_beside(column: Any, linked: Collection[str]) -> dict[str, Any]:
    """Return the column `group_properties` without operations and types that are linked."""
    if not isinstance(column, dict):
        return {}
    return {t: of for t, of in column.items() if t not in linked and t not in OPERATIONS}
