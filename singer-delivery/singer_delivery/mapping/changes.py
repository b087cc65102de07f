"""What becomes of the properties of a person or a group, whatever the source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(slots=True)
class Changes:
    """What becomes of some properties: set, set if missing, unset; or all unset before."""

    set: dict[str, Any] = field(default_factory=dict)
    set_once: dict[str, Any] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)
    clear: bool = False

    def as_properties(self) -> dict[str, Any]:
        """Return `$set`, `$set_once` and `$unset`, as far as there is something."""
        named = (("$set", self.set), ("$set_once", self.set_once), ("$unset", self.unset))
        return {key: value for key, value in named if value}


class EmptyWord(NamedTuple):
    """A text by which a source says, under certain names, that there is nothing.

    Attributes:
        text: that stands for nothing.
        names: of the properties where it does.
    """

    text: str
    names: frozenset[str]

    def is_said(self, key: str, value: Any) -> bool:
        """Tell whether a property says by the text that it has no value."""
        return bool(value == self.text) and key in self.names

    def something(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return the properties that say something: no null, no empty text, none of the text."""
        text, names = self
        return {
            key: value
            for key, value in properties.items()
            if value is not None and value != "" and not (value == text and key in names)
        }
