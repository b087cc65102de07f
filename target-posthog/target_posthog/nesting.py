"""Properties in shapes that PostHog's storage of events holds; what it does not becomes JSON text.

Source: PostHog's public code, clickhouse-udfs, json_clean_posthog_event_properties (@2ac0bb6b), and
the JSON columns it writes to. The properties of an event in which lists nest deeper than eight
levels, objects between them or not, are kept as one text under `$unparseable_properties`: no filter
finds the event. The keys of an object are stored as paths, so of `{"a.b": 1, "a": {"b": 2}}` only
the value that comes first is kept. Both hold for the properties of people as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from singer_delivery.mapping.compiled import Fit
from singer_delivery.mapping.values import as_text
from singer_delivery.model import Event, Note

from target_posthog.posthog import MAX_LISTS

TOO_DEEP = "nested_over_8_lists"
COLLIDING = "colliding_keys"

_NESTS = frozenset({dict, list})


def fit(events: Iterable[Event]) -> list[Note]:
    """Bring the properties of events within what is stored; return what happened to each event."""
    notes: list[Note] = []
    for event in events:
        properties = event.body["properties"]
        if not _is_stored(properties, 0):
            found: set[str] = set()
            event.body["properties"] = _fitted(properties, 0, found)
            notes += map(Note, sorted(found))
    return notes


def are_stored(values: Iterable[Any]) -> bool:
    """Tell whether `fit` surely leaves each of these values alone, where no key has a dot."""
    for value in values:
        kind = type(value)  # a third faster than to look it up in a set of the two
        if (kind is dict or kind is list) and not _is_stored(value, 0):
            return False
    return True


def have_no_paths(keys: Iterable[str]) -> bool:
    """Tell whether no key has a dot: one that has may be the path of a value in an object."""
    return "." not in "".join(keys)


STORED = Fit(are_stored, have_no_paths)


def _is_stored(value: Any, lists: int) -> bool:
    """Tell the same of an object or a list in this many lists."""
    items = value
    if type(value) is list:
        lists += 1
        if lists > MAX_LISTS:
            return False
    elif have_no_paths(value):
        items = value.values()
    else:
        return _NESTS.isdisjoint(map(type, value.values()))
    for item in items:
        kind = type(item)
        if (kind is dict or kind is list) and not _is_stored(item, lists):
            return False
    return True


def _fitted(value: Any, lists: int, found: set[str]) -> Any:
    """Return the same, with JSON text in the place of what does not fit."""
    if type(value) is list:
        if lists == MAX_LISTS:
            found.add(TOO_DEEP)
            return as_text(value)
        return [_fitted(item, lists + 1, found) for item in value]
    if type(value) is not dict:
        return value
    colliding = _colliding(value)
    if colliding:
        found.add(COLLIDING)
    return {
        key: as_text(item) if key in colliding else _fitted(item, lists, found)
        for key, item in value.items()
    }


def _colliding(properties: Mapping[str, Any]) -> set[str]:
    """Return the keys of objects of which a value has a path that another property has too."""
    if not any("." in key for key in properties):
        return set()
    paths = {key: set(_paths({key: value})) for key, value in properties.items()}
    owners = Counter(path for of in paths.values() for path in of)
    shared = {path for path, count in owners.items() if count > 1}
    return {key for key, of in paths.items() if type(properties[key]) is dict and shared & of}


def _paths(value: Mapping[str, Any]) -> Iterator[str]:
    """Yield the path of every value in an object that is no object itself."""
    for key, item in value.items():
        if type(item) is dict and item:
            yield from (f"{key}.{path}" for path in _paths(item))
        else:
            yield key
