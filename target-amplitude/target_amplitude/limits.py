"""Properties within Amplitude's limits: what does not fit stays readable, and is counted.

Amplitude refuses properties deeper than 40 levels and keys at the top of another type than theirs,
and cuts texts at 1,024 characters without a word (Amplitude docs, "HTTP V2 API", "Limits").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from singer_delivery.mapping.records import put_aside
from singer_delivery.mapping.values import as_text
from singer_delivery.model import Note

from target_amplitude.amplitude import MAX_DEPTH, MAX_TEXT_CHARACTERS

LONG_TEXT = "values_over_1024_characters"
TOO_DEEP = "nested_over_40_deep"
LISTS_IN_LISTS = "lists_in_lists"

IN_PROPERTIES, IN_OPERATION = 2, 3
"""Levels of values: the properties are the first, an operation in them the second."""


def fit(
    properties: dict[str, Any], found: set[str], *, flattens: bool, level: int = IN_PROPERTIES
) -> None:
    """Bring properties within the limits, in place: what nests too deep becomes JSON text.

    Args:
        properties: of an event, a person or a group.
        found: what happened is added.
        flattens: whether a list in a list becomes JSON text, too: charts read none.
        level: of the values.
    """
    for key, value in properties.items():
        kind = type(value)
        if kind is str:
            if len(value) > MAX_TEXT_CHARACTERS:
                found.add(LONG_TEXT)
        elif kind is dict or kind is list:
            properties[key] = _fitted(value, level, found, flattens, in_list=False)


def _fitted(value: Any, level: int, found: set[str], flattens: bool, *, in_list: bool) -> Any:  # noqa: FBT001
    if isinstance(value, str):
        if len(value) > MAX_TEXT_CHARACTERS:
            found.add(LONG_TEXT)
        return value
    if not isinstance(value, (dict, list)):
        return value
    if level > MAX_DEPTH or (flattens and in_list and isinstance(value, list)):
        found.add(TOO_DEEP if level > MAX_DEPTH else LISTS_IN_LISTS)
        return as_text(value)
    if isinstance(value, list):
        return [_fitted(item, level + 1, found, flattens, in_list=True) for item in value]
    return {
        key: _fitted(item, level + 1, found, flattens, in_list=False) for key, item in value.items()
    }


def typed(top: dict[str, Any], properties: dict[str, Any], found: set[str], prefix: str) -> None:
    """Give the keys at the top of an event the types that Amplitude takes, in place.

    What cannot have its type becomes a property of the event, behind the prefix.

    Args:
        top: the keys.
        properties: of the event.
        found: what happened is added.
        prefix: before the names of such properties.
    """
    for key, value in tuple(top.items()):
        if type(value) is str and key not in _KINDS:
            if len(value) > MAX_TEXT_CHARACTERS:
                found.add(LONG_TEXT)
            continue
        convert: Callable[[Any], Any] = _KINDS.get(key, as_text)
        made = convert(value)
        if made is None:
            del top[key]
            put_aside(properties, key, value, prefix)
        elif made is not value:
            top[key] = made


def whole(value: Any) -> int | None:
    """Return a whole number, also one that came as a float; None for anything else."""
    if type(value) is int:
        return value if -(2**63) <= value < 2**63 else None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return None


def number(value: Any) -> int | float | None:
    """Return a finite number; None for anything else."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and abs(value) < 2**63 else None


def currency(value: Any) -> str | None:
    """Return three capitals; None for anything else."""
    is_code = isinstance(value, str) and len(value) == 3 and value.isascii()
    return value if is_code and value.isalpha() and value.isupper() else None


def _object(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None


_KINDS: dict[str, Callable[[Any], Any]] = {
    "session_id": whole,
    "quantity": whole,
    "price": number,
    "revenue": number,
    "location_lat": number,
    "location_lng": number,
    "currency": currency,
    "plan": _object,
}
"""Keys at the top that are no texts."""


def notes_of(found: set[str]) -> list[Note]:
    """Return what happened, each thing once."""
    return [Note(name) for name in sorted(found)]
