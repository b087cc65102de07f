"""What holds for every record, whatever its source: which names it keeps."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


def is_of_singer(column: str) -> bool:
    """Tell whether a column was added on the way, by the Singer SDK or by our dead letters."""
    return column == "_dead_letter" or column.startswith("_sdc_")


def put_aside(properties: dict[str, Any], key: str, value: Any, prefix: str) -> None:
    """Keep a value whose key is taken or guarded, under the prefix and the key without `$`."""
    aside = prefix + key.lstrip("$")
    while aside in properties:
        aside = prefix + aside
    properties[aside] = value


def harmless_name(
    name: str, meaningful: Collection[str], prefixes: tuple[str, ...], prefix: str
) -> str:
    """Return an event name that triggers nothing: itself, or without `$` behind the prefix.

    Args:
        name: of the event.
        meaningful: names that a destination gives a meaning; they begin with `$`.
        prefixes: beginnings of such names.
        prefix: what such a name gets instead of its `$`.
    """
    if name[:1] != "$":
        return name
    if name in meaningful or name.startswith(prefixes):
        return prefix + name.lstrip("$")
    return name
