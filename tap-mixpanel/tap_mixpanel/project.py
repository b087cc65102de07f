"""What is known of a project before its first row leaves: the frame of its times, its ID merge.

The settings say it, or the STATE of a run before, or live rows: those of the last 7 days that are
read, else of the last 90, else of all. Where neither says what times are the run stops, since a
history that is imported some hours off cannot be taken back.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from analytics_records.mixpanel.row import milliseconds
from singer_delivery.tap.errors import TapError

from tap_mixpanel.identity_merge import ORIGINAL, SIMPLIFIED, IdentityMerge
from tap_mixpanel.settings import Settings
from tap_mixpanel.time_frame import (
    AUTO,
    ENOUGH_ROWS,
    PROJECT,
    UTC,
    Finding,
    Live,
    TimeFrame,
    contradiction,
    days_that_tell,
    dominant,
    found_frame,
    steps_seen,
)

logger = logging.getLogger("tap-mixpanel.export")

SAMPLE_ROWS = 1_000
FEW_DAYS, MANY_DAYS = 7, 90
LIVE_ROWS_A_DAY = 200
"""Live rows of a day that are held against the frame."""

Sample = Callable[[date, date], Sequence[bytes]]
"""Returns up to `SAMPLE_ROWS` raw rows of the days from the first to the second, both included."""


class FrameUnknown(TapError):  # noqa: N818 - named by what happened
    """What times are is not known, or the rows contradict it."""


@dataclass(frozen=True)
class Project:
    """What is known of a project.

    Attributes:
        frame: what its times are.
        merge: what its rows say of ids, so far.
        watch: holds rows against the frame.
    """

    frame: TimeFrame
    merge: IdentityMerge
    watch: Watch

    @property
    def as_bookmark(self) -> dict[str, Any]:
        """What STATE keeps."""
        return {"time_frame": self.frame.kind, "identity_merge": self.merge.mode}


def opened(
    settings: Settings,
    bookmark: Mapping[str, Any],
    sample: Sample,
    today: date,
    first: date | None = None,
) -> Project:
    """Find out what is known of a project.

    Args:
        settings: the settings.
        bookmark: of the stream `events`.
        sample: asks for some rows; not called where nothing is open.
        today: the last day that may be asked for.
        first: the first day with rows, where that is known; else it is `start_date`.

    Raises:
        FrameUnknown: What times are cannot be told.
    """
    merge = IdentityMerge(_told(settings.identity_merge, bookmark.get("identity_merge"), MERGES))
    kind = _told(settings.time_frame, bookmark.get("time_frame"), FRAMES)
    zone = settings.zone
    if kind is None:
        kind = _found(_samples(sample, _sampled_days(settings, today, first), merge), zone)
    if kind == PROJECT and zone is None:
        msg = (
            "The times of this project are the wall clock of its time zone, as STATE says: "
            "project_timezone is needed. Mixpanel shows it in the settings of the project."
        )
        raise FrameUnknown(msg)
    frame = TimeFrame(kind, zone or ZoneInfo("UTC"))
    return Project(frame, merge, Watch(frame, is_sure=settings.time_frame != AUTO))


MERGES, FRAMES = (SIMPLIFIED, ORIGINAL), (UTC, PROJECT)


def _told(setting: str, known: Any, values: Sequence[str]) -> str | None:
    if setting in values:
        return setting
    return known if known in values else None


def _sampled_days(settings: Settings, today: date, first: date | None) -> list[tuple[date, date]]:
    """Return the days whose rows are looked at, one range after the other until they tell.

    They are those before the end of what is read, or those on which the zone is not at UTC.
    """
    last = min(today, settings.end - timedelta(days=1)) if settings.end else today
    last = (days_that_tell(settings.zone, last) if settings.zone else None) or last
    number = last.toordinal()
    ranges = [(date.fromordinal(max(1, number - days + 1)), last) for days in (FEW_DAYS, MANY_DAYS)]
    start = settings.start or first
    if start is not None and start < ranges[-1][0]:
        ranges.append((start, last))
    return ranges


def _samples(
    sample: Sample, ranges: Sequence[tuple[date, date]], merge: IdentityMerge
) -> list[Live]:
    """Return live rows of the first range that has enough of them."""
    rows: list[Live] = []
    for first, last in ranges:
        lines = sample(first, last)
        merge.look_at(lines)
        rows = [row for row in map(live_row, lines) if row is not None]
        if len(rows) >= ENOUGH_ROWS:
            break
    return rows


def _found(rows: Sequence[Live], zone: ZoneInfo | None) -> str:
    found: Finding = found_frame(rows, zone)
    if found.problem is not None or found.kind is None:
        raise FrameUnknown(found.problem)
    return found.kind


@dataclass
class Watch:
    """Holds live rows of each day against the frame, before the day leaves.

    Attributes:
        frame: what times are.
        is_sure: whether the user says so: then a day that contradicts stops nothing.
    """

    frame: TimeFrame
    is_sure: bool = False
    _live: defaultdict[str, list[Live]] = field(default_factory=lambda: defaultdict(list))
    _unsure: list[Live] = field(default_factory=list)
    _unsure_since: str = ""
    _is_told: bool = False

    def look_at(self, day: str, row: Live) -> None:
        """Take a live row of a day into account."""
        if len(self._live[day]) < LIVE_ROWS_A_DAY:
            self._live[day].append(row)

    def check(self, day: str) -> None:
        """Hold the rows of a day against the frame, and forget them.

        Where a day has too few rows to tell, they are held together with those of the next.

        Raises:
            FrameUnknown: They contradict it.
        """
        since = self._unsure_since if self._unsure else day
        rows = [*self._unsure, *self._live.pop(day, [])][-LIVE_ROWS_A_DAY:]
        says_nothing = dominant(steps_seen(rows)) is None
        self._unsure, self._unsure_since = (rows, since) if says_nothing else ([], "")
        said = contradiction(rows, self.frame)
        if said is not None:
            self._contradicted(day if since == day else f"{since} to {day}", said)

    def _contradicted(self, days: str, said: str) -> None:
        known = f"the wall clock of {self.frame.zone}" if self.frame.kind == PROJECT else "UTC"
        if self.is_sure:
            if not self._is_told:
                logger.warning("The times of %s %s, and are taken for %s.", days, said, known)
            self._is_told = True
            return
        msg = (
            f"The times of {days} {said}, though those of other days are {known}. The zone of the "
            "project may have changed, or it counts by the hour: set time_frame (and "
            "project_timezone) to what the times of these days are, and go on, with an end_date "
            "where the frame changes."
        )
        raise FrameUnknown(msg)


def live_row(line: bytes) -> Live | None:
    """Return when a row says it happened and when it came; None when it is not live or no row."""
    try:
        properties = _row(line).properties
    except (msgspec.DecodeError, RecursionError):
        return None
    time, receipt = milliseconds(properties.time), milliseconds(properties.receipt)
    if properties.is_imported is True or time is None or receipt is None:
        return None
    return Live(time, receipt)


class _Properties(msgspec.Struct):
    time: Any = None
    receipt: Any = msgspec.field(default=None, name="$mp_api_timestamp_ms")
    is_imported: Any = msgspec.field(default=None, name="$import")


class _Row(msgspec.Struct):
    properties: _Properties = msgspec.field(default_factory=_Properties)


_row = msgspec.json.Decoder(_Row).decode
