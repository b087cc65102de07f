"""Warns of ids so busy that Mixpanel takes their events out of its analysis.

More than 200,000 events of one id on one day are renamed `$hotshard_events` and belong to nobody
from then on (Mixpanel docs, "Hot shard limits").
"""

from __future__ import annotations

from operator import itemgetter

from singer_delivery.model import Note

LIMIT = 200_000
DAY = 86_400_000_000
"""Microseconds."""

TOO_MANY = "over_200000_events_of_one_id_and_day"
"""Note of the first of them."""

COUNTED = 10_000
"""Pairs of id and day that are counted at once, at most: some 2 MB."""


class HotIds:
    """Counts the events of each id and day, in bounded memory.

    When more pairs than `counted` are met, the half with the fewest events is forgotten, the oldest
    first. What is busy stays; a pair that was forgotten and comes back starts from zero, so an id
    just over the limit may go unnoticed, and one below it never is taken for hot.

    Args:
        limit: events of an id and day that Mixpanel bears.
        counted: pairs of id and day that are counted at once.
    """

    def __init__(self, limit: int = LIMIT, counted: int = COUNTED) -> None:
        self._limit = limit
        self._counted = counted
        self._counts: dict[tuple[str, int], int] = {}
        self._noted: set[tuple[str, int]] = set()  # few: each stands for `limit` events

    def count(self, person: str, at: int, notes: list[Note]) -> None:
        """Count an event; note the first one beyond the limit of its id and day.

        Args:
            person: the id; empty when nobody is known.
            at: time of the event in microseconds since 1970.
            notes: gets the note.
        """
        if person and self.is_one_too_many(person, at):
            notes.append(Note(TOO_MANY, person))

    def is_one_too_many(self, person: str, at: int) -> bool:
        """Count an event; tell whether it is the first beyond the limit of its id and day."""
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
