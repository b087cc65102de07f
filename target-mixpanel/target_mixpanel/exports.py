"""Counts and ids of our events from Mixpanel's raw export: exact, with every plan.

Its `time` is taken for UTC, which it is in projects made since 2023. Rows are not deduplicated:
what is counted is different ids.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from typing import TypeVar

from singer_delivery.model import DAY, Delivery
from singer_delivery.proof.asking import BrokenOff
from singer_delivery.proof.counting import CannotAsk, CellKey, Counts, day_of, spans_of

from target_mixpanel.asking import Queries

ROWS_A_REQUEST = 1_000_000
"""Of an export, by the books: their ids are in memory at once, about 100 MB."""

DAYS_A_REQUEST = 31
TRIES = 3

T = TypeVar("T")


class Exports:
    """Reads exports.

    Args:
        queries: asks.
        latest: returns a day, or today where that is earlier.
        around: days more at both ends, where a day of the export may be another zone's.
        tell: is told when one is asked for again.
    """

    def __init__(
        self,
        queries: Queries,
        latest: Callable[[date], date],
        around: int,
        tell: Callable[[str], None],
    ) -> None:
        self._queries, self._latest, self._around, self._tell = queries, latest, around, tell

    def ids(self, day: int) -> list[str]:
        """Return the ids of our events of a day, as they were sent.

        Raises:
            CannotAsk: it is not answered.
        """
        return self._whole(partial(self._ids_of, *self._range(day, day)))

    def count(self, sent: Mapping[CellKey, int], counts: Counts, names: Sequence[str] = ()) -> None:
        """Add to `counts` what there is of ours on the days of these cells.

        Args:
            sent: the cells.
            counts: get it.
            names: of the events to ask for; none for all.

        Raises:
            CannotAsk: it is not answered.
        """
        days = {day for day, _ in sent}
        for first, last in export_windows(sent):
            start, end = self._range(first, last)
            ids, rows = self._whole(partial(self._by_cell, start, end, names))
            for key, found in ids.items():
                if first <= key[0] <= last and key[0] in days:
                    counts.found[key] = len(found)
                    if rows[key] > len(found):
                        counts.copies[key] = rows[key] - len(found)

    def _by_cell(
        self, first: date, last: date, names: Sequence[str]
    ) -> tuple[dict[CellKey, set[int]], Tally[CellKey]]:
        """Return the ids of each day and name, as digests, and how many rows have them."""
        cells: defaultdict[CellKey, set[int]] = defaultdict(set)
        rows: Tally[CellKey] = Tally()
        with self._queries.exported(first, last, names) as found:
            for row in found:
                properties = row["properties"]
                key = properties["time"] * 1_000 // DAY, row["event"]
                cells[key].add(Delivery.of(str(properties.get("$insert_id")), 0).key)
                rows[key] += 1
        return dict(cells), rows

    def _ids_of(self, first: date, last: date) -> list[str]:
        with self._queries.exported(first, last) as rows:
            return [str(row["properties"].get("$insert_id")) for row in rows]

    def _whole(self, read: Callable[[], T]) -> T:
        """Return what is read of an export, again where it ends early.

        Raises:
            CannotAsk: it does so each time.
        """
        for _ in range(TRIES):
            try:
                return read()
            except BrokenOff:  # noqa: PERF203 - three tries
                self._tell("The export ended early: asking again.")
        msg = "Mixpanel's raw export ended early each time. Try again later, or fewer days."
        raise CannotAsk(msg)

    def _range(self, first: int, last: int) -> tuple[date, date]:
        return day_of(first - self._around), self._latest(day_of(last + self._around))


def export_windows(sent: Mapping[CellKey, int]) -> Iterator[tuple[int, int]]:
    """Yield ranges of days, each for one export of a size that memory holds."""
    of_day: Tally[int] = Tally()
    for (day, _), count in sent.items():
        of_day[day] += count
    for first, last in spans_of(of_day, DAYS_A_REQUEST):
        start, rows = first, 0
        for day in range(first, last + 1):
            if rows and rows + of_day[day] > ROWS_A_REQUEST:
                yield start, day - 1
                start, rows = day, 0
            rows += of_day[day]
        yield start, last
