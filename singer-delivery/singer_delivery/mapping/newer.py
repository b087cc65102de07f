"""What is sent of people and groups: only what is newer than what was sent before.

Destinations apply updates in the order of arrival and do not look at their time, so imported
history would overwrite newer values. Newer is what the source *received* later: it writes its own
table of properties on a record when it takes it, so the record received last has the last state,
also when its event happened on a phone days ago.

A record that was filled in long after it happened says nothing about now: what it says counts only
where nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable

from singer_delivery.mapping.observation import Observation
from singer_delivery.model import Fact, Facts

DAY = 86_400_000_000
"""Microseconds."""


class Newer:
    """Decides whether what records say of a person or a group is newer than what was sent.

    Args:
        backfill_days: how long after it happened the source may have received a record that says
            something about now.
    """

    def __init__(self, backfill_days: int) -> None:
        self._longest = backfill_days * DAY

    def is_backfilled(self, seen: Observation) -> bool:
        """Tell whether a record says nothing about now."""
        return seen.received - seen.at > self._longest

    def fact(
        self,
        facts: Facts,
        kind: str,
        name: str,
        value: str | Callable[[], str],
        seen: Observation,
        renewed: list[Fact],
    ) -> Fact | None:
        """Return the fact to remember if what a record says is to be sent, else None.

        Args:
            facts: of the past.
            kind: of the fact.
            name: whom or what it is about.
            value: the digest of what it says; or what works it out, which old content is spared.
            seen: the record.
            renewed: gets the fact when it says again what was sent.
        """
        last = facts.recall(kind, name)
        is_backfilled = self.is_backfilled(seen)
        if last is not None and (is_backfilled or seen.is_before(last)):
            return None
        digest = value if isinstance(value, str) else value()
        if last is not None and last.value == digest:
            if seen.received > last.at:
                renewed.append(Fact(kind, name, digest, seen.received))
            return None
        # What was filled in gives way to everything that was received when it happened.
        since = (seen.at, "") if is_backfilled else seen.since
        return Fact(kind, name, digest, *since)


def is_newer(last: Fact | None, fact: Fact, renewed: list[Fact]) -> bool:
    """Tell whether content of this time is to be sent, after what was sent last.

    It is when it differs and is not older: of two contents of one time the one read later is the
    newer. When it is newer and the same, it only renews the last: content of a time between the
    two, read later, is then old.
    """
    if last is None:
        return True
    if last.is_after(fact):
        return False
    if fact.value != last.value:
        return True
    if fact.is_after(last):
        renewed.append(fact)
    return False
