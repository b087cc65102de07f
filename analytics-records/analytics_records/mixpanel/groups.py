"""The groups that a row's properties name. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from singer_delivery.mapping.json_lines import exact
from singer_delivery.mapping.observation import NO_GROUPS, Groups
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import as_text


def groups_of(said: bytes, types: Sequence[str]) -> Groups:
    """Return the groups that the values of group keys name, of these types in their order.

    One is a text or a number, or a list of them (Mixpanel docs, Group Analytics).
    """
    keys: dict[str, list[str]] = {}
    for group_type, value in zip(types, orjson.loads(exact(b"[%b]" % said)), strict=True):
        for one in value if isinstance(value, list) else [value]:
            key = _group_id(one)
            if key is not None and key not in keys.setdefault(group_type, []):
                keys[group_type].append(key)
    found = {group_type: of for group_type, of in keys.items() if of}
    return Groups(said, found, (), tuple(found)) if found else NO_GROUPS


def _group_id(value: Any) -> str | None:
    """Return the id of a group as text; None for what names none."""
    if is_absent(value) or isinstance(value, (dict, list)):
        return None
    return value.strip() or None if isinstance(value, str) else as_text(value)
