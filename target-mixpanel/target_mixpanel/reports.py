"""Counts events of a project by Mixpanel's reports, which say how many of a name a day has."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import TypeVar
from urllib.parse import quote_plus
from zoneinfo import ZoneInfo

from singer_delivery.io.retry import Clock
from singer_delivery.proof.asking import Asker
from singer_delivery.proof.counting import (
    CellKey,
    Counts,
    NotAsked,
    day_number,
    day_of,
    spans_of,
)

from target_mixpanel.asking import BeyondHistory, Queries
from target_mixpanel.exports import Exports, export_windows

NAMES_A_REQUEST = 60
URL_CHARACTERS = 6_000
"""Of the names in an address, which stays below 8 kB."""

DAYS_A_REQUEST = 366
RESERVED = 5
"""Requests that are kept for ids and people when names are asked for one by one."""

T = TypeVar("T")


@dataclass(frozen=True)
class Calendar:
    """Days of a project.

    Attributes:
        zone: of the project.
        clock: says what today is.
    """

    zone: ZoneInfo
    clock: Clock

    @property
    def today(self) -> date:
        """The day that it is in the project."""
        return datetime.fromtimestamp(self.clock.now(), self.zone).date()

    def latest(self, day: date) -> date:
        """Return the day, or today: a later one is refused."""
        return min(day, self.today)


class Reports:
    """Asks reports of a project.

    Args:
        queries: of the project.
        asker: sends them.
        calendar: of the project.
        exports: count what reports cannot.
        around: days more at both ends, where a day of the project is not one of UTC.

    Attributes:
        most_requests: that may be sent in all.
        others: events of others, by the names that were asked for one by one.
    """

    def __init__(
        self, queries: Queries, asker: Asker, calendar: Calendar, exports: Exports, around: int
    ) -> None:
        self.most_requests = 0
        self.others: Tally[str] = Tally()
        self._queries, self._asker = queries, asker
        self._calendar, self._exports, self._around = calendar, exports, around
        self._exported: set[str] = set()  # names that are counted by UTC day from now on

    def cost(self, sent: Mapping[CellKey, int]) -> int:
        """Return how many requests the counts of these cells take at first."""
        whole, exported = self._parted(sent)
        spans = len([*spans_of_cells(whole, self._around)])
        return spans * len([*chunks(names_of(whole))]) + len([*export_windows(exported)])

    def count_days(self, sent: Mapping[CellKey, int], counts: Counts) -> None:
        """Count by day and name, where the project's days are those of UTC.

        Raises:
            CannotAsk: it is not answered.
        """
        for first, last in spans_of_cells(sent):
            for names in chunks(names_of(sent, first, last)):
                answer = self._events(names, first, last, counts)
                counts.found.update(_cells(answer))
        days = {day for day, _ in sent}
        counts.found = {key: n for key, n in counts.found.items() if key[0] in days and n}
        more = Tally({name: 0 for _, name in sent})
        for key, found in counts.found.items():
            more[key[1]] += max(found - sent.get(key, 0), 0)
        for name in sorted(name for name, beyond in more.items() if beyond):
            self._count_ours(name, days, sent, counts)

    def _count_ours(
        self, name: str, days: set[int], sent: Mapping[CellKey, int], counts: Counts
    ) -> None:
        """Count events of a name again, ours alone, if requests are left for that."""
        spans = [*spans_of_cells({key: n for key, n in sent.items() if key[1] == name})]
        if not self._may_ask(spans):
            counts.shared.add(name)
            return
        found = {key for key in counts.found if key[1] == name}
        before = sum(counts.found.pop(key) for key in found)
        for first, last in spans:
            cells = _cells({name: self._ours(name, first, last, counts)}).items()
            counts.found.update({key: n for key, n in cells if key[0] in days and n})
        ours = sum(counts.found.get(key, 0) for key in found)
        self.others[name] = max(self.others[name], before - ours)  # of all days, or of some again

    def count_names(self, sent: Mapping[CellKey, int], counts: Counts) -> None:
        """Count names over the whole range, a day more at both ends, where zones differ.

        A name that lacks something is counted by UTC day from the raw export, then and later.

        Raises:
            CannotAsk: it is not answered.
        """
        whole, exported = self._parted(sent)
        if exported:
            self._count_exported(exported, counts)
        if whole:
            self._count_whole(whole, counts)

    def _parted(
        self, sent: Mapping[CellKey, int]
    ) -> tuple[Mapping[CellKey, int], Mapping[CellKey, int]]:
        """Return the cells that reports count, and those that the raw export counts."""
        exported = {key: n for key, n in sent.items() if key[1] in self._exported}
        return {key: n for key, n in sent.items() if key not in exported}, exported

    def _count_whole(self, sent: Mapping[CellKey, int], counts: Counts) -> None:
        of_name: Tally[str] = Tally()
        for (_, name), count in sent.items():
            of_name[name] += count
        spans = [*spans_of_cells(sent, self._around)]
        found = self._totals([*of_name], spans, counts)
        for name in sorted(name for name in of_name if found[name] > of_name[name]):
            self._leave_out_others(name, spans, found, counts)
        lacking = {name for name in of_name if found[name] < of_name[name]}
        of_lacking = {key: n for key, n in sent.items() if key[1] in lacking}
        exports = len([*export_windows(of_lacking)])
        if self._asker.requests + exports <= self.most_requests:
            self._count_exported(of_lacking, counts)
            self._exported |= lacking
        counts.by_name = {name: n for name, n in found.items() if name not in self._exported}

    def _count_exported(self, sent: Mapping[CellKey, int], counts: Counts) -> None:
        names = names_of(sent)
        few = names if len([*chunks(names)]) == 1 else ()  # more have no room in an address
        self._exports.count(sent, counts, few)

    def _totals(
        self, names: Sequence[str], spans: Sequence[tuple[int, int]], counts: Counts
    ) -> Tally[str]:
        found: Tally[str] = Tally(dict.fromkeys(names, 0))
        for first, last in spans:
            for some in chunks(names):
                for name, days in self._events(some, first, last, counts).items():
                    found[name] += sum(days.values())
        return found

    def _leave_out_others(
        self, name: str, spans: Sequence[tuple[int, int]], found: Tally[str], counts: Counts
    ) -> None:
        """Count a name again, ours alone, if requests are left for that."""
        if not self._may_ask(spans):
            counts.shared.add(name)
            return
        ours = sum(sum(self._ours(name, *span, counts).values()) for span in spans)
        self.others[name] = max(self.others[name], found[name] - ours)
        found[name] = ours

    def _may_ask(self, spans: Sequence[tuple[int, int]]) -> bool:
        return self._asker.requests + len(spans) + RESERVED <= self.most_requests

    def _events(
        self, names: Sequence[str], first: int, last: int, counts: Counts
    ) -> Mapping[str, Mapping[str, int]]:
        """Return name -> day -> events, whoever sent them."""
        return self._within_history(partial(self._queries.events, names), first, last, counts)

    def _ours(self, name: str, first: int, last: int, counts: Counts) -> Mapping[str, int]:
        """Return day -> events of a name that are ours."""
        return self._within_history(partial(self._queries.ours, name), first, last, counts)

    def _within_history(
        self,
        ask: Callable[[date, date], Mapping[str, T]],
        first: int,
        last: int,
        counts: Counts,
    ) -> Mapping[str, T]:
        """Return an answer; days beyond the history of the plan are noted, and not asked."""
        end = self._calendar.latest(day_of(last))
        try:
            return ask(day_of(first), end)
        except BeyondHistory as error:
            history = error.days
        start = self._calendar.today - timedelta(days=history)
        answer: Mapping[str, T] = {}
        unseen = last
        if day_of(first) < start <= end:
            with suppress(BeyondHistory):
                answer = ask(start, end)
                unseen = day_number(start) - 1
        counts.not_asked.append(NotAsked(first, unseen, "history", _history(history)))
        return answer


def chunks(names: Sequence[str]) -> Iterator[list[str]]:
    """Yield names, so many at once as an address has room for."""
    chunk: list[str] = []
    size = 0
    for name in names:
        takes = len(quote_plus(name)) + 8  # the quotes and the comma, encoded
        if chunk and (len(chunk) >= NAMES_A_REQUEST or size + takes > URL_CHARACTERS):
            yield chunk
            chunk, size = [], 0
        chunk.append(name)
        size += takes
    if chunk:
        yield chunk


def spans_of_cells(sent: Mapping[CellKey, int], around: int = 0) -> Iterator[tuple[int, int]]:
    """Yield ranges of days, none longer than a request takes, that hold all days of the cells.

    Args:
        sent: the cells.
        around: days more at both ends of each day.
    """
    shifts = range(-around, around + 1)
    return spans_of({day + shift for day, _ in sent for shift in shifts}, DAYS_A_REQUEST)


def names_of(
    sent: Mapping[CellKey, int], first: int | None = None, last: int | None = None
) -> list[str]:
    """Return the names of a range, in order."""
    return sorted(
        {
            name
            for day, name in sent
            if (first is None or day >= first) and (last is None or day <= last)
        }
    )


def _cells(answer: Mapping[str, Mapping[str, int]]) -> dict[CellKey, int]:
    return {
        (day_number(date.fromisoformat(day[:10])), name): count
        for name, days in answer.items()
        for day, count in days.items()
    }


def _history(days: int) -> str:
    return (
        f"The project's plan shows the last {days:,} days alone: older ones were not asked. The "
        "raw export may still have them (--raw)."
    )
