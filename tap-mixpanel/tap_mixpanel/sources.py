"""The days of the export, from the API; an archive gives the same, see `DaySource`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from singer_delivery.tap.ahead import one_ahead
from singer_delivery.tap.coverage import Range, coverage_after
from singer_delivery.tap.errors import StateUnreadable

from tap_mixpanel.dealing import DayOfRows, Dealt
from tap_mixpanel.downloads import Downloader
from tap_mixpanel.settings import Settings
from tap_mixpanel.time_frame import UTC, TimeFrame
from tap_mixpanel.windows import DAY

REPLICATION_KEY = "day"


@dataclass(frozen=True)
class Portion:
    """Rows that were read together: a window, or a wave of an archive.

    Attributes:
        name: its name in the log, and in `bad_lines.jsonl`.
        dealt: its rows. Whoever reads them closes it.
        finish_day: returns the changes to the bookmark when all rows of a day, and of those before
            it, are written; None for rows without a day.
        finish: the same for the whole portion.
        leaves: tells whether the rows of a day leave; those of others are read for their last
            sessions alone, which go on in the next day.
    """

    name: str
    dealt: Dealt
    finish_day: Callable[[DayOfRows], dict[str, Any]]
    finish: Callable[[], dict[str, Any]]
    leaves: Callable[[str | None], bool]


DaySource = Generator[Portion, None, None]
"""What the API and an archive both are. Days come in order, each in one portion only."""


@dataclass(frozen=True)
class Progress:
    """Where the run before ended, and which days may be bookmarked.

    Attributes:
        done: the last day that is done; None when there is none.
        today: the first day that is never bookmarked.
        done_at: when the run before began, in milliseconds since 1970; None when nobody knows.
        asked: the first day that is asked for, and the one after the last; None where STATE is not
            to say how far the stream is.
        first: the day that this run begins with.
        covered: what earlier runs have covered.
    """

    done: date | None
    today: date
    done_at: int | None = None
    asked: tuple[date, date] | None = None
    first: date | None = None
    covered: Sequence[Range] = ()

    def is_done(self, day: str) -> bool:
        """Tell whether a day was done before this run."""
        return self.done is not None and day <= self.done.isoformat()

    def after(self, day: date) -> dict[str, Any]:
        """Return the bookmark when a day is done; it never goes back."""
        last = min(day, self.today - DAY)
        reached = last if self.done is None else max(last, self.done)
        return {
            "replication_key": REPLICATION_KEY,
            "replication_key_value": reached.isoformat(),
            **self._coverage(day, last),
        }

    def _coverage(self, day: date, last: date) -> dict[str, Any]:
        """Return what the bookmark says of coverage; days of the project, by its clock.

        Args:
            day: that is read.
            last: the last day that is final.
        """
        if self.asked is None or self.first is None:
            return {}
        start, end = self.asked
        new = [day_range(self.first, last)] if last >= self.first else []
        done, total = (min(day + DAY, end) - start).days, (end - start).days
        return coverage_after([*self.covered, *new], done, total, "days")


def day_range(first: date, last: date) -> Range:
    """Return the range of hours of some days."""
    after = f"{last + DAY}T00" if last < date.max else f"{last}T24"
    return f"{first}T00", after


def done_until(bookmark: Mapping[str, Any]) -> date | None:
    """Return the last day that is done.

    Raises:
        StateUnreadable: The bookmark is no day.
    """
    value = bookmark.get("replication_key_value")
    try:
        return date.fromisoformat(str(value)[:10]) if value else None
    except ValueError as error:
        msg = "The state's replication_key_value is no day; correct or clear the state."
        raise StateUnreadable(msg) from error


def began_at(bookmark: Mapping[str, Any]) -> int | None:
    """Return when the run before began, in milliseconds since 1970; None when nobody knows."""
    try:
        began = datetime.fromisoformat(str(bookmark.get("started_at")).replace("Z", "+00:00"))
        return round(began.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def first_day(start: date, done: date | None, lookback_days: int) -> date:
    """Return the first day to ask for: some days before the end of those done."""
    number = 0 if done is None else done.toordinal() + 1 - lookback_days
    latest = min(number, date.max.toordinal())
    return start if latest <= start.toordinal() else date.fromordinal(latest)


def sessions_cross(midnight: date, frame: TimeFrame, settings: Settings) -> bool:
    """Tell whether a session may go on at the midnight that begins a day of the export."""
    is_off = settings.session_timeout_minutes == 0
    return not is_off and frame.kind == UTC and not frame.has_midnight_of(midnight)


def from_api(downloader: Downloader, progress: Progress) -> DaySource:
    """Yield the windows of the export.

    Raises:
        TapError: The export cannot go on.
    """
    first = "" if progress.first is None else progress.first.isoformat()
    with closing(one_ahead(iter(downloader))) as downloads:
        for download in downloads:
            window = download.window
            yield Portion(
                str(window),
                download.dealt,
                lambda day: progress.after(date.fromisoformat(day.day or "")),
                lambda last=window.last: progress.after(last),  # type: ignore[misc]
                lambda day: (day or "") >= first,
            )
