"""What operations make of the properties of a person or a group. Pure.

Sources: Amplitude docs, "Identify API" (operations, and that a property that is missing counts as 0
or as an empty list); Amplitude-TypeScript, identify.ts (the order in which the server applies
them).

Not played: the sizes that lists can grow to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Properties = dict[str, Any]


def changed(table: Mapping[str, Any], said: Mapping[str, Any]) -> Properties:
    """Return the properties after these operations; keys that are none of them are set.

    Args:
        table: As it stands; it is left alone.
        said: `{operation: {name: value}}`, in any order.
    """
    plain = {name: value for name, value in said.items() if name not in OPERATIONS}
    held = dict(table)
    for operation, change in _CHANGES.items():
        if operation not in said:
            continue
        values = said[operation]
        if operation == "$clearAll":
            held = {}
        elif isinstance(values, dict):
            for name, value in values.items():
                change(held, name, value)
    return held | plain


def _clear(held: Properties, name: str, value: Any) -> None:
    held.clear()


def _unset(held: Properties, name: str, value: Any) -> None:
    held.pop(name, None)


def _set(held: Properties, name: str, value: Any) -> None:
    held[name] = value


def _set_once(held: Properties, name: str, value: Any) -> None:
    held.setdefault(name, value)


def _add(held: Properties, name: str, value: Any) -> None:
    if type(value) in (int, float) and type(held.get(name, 0)) in (int, float):
        held[name] = held.get(name, 0) + value


def _append(held: Properties, name: str, value: Any) -> None:
    held[name] = [*_list(held.get(name, [])), *_list(value)]


def _prepend(held: Properties, name: str, value: Any) -> None:
    held[name] = [*_list(value), *_list(held.get(name, []))]


def _pre_insert(held: Properties, name: str, value: Any) -> None:
    _prepend(held, name, _missing_in(held, name, value))


def _post_insert(held: Properties, name: str, value: Any) -> None:
    _append(held, name, _missing_in(held, name, value))


def _remove(held: Properties, name: str, value: Any) -> None:
    if name in held:
        held[name] = [item for item in _list(held[name]) if item not in _list(value)]


def _missing_in(held: Properties, name: str, value: Any) -> list[Any]:
    present = _list(held.get(name, []))
    return [item for item in _list(value) if item not in present]


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


_CHANGES: dict[str, Callable[[Properties, str, Any], None]] = {
    "$clearAll": _clear,
    "$unset": _unset,
    "$set": _set,
    "$setOnce": _set_once,
    "$add": _add,
    "$append": _append,
    "$prepend": _prepend,
    "$preInsert": _pre_insert,
    "$postInsert": _post_insert,
    "$remove": _remove,
}
OPERATIONS = frozenset(_CHANGES)
