"""Objects of a row that came as JSON text, or as columns of their own. Pure.

Tables without a type for objects hold their JSON as text, and flattening (Singer SDK,
`flattening_enabled`) makes a column of each key, or JSON text where it goes no deeper.
Here each becomes the object again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from analytics_records.json_text import unpacked

Record = Mapping[str, Any]

KINDS: dict[str, type] = {
    "event_properties": dict,
    "user_properties": dict,
    "groups": dict,
    "group_properties": dict,
    "global_user_properties": dict,
    "plan": dict,
    "data": dict,
    "amplitude_attribution_ids": list,
}
"""The columns that hold objects, or lists, in the export."""

_ASKED = tuple(column for column in KINDS if column != "data")  # which travels nowhere
_columns = itemgetter(*_ASKED)
_FLATTENED = re.compile(rf"({'|'.join(KINDS)})(__|\.)(.+)", re.DOTALL | re.IGNORECASE)
"""A column that flattening made: the SDK joins keys by `__`, others by a dot."""


def with_objects(record: Record) -> Record:
    """Return the record itself if no such column holds a text, else a copy with what texts hold."""
    try:
        a, b, c, d, e, f, g = _columns(record)
    except KeyError:  # exports of old lack some
        return _unpacked(record)
    # Written out, and not by `type(a)`: every record passes, and a loop takes twice as long.
    if (
        a.__class__ is str or b.__class__ is str or c.__class__ is str or d.__class__ is str
        or e.__class__ is str or f.__class__ is str or g.__class__ is str
    ):  # fmt: skip
        return _unpacked(record)
    return record


def _unpacked(record: Record) -> Record:
    texts = [column for column in KINDS if type(record.get(column)) is str]
    changed = {column: unpacked(record[column], KINDS[column]) for column in texts}
    return {**record, **changed} if changed else record


def flattened_from(column: str) -> str | None:
    """Return the column of the export that flattening made this one of, or None."""
    match = _FLATTENED.fullmatch(column)
    return None if match is None else match[1].lower()


def nested(record: Record) -> Record:
    """Return the record with the columns that flattening made put back into their objects.

    A column without a value is a key that the row did not have: other rows made the column.
    """
    found = [(key, match) for key in record if (match := _FLATTENED.fullmatch(key))]
    if not found:
        return record
    changed = dict(record)
    for key, match in found:
        value = changed.pop(key)
        column, separator, rest = match.groups()
        if value is not None:
            _put(changed, [column.lower(), *rest.split(separator)], separator, _of_leaf(value))
    return changed


def _of_leaf(value: Any) -> Any:
    """Return a flattened value: below its greatest depth flattening writes JSON text."""
    if type(value) is str and value[:1] in {"{", "["}:
        return unpacked(value, dict if value[0] == "{" else list)
    return value


def _put(into: dict[str, Any], path: list[str], separator: str, value: Any) -> None:
    """Put a value at a path of keys; where a key of it has a plain value, the rest is one key."""
    first, *rest = path
    if not rest:
        into[first] = value
        return
    inner = into.get(first)
    if inner is None:
        into[first] = inner = {}
    if isinstance(inner, dict):
        into[first] = inner = {**inner}  # the object of another record must not change
        _put(inner, rest, separator, value)
    else:
        into[separator.join(path)] = value
