"""Names that a project has: beyond so many Amplitude stores and never shows. Knows no source.

What is beyond is in exports, and in no chart (docs, "Limits"): 2,000 types of events, 1,000
properties of users. Properties of events are not counted: decisions do not read them.
"""

from __future__ import annotations

from singer_delivery.model import CREATION, Effects, Fact, Facts, Note
from singer_delivery.pipeline.settings import Billing

from target_amplitude.amplitude import MOST_EVENT_TYPES, MOST_USER_PROPERTIES

TYPES, PROPERTIES = "event_type_over_2000", "user_properties_over_1000"
ALARMS = {
    TYPES: (
        f"More than {MOST_EVENT_TYPES:,} types of events were sent: Amplitude stores the others "
        f"and never shows them. Leave some out with `exclude_events`; counted as `{TYPES}`."
    ),
    PROPERTIES: (
        f"More than {MOST_USER_PROPERTIES:,} properties of users were sent: Amplitude stores the "
        "others and never shows them. Leave some out with `exclude_properties`; counted as "
        f"`{PROPERTIES}`."
    ),
}
"""A sentence for each, said at the first."""

BILLING = Billing(
    frozenset({"event", CREATION}),
    "Amplitude counts events of the past to the volume of the month in which they arrive; updates "
    "of people and groups are free. A plan by tracked users counts each user who arrives in a "
    "month: see its contract. Nothing can be taken back.",
)
"""Source: Amplitude docs, "Data Backfill Guide" and "Monthly Tracked Users"."""


class EventTypes:
    """Counts the types of events that were ever sent.

    Facts, both claims: `event_type`, type -> its number; `event_types`, "count" -> how many.

    Attributes:
        known: types that are counted, and need not be again.
    """

    def __init__(self) -> None:
        self.known: set[str] = set()

    def count(self, name: str, at: int, facts: Facts, effects: Effects) -> None:
        """Count a type of event; each event of one that is beyond is noted."""
        fact = facts.recall("event_type", name)
        number = _next(facts) if fact is None else int(fact.value)
        if fact is None:
            effects.claims.append(Fact("event_type", name, str(number), at))
            effects.claims.append(Fact("event_types", "count", str(number), at))
        if number > MOST_EVENT_TYPES:
            effects.notes.append(Note(TYPES, name))
        elif fact is not None:  # else the claim may be ignored with its record
            self.known.add(name)


def _next(facts: Facts) -> int:
    last = facts.recall("event_types", "count")
    return 1 if last is None else int(last.value) + 1
