"""Warns of ids so busy that Mixpanel takes their events out of its analysis.

More than 200,000 events of one id on one day are renamed `$hotshard_events` and belong to nobody from
then on (Mixpanel docs, "Hot shard limits").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from singer_delivery.events import Known, Mapped, Note, RecordMapping

LIMIT = 200_000
DAY = 86_400_000_000
"""Microseconds."""

COUNTED = 50_000
"""Pairs of id and day that are counted at once; beyond, those met once so far are let go."""


class WatchingIds:
    """A mapping that also counts the events of each id and day, and notes the first over the limit.

    Counts of ids that hardly appear are forgotten on the way, so that memory stays bounded; an id
    close to the limit is among the last to be forgotten.
    """

    def __init__(self, mapping: RecordMapping, limit: int = LIMIT) -> None:
        self._mapping = mapping
        self._limit = limit
        self._counts: Counter[tuple[str, int]] = Counter()
        self.needs_keys = mapping.needs_keys

    def __call__(self, record: Mapping[str, Any], known: Known) -> Mapped:
        """Return what the mapping says, with the note where it is due."""
        mapped = self._mapping(record, known)
        hot = [
            event.person
            for event in mapped.events
            if event.kind == "event" and event.at is not None and self._is_the_one_too_many(event)
        ]
        if not hot:
            return mapped
        notes = (Note("over_200000_events_of_one_id_and_day", person) for person in hot)
        return mapped._replace(notes=(*mapped.notes, *notes))

    def _is_the_one_too_many(self, event: Any) -> bool:
        key = (event.person, event.at // DAY)
        self._counts[key] += 1
        if len(self._counts) > COUNTED:
            self._forget_the_rare()
        return self._counts[key] == self._limit + 1

    def _forget_the_rare(self) -> None:
        least = min(self._counts.values())
        self._counts = Counter({key: n for key, n in self._counts.items() if n > least})
