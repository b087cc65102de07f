"""Divides a range of project days into windows, each day in exactly one; they halve and grow. Pure.

Mixpanel includes both ends of a range and cuts by days of the project (Mixpanel docs, Raw Event
Export). It takes 60 requests an hour: one a day would be six hours for a year, and one a month
would lose a month to one that breaks off. So the size of a window follows its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

DAY = timedelta(days=1)
SMALL_BYTES = 256 * 1024 * 1024
"""As they come, gzipped. Below it the next window has twice the days."""

LEAST_PART = timedelta(hours=1)
MOST_PARTS = DAY // LEAST_PART
WHERE = 'properties["$time"]>=datetime("{}") and properties["$time"]<datetime("{}")'
"""Times of `where` are those of the project's frame (Mixpanel docs, Segmentation Expressions;
Airbyte, source-mixpanel, cuts days by it)."""


@dataclass(frozen=True)
class Window:
    """The project days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """The number of its days."""
        return (self.last - self.first) // DAY + 1

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True)
class Part:
    """The time from `start` up to, not including, `end`, on the clock of exported times."""

    start: datetime
    end: datetime

    @classmethod
    def whole(cls, day: date) -> Part:
        """Return a whole day."""
        start = datetime.combine(day, time())
        return cls(start, start + DAY)

    @property
    def where(self) -> str:
        """The condition that its rows fulfil."""
        return WHERE.format(self.start.isoformat(), self.end.isoformat())

    def smaller(self) -> list[Part]:
        """Return its halves, or at last its hours; nothing when it is an hour."""
        length = self.end - self.start
        if length <= LEAST_PART:
            return []
        step = length / 2 if length > 3 * LEAST_PART else LEAST_PART
        return [*_cut(self.start, self.end, step)]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%H:%M}"


def _cut(start: datetime, end: datetime, step: timedelta) -> Iterator[Part]:
    while start < end:
        yield Part(start, min(start + step, end))
        start += step


@dataclass(frozen=True)
class Walk:
    """The days from `position` up to, not including, `end` that are left, and the next size.

    A walk never changes: each answer of the service makes a new walk.
    """

    position: date
    end: date
    size: int
    largest: int

    @classmethod
    def over(cls, start: date, end: date, window_days: int) -> Walk:
        """Return a walk over `[start, end)`, first one day and never more than `window_days`."""
        return cls(start, end, 1, max(window_days, 1))

    @property
    def window(self) -> Window | None:
        """The next window, or None at the end of the walk."""
        if self.position >= self.end:
            return None
        return Window(self.position, min(self.position + self.size * DAY, self.end) - DAY)

    def halved(self, window: Window) -> Walk:
        """Return the walk after `window` fails: at the same day, with half the size."""
        return replace(self, size=max(1, window.days // 2))

    def passed(self, window: Window, size: int) -> Walk:
        """Return the walk past `window`; with twice the size after an answer of few bytes.

        Args:
            window: what is read.
            size: the bytes of the answer, as they came.
        """
        more = min(self.size * 2, self.largest) if size < SMALL_BYTES else self.size
        return replace(self, position=window.last + DAY, size=more)

    def a_day_less(self) -> Walk:
        """Return the walk that ends a day before."""
        return replace(self, end=self.end - DAY)
