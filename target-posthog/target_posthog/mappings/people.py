"""What is told of people and groups: only what is newer than what was told before.

PostHog applies `$set` in the order of arrival and never looks at timestamps (PostHog docs, Person
properties), so imported history would overwrite newer values. Amplitude's records carry the whole
person each time; they travel only when they changed and only when they are newer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from singer_delivery.conversions import digest
from singer_delivery.events import Fact, Note

from target_posthog.mappings.posthog import ATTRIBUTION, INITIAL_ATTRIBUTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_posthog.mappings.reading import Reading
    from target_posthog.mappings.settings import PersonProperties

OPERATIONS = frozenset({
    "$set", "$setOnce", "$unset", "$add", "$append", "$prepend", "$preInsert", "$postInsert",
    "$remove", "$clearAll",
})  # fmt: skip
"""What an Amplitude Identify call can do to properties (Amplitude docs, Identify API)."""


@dataclass
class Changes:
    """What becomes of some properties: set, set if missing, unset."""

    set: dict[str, Any] = field(default_factory=dict)
    set_once: dict[str, Any] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)

    def as_properties(self) -> dict[str, Any]:
        """Return PostHog's `$set`, `$set_once` and `$unset`, as far as there is something."""
        named = (("$set", self.set), ("$set_once", self.set_once), ("$unset", self.unset))
        return {key: value for key, value in named if value}


def is_empty_attribution(key: str, value: Any) -> bool:
    """Tell whether this is the "EMPTY" Amplitude's web SDK writes where it found no attribution."""
    return value == "EMPTY" and (key in ATTRIBUTION or key in INITIAL_ATTRIBUTION)


def is_nothing(key: str, value: Any) -> bool:
    """Tell whether a property says nothing: null, an empty text, an empty attribution."""
    return value is None or value == "" or is_empty_attribution(key, value)


def changes(properties: Mapping[str, Any], notes: list[Note]) -> Changes:
    """Read properties, plain ones and the operations of an Identify call.

    `$add`, `$append` and the like have no counterpart in PostHog. They are counted; what they led
    to stands in the properties of the next event.
    """
    result = Changes()
    for key, value in properties.items():
        if key not in OPERATIONS:
            if not is_nothing(key, value):
                result.set[key] = value
        elif key == "$set" and isinstance(value, dict):
            result.set.update((k, v) for k, v in value.items() if not is_nothing(k, v))
        elif key == "$setOnce" and isinstance(value, dict):
            result.set_once.update((k, v) for k, v in value.items() if not is_nothing(k, v))
        elif key == "$unset" and isinstance(value, (dict, list)):
            result.unset.extend(k for k in value if isinstance(k, str))
        else:
            notes.append(Note("operations_without_counterpart", key))
    return result


def person_changes(
    properties: Mapping[str, Any], mode: PersonProperties, notes: list[Note]
) -> Changes:
    """Set, set once (attribution) or unset on the person, when newer than what was last told.

    Attribution (`initial_utm_source` and its like) is set once, under PostHog's name
    `$initial_utm_source`. In the mode `set_once` everything is, and nothing is unset.
    """
    result = changes(properties, notes)
    for old in (result.set, result.set_once):
        for key in INITIAL_ATTRIBUTION.intersection(old):
            result.set_once["$" + key] = old.pop(key)
    if mode == "set_once":
        result.set_once = {**result.set, **result.set_once}
        result.set = {}
        if result.unset:
            notes.append(Note("operations_without_counterpart", "$unset"))
            result.unset = []
    return result


def is_news(last: Fact | None, fact: Fact, renewed: list[Fact]) -> bool:
    """Tell whether content of this time is to be told, after what was told last.

    It is when it differs and is newer. When it is newer and the same, it only renews what was told:
    content of a time between the two, read later, is then old. Of two different contents of the
    same microsecond the greater digest wins, whichever is read first: so a second run decides as
    the first did.
    """
    if last is None:
        return True
    if (fact.at, fact.value) <= (last.at, last.value):
        return False
    if fact.value == last.value:
        renewed.append(fact)
        return False
    return True


def newer_person(reading: Reading, properties: Mapping[str, Any]) -> Fact | None:
    """Return the fact to remember if these properties of the person are news, else None."""
    fact = Fact("person", reading.person, digest(properties), reading.moment.at)
    last = reading.known.recall("person", reading.person)
    if not is_news(last, fact, reading.renewed):
        return None
    if last is None and reading.own_device is not None:
        # What the device was told before it had an owner is part of the person by the link.
        before = reading.known.recall("person", reading.own_device)
        if before is not None and before.at > fact.at:
            return None
    return fact
