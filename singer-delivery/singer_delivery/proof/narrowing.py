"""Narrows what lacks down to events, and to the source hours in which they came.

The ids of a day are asked for only where something lacks, and not where the whole day is away.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from singer_delivery.model import Delivery
from singer_delivery.proof.comparing import NOT_ASKED, Comparison
from singer_delivery.proof.counting import CannotAsk, CellKey, Counter, day_of


class Books(Protocol):
    """What was accepted; see `ledger.books.Books`."""

    def cells(self) -> Iterable[tuple[int, str, str, int]]:
        """Yield day, name, the source's name, and how many events were accepted."""

    def keys_of(self, day: int) -> Iterable[int]:
        """Return how the events of a day are known."""

    def hours_of(self, day: int, keys: Collection[int]) -> Mapping[int, int]:
        """Return the source hours of events of a day, with their number."""


BEYOND, REFUSED, NO_IDS = "beyond", "refused", "no ids"
"""Why ids of a day were not compared: the requests allowed, the destination, the books."""


@dataclass
class Missing:
    """Events that are not there, and the source hours in which they lie.

    Attributes:
        events: how many.
        hours: source hour since 1970 -> events.
        whole_days: day -> why its ids were not compared. All hours of those that lack something
            are named.
        elsewhere: days whose ids are all there although their counts are fewer.
    """

    events: int = 0
    hours: Tally[int] = field(default_factory=Tally)
    whole_days: dict[int, str] = field(default_factory=dict)
    elsewhere: list[int] = field(default_factory=list)


class Narrowing:
    """Asks for ids.

    Args:
        counter: asks the destination.
        books: what was accepted.
        tell: is told what happens, in sentences.
    """

    def __init__(self, counter: Counter, books: Books, tell: Callable[[str], None]) -> None:
        self._counter, self._books, self._tell = counter, books, tell

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
        lacking = _lacking_days(comparison, sent)
        for day in sorted(lacking | (_asked_days(comparison) if every_id else set())):
            keys = array("Q", sorted(self._books.keys_of(day)))
            lost, why = self._lost(day, keys, comparison.days[day][1])
            if why:
                missing.whole_days[day] = why
                lost = keys if day in lacking else ()
            else:
                missing.events += len(lost)
                if day in lacking and not lost:
                    missing.elsewhere.append(day)
            if lost:
                missing.hours.update(self._books.hours_of(day, lost))
        _count_whole_days(missing, comparison, lacking)
        return missing

    def _lost(self, day: int, keys: array[int], found: int | None) -> tuple[Collection[int], str]:
        """Return the keys whose ids are not there; or why that is not known."""
        if not keys:
            return (), NO_IDS
        if found == 0:
            return keys, ""
        cost = self._counter.cost_of_ids(len(keys))
        if self._counter.requests + cost > self._counter.most_requests:
            return (), BEYOND
        self._tell(f"Comparing the ids of {day_of(day)}: {len(keys):,} events.")
        try:
            ids = self._counter.ids(day)
            there = array("Q", sorted(Delivery.of(each, 0).key for each in ids))
        except CannotAsk as error:
            self._tell(str(error))
            return (), REFUSED
        return [key for key in keys if not _is_in(there, key)], ""


def _lacking_days(comparison: Comparison, sent: Mapping[CellKey, int]) -> set[int]:
    """Return the days of which something may lack."""
    names = {each.name for each in comparison.lacking if each.day is None}
    days = {each.day for each in comparison.lacking if each.day is not None}
    return days | {day for day, name in sent if name in names}


def _asked_days(comparison: Comparison) -> set[int]:
    """Return the days of which all could be asked."""
    return comparison.days.keys() - {e.day for e in comparison.cells if e.verdict == NOT_ASKED}


def _count_whole_days(missing: Missing, comparison: Comparison, lacking: set[int]) -> None:
    """Count what lacks where no ids tell it: by the counts."""
    whole = lacking & missing.whole_days.keys()
    short = Tally[int | None]()
    for each in comparison.lacking:
        short[each.day] += each.sent - (each.found or 0)
    missing.events += sum(short[day] for day in whole)
    if whole:
        missing.events = max(missing.events, short[None])


def _is_in(keys: array[int], key: int) -> bool:
    place = bisect_left(keys, key)
    return place < len(keys) and keys[place] == key
