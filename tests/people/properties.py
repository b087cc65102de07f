"""Amplitude's table of properties of each person and each group. Pure.

Sources: Amplitude docs, "Identify API" (the operations; their order is that of its web SDK's
identify.ts, which cites the server), "Data backfill" (`$skip_user_properties_sync`).

Where a reader of an export cannot know what the table knows, the table keeps both: see `final`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from typing import Any

Values = dict[str, Any]

OPERATIONS = (
    "$clearAll", "$unset", "$set", "$setOnce", "$add", "$append", "$prepend", "$preInsert",
    "$postInsert", "$remove",
)  # fmt: skip


def is_call(properties: Mapping[str, Any]) -> bool:
    """Whether these are operations of an Identify call, and no plain properties."""
    return any(name in OPERATIONS for name in properties)


class Tables:
    """The properties of people, or of groups, by whatever names them.

    Attributes:
        now: the table itself; it is what rows show.
    """

    def __init__(self) -> None:
        self.now: dict[Hashable, Values] = defaultdict(dict)
        self._unsaid: dict[Hashable, Values] = defaultdict(dict)
        self._old: dict[Hashable, Values] = defaultdict(dict)
        self._brought: dict[Hashable, Values] = defaultdict(dict)

    def final(self, key: Hashable) -> Values:
        """Return what a reader of the export must hold true at the end.

        That is the table, and beside it what the export cannot take back or says alone: a property
        that Amplitude lost without a sign stays, and of somebody of whom nothing else is known a
        backfilled row is believed.
        """
        return {**self._old[key], **self._unsaid[key], **self.now[key]}

    def brought(self, key: Hashable) -> dict[str, list[Any]]:
        """Return what anonymous people may have brought along, where Amplitude lost it.

        PostHog's merge lays the properties of both over each other; Mixpanel's does not.
        """
        return {k: v for k, v in self._brought[key].items() if k not in self.final(key)}

    def apply(self, key: Hashable, properties: Mapping[str, Any]) -> None:
        """Take plain properties, of which null removes one, or operations."""
        if not is_call(properties):
            gone = [name for name, value in properties.items() if value is None]
            self._set(key, {k: v for k, v in properties.items() if v is not None})
            self._remove(key, gone)
            return
        for operation in OPERATIONS:
            if operation in properties:
                self._operate(key, operation, properties[operation])

    def lose(self, key: Hashable, name: str) -> None:
        """Remove a property without a sign in any row, as an administrator or a merge can."""
        if name in self.now[key]:
            self._unsaid[key][name] = self.now[key].pop(name)

    def backfill(self, key: Hashable, properties: Mapping[str, Any]) -> None:
        """Take a row that leaves the table alone; only where nothing is known does it count."""
        if not self.final(key):
            self._old[key] = dict(properties)

    def merge(self, anonymous: Hashable, into: Hashable) -> None:
        """Let an anonymous person turn out to be a user, whose table stays as it is."""
        for name, value in self.final(anonymous).items():
            if name not in self.final(into):
                self._brought[into].setdefault(name, []).append(value)

    def _operate(self, key: Hashable, operation: str, of: Any) -> None:
        if operation == "$clearAll":
            for kept in (self.now, self._unsaid, self._old, self._brought):
                kept[key] = {}
        elif operation == "$unset":
            self._remove(key, of)
        else:
            changed = {
                name: _changed(operation, self.now[key].get(name), v) for name, v in of.items()
            }
            self._set(key, changed)

    def _set(self, key: Hashable, values: Mapping[str, Any]) -> None:
        self._remove(key, values)
        self.now[key].update(values)

    def _remove(self, key: Hashable, names: Any) -> None:
        """Forget properties; one that is set anew comes last, as in any table of Amplitude's."""
        for name in names:
            for kept in (self._unsaid, self._old, self._brought):
                kept[key].pop(name, None)
            self.now[key].pop(name, None)


def _changed(operation: str, before: Any, value: Any) -> Any:
    if operation == "$set":
        return value
    if operation == "$setOnce":
        return value if before is None else before
    if operation == "$add":
        return (before or 0) + value
    added = value if isinstance(value, list) else [value]
    if operation in ("$prepend", "$preInsert"):
        return _new(operation, added, before or []) + (before or [])
    if operation in ("$append", "$postInsert"):
        return (before or []) + _new(operation, added, before or [])
    return [each for each in before or [] if each not in added]


def _new(operation: str, added: list[Any], before: list[Any]) -> list[Any]:
    """Return what an operation adds; the inserting ones add nothing that is there already."""
    is_insert = operation.endswith("Insert")
    return [each for each in added if not (is_insert and each in before)]
