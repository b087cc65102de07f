"""Divides a range of hours into windows, each hour in exactly one; they halve and grow. Pure.

Amplitude's Export API filters by `server_upload_time`, by hours of UTC, and includes both ends of a
range (Amplitude docs, Export API). Here a range is half open, `[start, end)`, so that neighbours
share no hour; only `first_hour` and `last_hour` of a window follow Amplitude.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

HOUR = timedelta(hours=1)
LONGEST_WINDOW = 365 * 24
"""Hours. Amplitude answers at most 365 days at once (Amplitude docs, Export API)."""


@dataclass(frozen=True)
class Window:
    """The hours from `start` up to, not including, `end`. UTC."""

    start: datetime
    end: datetime

    @property
    def hours(self) -> int:
        """The number of its hours."""
        return (self.end - self.start) // HOUR

    @property
    def first_hour(self) -> str:
        """The first hour, in the format of the Export API's `start`."""
        return f"{self.start:%Y%m%dT%H}"

    @property
    def last_hour(self) -> str:
        """The last hour, in the format of the Export API's `end`."""
        return f"{self.end - HOUR:%Y%m%dT%H}"

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%dT%H} to {self.end - HOUR:%Y-%m-%dT%H}"


@dataclass(frozen=True)
class Walk:
    """The hours from `position` to `end` that are left, and the size of the next window in hours.

    A walk never changes: each answer of the service makes a new walk.
    """

    position: datetime
    end: datetime
    size: int
    largest: int

    @classmethod
    def over(cls, start: datetime, end: datetime, window_hours: int) -> Walk:
        """Return a walk over `[start, end)` in windows of at most `window_hours`."""
        largest = min(max(window_hours, 1), LONGEST_WINDOW)
        return cls(start, end, largest, largest)

    @property
    def window(self) -> Window | None:
        """The next window, or None at the end of the walk."""
        if self.position >= self.end:
            return None
        return Window(self.position, min(self.position + self.size * HOUR, self.end))

    def halved(self, window: Window) -> Walk:
        """Return the walk after `window` proves too large: at the same hour, with half the size."""
        return replace(self, size=max(1, window.hours // 2))

    def passed(self, window: Window) -> Walk:
        """Return the walk after an answer for `window`: past it, with twice the size."""
        return replace(self, position=window.end, size=min(self.size * 2, self.largest))


def full_hour(moment: datetime) -> datetime:
    """Return the hour (UTC) that holds `moment`; a time without a zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return aware.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)


def read_time(text: str) -> datetime:
    """Read a date or time in ISO 8601 as the hour (UTC) that holds it.

    Raises:
        ValueError: The text is no date or time.
    """
    stripped = text.strip()
    # fromisoformat of Python 3.10 does not read "Z".
    zoned = f"{stripped[:-1]}+00:00" if stripped[-1:] in ("Z", "z") else stripped
    try:
        return full_hour(datetime.fromisoformat(zoned))
    except OverflowError as error:
        raise ValueError(text) from error


def write_time(hour: datetime) -> str:
    """Return an hour as bookmarks hold it: RFC 3339 with `Z`."""
    return f"{hour:%Y-%m-%dT%H}:00:00Z"


def settled_until(now: datetime, settle_hours: int) -> datetime:
    """Return the end, exclusive, of the hours that are final `now`.

    An hour may still receive events for two hours after its end (Amplitude docs, Export API: what
    was uploaded from 8 to 9 PM can be exported at 11 PM).
    """
    return full_hour(now) - settle_hours * HOUR
