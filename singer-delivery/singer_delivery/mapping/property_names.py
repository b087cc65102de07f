"""The names of all properties that were sent of people, for calls that clear them all.

Destinations take properties away by name, and such a call names none. A project has some thousand
properties of people at most, so one fact has all their names. To take away a property that a person
does not have changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from singer_delivery.mapping.observation import Observation
from singer_delivery.model import Effects, Fact, Facts

MOST = 2_000
"""Names that are remembered."""


class PropertyNames:
    """Remembers names in the ledger, by claims: they are on disk before a property is sent."""

    def __init__(self) -> None:
        self._read: tuple[str, dict[str, None]] = ("[]", {})

    def all(self, facts: Facts) -> tuple[str, ...]:
        """Return every name that was remembered."""
        return (*self._known(facts),)

    def remember(
        self, names: Sequence[str], seen: Observation, facts: Facts, effects: Effects
    ) -> None:
        """Remember the names of properties that a record sets."""
        known = self._known(facts)
        new = [name for name in names if name not in known][: MOST - len(known)]
        if new:
            value = orjson.dumps([*known, *new]).decode()
            effects.claims.append(Fact("property_names", "person", value, *seen.since))

    def _known(self, facts: Facts) -> dict[str, None]:
        fact = facts.recall("property_names", "person")
        value = "[]" if fact is None else fact.value
        if self._read[0] is not value:  # it is the same object until there is a new name
            self._read = value, dict.fromkeys(orjson.loads(value))
        return self._read[1]
