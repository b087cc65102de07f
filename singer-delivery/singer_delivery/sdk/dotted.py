"""Names with dots in settings, which Meltano takes apart. Pure.

Meltano reads `rename_events: {checkout.completed: Done}` as a path, and gives a plugin
`{"rename_events": {"checkout": {"completed": "Done"}}}` (meltano/meltano#8818). Here such names are
put together again, in every setting whose keys are the user's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

FORMS = frozenset({"event", "person", "group", "lookup_table"})
"""One of these words is in each description of a stream."""

Nested = Mapping[str, Any]


def joined(config: Nested, schema: Nested) -> dict[str, Any]:
    """Return a config with the names in its settings as the user wrote them.

    Args:
        config: as Meltano gives it, or as it stands in a file; it stays as it is.
        schema: of the plugin's settings.
    """
    return {name: _joined_setting(name, of, schema) for name, of in config.items()}


def joined_texts(nested: Nested) -> dict[str, Any]:
    """Return a setting whose values are texts: every object in it is a part of a name."""
    return dict(_pairs(nested, lambda _: False))


def _joined_setting(name: str, value: Any, schema: Nested) -> Any:
    described = schema.get("properties", {}).get(name, {})
    is_free = described.get("additionalProperties", False) is not False
    if not isinstance(value, dict) or not is_free or name == "faker_config":
        return value
    if name == "streams":
        return dict(_pairs(value, _is_described))
    if name == "stream_maps":
        return _joined_maps(value)
    if name == "stream_map_config":  # expressions may walk in it: it has both
        return {**joined_texts(value), **value}
    return joined_texts(value)


def _joined_maps(nested: Nested) -> dict[str, Any]:
    """Return stream maps by the names of streams, with the names of columns in them."""
    maps: dict[str, Any] = {}
    for stream, of in _pairs(nested, lambda value: not _is_of_objects(value)):
        maps[stream] = joined_texts(of) if isinstance(of, dict) else of
    # {"a": {"b": null}} removes column b of stream a, or stream a.b: only one of them comes.
    removed = {
        f"{stream}.{column}": of[column]
        for stream, of in maps.items()
        if isinstance(of, dict)
        for column in of
        if of[column] in (None, "__NULL__") and not column.startswith("__")
    }
    return {**removed, **maps}


def _pairs(nested: Nested, is_value: Callable[[Nested], bool]) -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, dict) and value and not is_value(value):
            yield from ((f"{key}.{rest}", of) for rest, of in _pairs(value, is_value))
        else:
            yield key, value


def _is_of_objects(value: Nested) -> bool:
    return bool(value) and all(isinstance(each, dict) for each in value.values())


def _is_described(value: Nested) -> bool:
    """Tell whether an object describes a stream, and is no part of a name."""
    return not _is_part_of_name(value)


def _is_part_of_name(value: Nested) -> bool:
    return _is_of_objects(value) and all(
        _is_part_of_name(each) or not FORMS.isdisjoint(each) for each in value.values()
    )
