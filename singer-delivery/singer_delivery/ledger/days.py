"""The days whose keys are in memory: those that a run is at, and others while there is room."""

from __future__ import annotations

from collections import OrderedDict

from singer_delivery.ledger.keys import Keys

MOST_KEYS = 6_000_000
"""Keys in memory, 60 to 100 MB; a day that has more is in memory alone."""

IDLE = 8
"""Saves that meet no event of a day, after which it leaves memory: history comes day by day."""


class Days:
    """The keys of days. The day that was met longest ago leaves first."""

    def __init__(self) -> None:
        self._days: OrderedDict[int, tuple[Keys, int]] = OrderedDict()  # keys, and saves before
        self._saves = 0

    def days(self) -> list[int]:
        """Return the days, as they were met last."""
        return [*self._days]

    def get(self, day: int) -> Keys | None:
        """Return the keys of a day, which is met by it; None where they are not in memory."""
        found = self._days.get(day)
        return None if found is None else self._meet(day, found[0])

    def put(self, day: int, keys: Keys) -> Keys:
        """Keep the keys of a day, and return them; other days leave where there is no room."""
        self._meet(day, keys)
        while len(self._days) > 1 and sum(len(each) for each, _ in self._days.values()) > MOST_KEYS:
            self._days.popitem(last=False)
        return keys

    def let_go_of_idle(self) -> None:
        """Take note of a save; days that the last ones did not meet leave."""
        self._saves += 1
        while self._days and self._saves - next(iter(self._days.values()))[1] > IDLE:
            self._days.popitem(last=False)

    def clear(self) -> None:
        """Let all days leave."""
        self._days.clear()

    def _meet(self, day: int, keys: Keys) -> Keys:
        self._days[day] = keys, self._saves
        self._days.move_to_end(day)
        return keys
