"""Properties within Mixpanel's limits: what does not fit stays readable, and is counted.

Mixpanel refuses an event with 255 properties, with longer lists or with deeper objects, and cuts
texts without a word (Mixpanel docs, Import Events; Supported data types).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice
from typing import Any

from singer_delivery.mapping.records import put_aside
from singer_delivery.mapping.values import as_text
from singer_delivery.model import Note

from target_mixpanel.mixpanel import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_PROPERTIES,
    MAX_TEXT_BYTES,
)

LONG_TEXT = "values_over_255_bytes"
LONG_LIST = "over_254_elements"
TOO_DEEP = "nested_over_3_deep"
TOO_MANY = "over_254_properties"

_SURELY_FITS = MAX_TEXT_BYTES // 4
"""Characters of a text, of at most four bytes each."""


def fit(
    properties: dict[str, Any],
    notes: list[Note],
    keep: Collection[str],
    rather_keep: Collection[str],
    prefix: str,
) -> None:
    """Bring the properties of an event within the limits, in place.

    Lists and objects keep their first 254 elements; what nests deeper than three levels becomes
    JSON text; texts stay complete, for Mixpanel to cut. Of too many properties the last ones move
    into objects of their own: `overflow`, `overflow_2` …, behind the prefix.

    Args:
        properties: of the event.
        notes: what happened is added, each thing once.
        keep: names that stay where they are.
        rather_keep: names that move last.
        prefix: before the names of those objects.
    """
    found = fit_values(properties)
    if len(properties) > MAX_PROPERTIES:
        found.add(TOO_MANY)
        _move(properties, keep, rather_keep, found, prefix)
    notes.extend(Note(name) for name in sorted(found))


def fit_as_they_are(values: Iterable[Any]) -> bool:
    """Tell whether `fit_values` would neither change any of these values nor say anything."""
    for value in values:
        kind = type(value)
        if kind is str:
            if len(value) > _SURELY_FITS and len(value.encode()) > MAX_TEXT_BYTES:
                return False
        elif kind is dict or kind is list:
            found: set[str] = set()
            _fitted(value, 1, found, MAX_ELEMENTS)
            if found:
                return False
    return True


def fit_values(properties: dict[str, Any], longest_list: int | None = MAX_ELEMENTS) -> set[str]:
    """Bring each value within the limits, in place; return what happened.

    Args:
        properties: of an event, a person or a group.
        longest_list: elements that a list may have; None for any number.
    """
    found: set[str] = set()
    for key, value in properties.items():
        kind = type(value)
        if kind is str:
            if len(value) > _SURELY_FITS:
                _measure(value, found)
        elif kind is dict or kind is list:
            properties[key] = _fitted(value, 1, found, longest_list)
    return found


def _fitted(value: Any, depth: int, found: set[str], longest_list: int | None) -> Any:
    if isinstance(value, str):
        return _measure(value, found)
    if not isinstance(value, (dict, list)):
        return value
    if depth > MAX_DEPTH:
        found.add(TOO_DEEP)
        return _measure(as_text(value), found)
    longest = longest_list if isinstance(value, list) else MAX_ELEMENTS
    if longest is not None and len(value) > longest:
        found.add(LONG_LIST)
    if isinstance(value, list):
        return [_fitted(item, depth + 1, found, longest_list) for item in value[:longest]]
    items = islice(value.items(), longest)
    return {key: _fitted(item, depth + 1, found, longest_list) for key, item in items}


def _measure(text: str, found: set[str]) -> str:
    if len(text) > _SURELY_FITS and len(text.encode()) > MAX_TEXT_BYTES:
        found.add(LONG_TEXT)
    return text


def _move(
    properties: dict[str, Any],
    keep: Collection[str],
    rather_keep: Collection[str],
    found: set[str],
    prefix: str,
) -> None:
    """Move the last properties into as few objects as hold them."""
    objects = 1
    while len(properties) - (MAX_PROPERTIES - objects) > objects * MAX_ELEMENTS:
        objects += 1
    excess = len(properties) - (MAX_PROPERTIES - objects)
    movable = [name for name in properties if name not in keep]
    names = sorted(movable, key=lambda name: name not in rather_keep)[-excess:]
    for number in range(objects):
        chunk = names[number * MAX_ELEMENTS : (number + 1) * MAX_ELEMENTS]
        moved = {name: properties.pop(name) for name in chunk}
        name = "overflow" if number == 0 else f"overflow_{number + 1}"
        put_aside(properties, name, _fitted(moved, 1, found, None), prefix)
