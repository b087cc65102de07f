"""Groups as records name them: the groups an event happened in, and what is known about a group.

Source: Amplitude docs, Export API and Group Identify API.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson
from singer_delivery.mapping.memory import Memory, compact
from singer_delivery.mapping.observation import NO_GROUPS, Groups, Keys, Snapshot
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import digest, key_text

from analytics_records.amplitude.operations import OPERATIONS

Properties = dict[tuple[str, str], dict[str, Any]]
"""To each group, named by its type and key, what is known about it."""

_SEPARATOR = "\x1f"


def keys_by_type(groups: Any) -> Keys:
    """To each group type its keys, as text; the event is linked to the first."""
    if not isinstance(groups, dict):
        return {}
    read = {
        group_type: [key_text(key) for key in _as_list(keys) if not is_absent(key)]
        for group_type, keys in groups.items()
        if group_type
    }
    return {group_type: keys for group_type, keys in read.items() if keys}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def properties_by_group(group_properties: Any, groups: Mapping[str, list[str]]) -> Properties:
    """An update for each group, `{type: {key: {…}}}`, when newer than what was last sent.

    In the shape of a Group Identify call, `{"$set": {…}}`, it speaks of every group of the record;
    `{type: {…}}` without a key speaks of the group of that type, where there is one alone.
    """
    if not isinstance(group_properties, dict):
        return {}
    if _are_operations(group_properties):
        return {(t, key): group_properties for t, keys in groups.items() for key in keys}
    found: Properties = {}
    for group_type, by_key in group_properties.items():
        found.update(_of_type(group_type, by_key, groups.get(group_type, ())))
    return found


def properties_of_none(group_properties: Any, groups: Any) -> Any:
    """As it is, where it is no object or fits no group."""
    if not group_properties:
        return None
    if not isinstance(group_properties, dict):
        return group_properties
    beside = _beside(group_properties, keys_by_type(groups))
    return {group_type: group_properties[group_type] for group_type in beside} or None


def _are_operations(properties: Mapping[str, Any]) -> bool:
    return bool(properties) and properties.keys() <= OPERATIONS


def _of_type(group_type: str, by_key: Any, keys: Sequence[str]) -> Properties:
    """Return what a part of the column says of the groups of a type; nothing if it fits none."""
    if not group_type or not isinstance(by_key, dict):
        return {}
    has_keys = not _are_operations(by_key) and all(isinstance(of, dict) for of in by_key.values())
    if has_keys:
        return {(group_type, key): of for key, of in by_key.items() if key}
    return {(group_type, keys[0]): by_key} if len(keys) == 1 else {}


def _beside(column: Any, keys: Keys) -> tuple[str, ...]:
    """Return the types under which a column says what fits no group."""
    if not isinstance(column, dict) or _are_operations(column):
        return ()
    return tuple(
        t for t, by_key in column.items() if by_key and not _of_type(t, by_key, keys.get(t, ()))
    )


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
    beside = _beside(properties, keys)
    return Groups(content, keys, tuple(_snapshots(by_group)), tuple(types), beside)


def _snapshots(by_group: Properties) -> Iterable[Snapshot]:
    for group, properties in by_group.items():
        is_partial = not OPERATIONS.isdisjoint(properties)
        yield Snapshot(
            group, properties, _SEPARATOR.join(group), digest(properties), is_partial=is_partial
        )


def groups_beside(column: Any, groups: Groups, linked: Collection[str]) -> dict[str, Any]:
    """Return what the column `group_properties` says beside the groups that are linked.

    Args:
        column: of the record.
        groups: of the record.
        linked: the types whose groups are linked.
    """
    if not isinstance(column, dict):
        return {}
    apart = groups.beside
    left = {t: of for t, of in column.items() if t in apart or t not in linked}
    return {t: of for t, of in left.items() if t not in OPERATIONS}
