"""Warns of ids so busy that Mixpanel takes their events out of its analysis.

More than 200,000 events of one id on one day are renamed `$hotshard_events` and belong to nobody
from then on (Mixpanel docs, "Hot shard limits").
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from singer_delivery.events import Known, Mapped, Note, RecordMapping

LIMIT = 200_000
DAY = 86_400_000_000
"""Microseconds."""

COUNTED = 50_000
"""Pairs of id and day that are counted at once."""


class HotIds:
    """Counts the events of each id and day, in bounded memory.

    When more pairs than `counted` are met, the half with the fewest events is forgotten, the oldest
    first. What is busy stays; a pair that was forgotten and comes back starts afresh, so an id just
    over the limit may go unnoticed, and one below it never is taken for hot.

    Args:
        limit: events of an id and day that Mixpanel bears.
        counted: pairs of id and day that are counted at once.
    """

    def __init__(self, limit: int = LIMIT, counted: int = COUNTED) -> None:
        self._limit = limit
        self._counted = counted
        self._counts: dict[tuple[str, int], int] = {}
        self._noted: set[tuple[str, int]] = set()  # few: each stands for `limit` events

    def is_one_too_many(self, person: str, at: int) -> bool:
        """Count an event; tell whether it is the first beyond the limit of its id and day.

        Args:
            person: the id.
            at: time of the event in microseconds since 1970.
        """
        counts, pair = self._counts, (person, at // DAY)
        count = counts[pair] = counts.get(pair, 0) + 1
        if len(counts) > self._counted:
            self._forget()
        if count <= self._limit or pair in self._noted:
            return False
        self._noted.add(pair)
        return True

    def _forget(self) -> None:
        by_count = sorted(self._counts.items(), key=itemgetter(1))
        self._counts = dict(by_count[len(by_count) - self._counted // 2 :])


class WatchingIds:
    """A mapping that also notes the first event beyond the limit of each id and day."""

    def __init__(self, mapping: RecordMapping, hot_ids: HotIds) -> None:
        self._map = mapping.__call__
        self._hot_ids = hot_ids
        self.needs_keys = mapping.needs_keys

    def __call__(self, record: Mapping[str, Any], known: Known) -> Mapped:
        """Return what the mapping says, with the note where it is due."""
        mapped = self._map(record, known)
        for event in mapped.events:
            if event.kind != "event" or event.at is None:
                continue
            if self._hot_ids.is_one_too_many(event.person, event.at):
                note = Note("over_200000_events_of_one_id_and_day", event.person)
                mapped = mapped._replace(notes=(*mapped.notes, note))
        return mapped
