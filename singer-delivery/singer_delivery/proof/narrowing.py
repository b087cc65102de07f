"""Narrows what lacks down to events, and to the source hours in which they came.

The ids of a day are asked for only where something lacks, and not where the whole day is away.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from singer_delivery.model import Delivery
from singer_delivery.proof.comparing import Comparison
from singer_delivery.proof.counting import CannotAsk, CellKey, Counter, day_of


class Books(Protocol):
    """What was accepted; see `ledger.books.Books`."""

    def cells(self) -> Iterable[tuple[int, str, str, int]]:
        """Yield day, name, the source's name, and how many events were accepted."""

    def keys_of(self, day: int) -> Iterable[int]:
        """Return how the events of a day are known."""

    def hours_of(self, day: int, keys: Collection[int]) -> Mapping[int, int]:
        """Return the source hours of events of a day, with their number."""


@dataclass
class Missing:
    """Events that are not there, and the source hours in which they lie.

    Attributes:
        events: how many.
        hours: source hour since 1970 -> events.
        whole_days: days whose ids were not asked for: all of their hours are named.
        elsewhere: days whose ids are all there although their counts are fewer.
    """

    events: int = 0
    hours: Tally[int] = field(default_factory=Tally)
    whole_days: list[int] = field(default_factory=list)
    elsewhere: list[int] = field(default_factory=list)


class Narrowing:
    """Asks for ids.

    Args:
        counter: asks the destination.
        books: what was accepted.
        most_requests: that may be sent in all.
        tell: is told what happens, in sentences.
    """

    def __init__(
        self, counter: Counter, books: Books, most_requests: int, tell: Callable[[str], None]
    ) -> None:
        self._counter, self._books = counter, books
        self._most_requests, self._tell = most_requests, tell

    def missing(
        self, comparison: Comparison, sent: Mapping[CellKey, int], *, every_id: bool
    ) -> Missing:
        """Return what is missing.

        Args:
            comparison: what differs.
            sent: day and name -> events sent.
            every_id: whether the ids of all days are compared.
        """
        missing = Missing()
        lacking = {each.day for each in comparison.lacking}
        for day, found in _days(comparison, sent, every_id=every_id):
            keys = array("Q", sorted(self._books.keys_of(day)))
            lost = self._lost(day, keys, found)
            if lost is None:
                missing.whole_days.append(day)
                lost = keys if lacking & {day, None} else []
            elif lost:
                missing.events += len(lost)
            elif day in lacking:
                missing.elsewhere.append(day)
            if lost:
                missing.hours.update(self._books.hours_of(day, lost))
        if missing.whole_days:
            missing.events = max(missing.events, comparison.short_by)
        return missing

    def _lost(self, day: int, keys: array[int], found: int | None) -> Collection[int] | None:
        """Return the keys whose ids are not there; None where that is not known."""
        if not keys:
            return None  # the books were kept without ids
        if found == 0:
            return keys
        cost = self._counter.cost_of_ids(len(keys))
        if self._counter.requests + cost > self._most_requests:
            return None
        self._tell(f"Comparing the ids of {day_of(day)}: {len(keys):,} events.")
        try:
            ids = self._counter.ids(day)
            there = array("Q", sorted(Delivery.of(each, 0).key for each in ids))
        except CannotAsk as error:
            self._tell(str(error))
            return None
        return [key for key in keys if not _is_in(there, key)]


def _days(
    comparison: Comparison, sent: Mapping[CellKey, int], *, every_id: bool
) -> Iterator[tuple[int, int | None]]:
    """Yield the days whose ids are compared, each with how many events were found."""
    days = {each.day for each in comparison.lacking if each.day is not None}
    names = {each.name for each in comparison.lacking if each.day is None}
    days |= {day for day, name in sent if name in names}
    if every_id:
        asked = {e.day for e in comparison.cells if e.verdict == "not asked"}
        days |= comparison.days.keys() - asked
    for day in sorted(days):
        yield day, comparison.days[day][1]


def _is_in(keys: array[int], key: int) -> bool:
    place = bisect_left(keys, key)
    return place < len(keys) and keys[place] == key
