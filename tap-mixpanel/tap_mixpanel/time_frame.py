"""What the times of a project are: UTC, or the wall clock of its zone written as if UTC. Pure.

Projects made before early 2023 store the wall clock, and no API says so (Mixpanel docs, Managing
Projects, "Timezone"). `$mp_api_timestamp_ms`, when the service received a row, is UTC in each
project. A row that is live reaches the service seconds or minutes after it happens, so over live
rows `time` less receipt is near 0, or near the offset of the zone.

`time_frame` is `utc` or `project`. The day of a row, by which the export is asked, is in both the
day of the exported `time` read as UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

AUTO, UTC, PROJECT = "auto", "utc", "project"
MINUTE = 60_000
STEP = 15 * MINUTE
"""Milliseconds. Each zone since 1986 lies a multiple of 15 minutes from UTC (IANA tz database)."""

LATE, EARLY = 5 * MINUTE, MINUTE
"""How long a live row is under way, and how far a clock that set its time may be ahead."""

ENOUGH_ROWS = 20
ENOUGH_PERCENT, CLEAR_PERCENT, FEW_PERCENT = 90, 60, 5
HOUR_STEPS = 4
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Live(NamedTuple):
    """Of a row that is not imported: `time` as exported, and its receipt. Milliseconds."""

    time: int
    receipt: int


@dataclass(frozen=True)
class TimeFrame:
    """What times are.

    Attributes:
        kind: `utc` or `project`.
        zone: of the project: whose wall clock times are, and whose midnight ends sessions.
    """

    kind: str
    zone: ZoneInfo

    def true_utc(self, time: int, receipt: int | None) -> int:
        """Return when a row happened. All in milliseconds since 1970, UTC.

        Of an hour that occurs twice, as clocks go back, the reading nearer to the receipt is taken.

        Args:
            time: as exported.
            receipt: of a live row; None takes the first reading.
        """
        if self.kind == UTC:
            return time
        first, second = (time - offset for offset in _offsets_at(self.zone, time // STEP))
        if first >= second or receipt is None:  # one reading, or one that clocks skip
            return first
        return second if abs(second - receipt) < abs(first - receipt) else first

    def today(self, now: float) -> date:
        """Return the day of the export that is not over; `now` is in seconds since 1970."""
        zone = self.zone if self.kind == PROJECT else timezone.utc
        return datetime.fromtimestamp(now, zone).date()

    def has_midnight_of(self, day: date) -> bool:
        """Tell whether a day begins in the zone when it does in UTC."""
        return not datetime(day.year, day.month, day.day, tzinfo=self.zone).utcoffset()

    def midnight_after(self, moment: int) -> int:
        """Return the first midnight of the zone after a moment. Milliseconds since 1970, UTC."""
        return _midnight_after(self.zone, moment)


@dataclass(frozen=True)
class Finding:
    """What live rows say of the frame.

    Attributes:
        kind: `utc` or `project`; None when they do not say.
        problem: the sentence that stops the run; None when there is none.
    """

    kind: str | None
    problem: str | None = None


def found_frame(rows: Sequence[Live], zone: ZoneInfo | None) -> Finding:
    """Tell the frame of a project by live rows, at least `ENOUGH_ROWS` of them.

    Args:
        rows: live rows of some days.
        zone: that the user names for the project.
    """
    steps = steps_seen(rows)
    offsets = dominant(steps)
    if offsets is None:
        return Finding(None, _undecided(len(rows), steps))
    if offsets == (0,):
        is_both = zone is not None and _frames_are_alike(rows, zone)
        return Finding(None, _alike(zone)) if is_both else Finding(UTC)
    if zone is None:
        # An hour behind may be a job that counts by the hour, and then the rest is UTC.
        known = PROJECT if 0 not in offsets else None
        problem = _zone_is_missing(offsets) if known else _undecided(len(rows), steps)
        return Finding(known, problem)
    return Finding(PROJECT, None if fits(rows, zone) else _other_zone(offsets, zone))


def contradiction(rows: Sequence[Live], frame: TimeFrame) -> str | None:
    """Return what the live rows of some days say against the frame; None when nothing.

    Too few rows, or rows without a dominant offset, say nothing.
    """
    offsets = dominant(steps_seen(rows))
    if offsets is None:
        return None
    if frame.kind == UTC:
        return None if offsets == (0,) else f"lie {_spoken(offsets)} UTC"
    if fits(rows, frame.zone):
        return None
    return f"lie {_spoken(offsets)} UTC, as {frame.zone} does not on these days"


def steps_seen(rows: Sequence[Live]) -> Counter[int]:
    """Count rows by the offset they show, in steps of 15 minutes; those that show none are left."""
    steps: Counter[int] = Counter()
    for row in rows:
        step, rest = divmod(row.time - row.receipt + LATE, STEP)
        if rest <= LATE + EARLY:
            steps[step] += 1
    return steps


def dominant(steps: Counter[int]) -> tuple[int, ...] | None:
    """Return the step that nearly all rows show, or the two an hour apart; None when none do.

    Late rows of phones spread over all steps. So a smaller share will do where no other step has
    more than a few: an offset is one peak, or two around a change of clocks.
    """
    count = sum(steps.values())
    if count < ENOUGH_ROWS:
        return None
    peaks = sorted(step for step, seen in steps.items() if seen * 100 > count * FEW_PERCENT)
    is_one = len(peaks) == 1 or (len(peaks) == 2 and peaks[1] - peaks[0] == HOUR_STEPS)
    if is_one and sum(steps[step] for step in peaks) * 100 >= count * CLEAR_PERCENT:
        return tuple(peaks)
    top, seen = steps.most_common(1)[0]
    return (top,) if seen * 100 >= count * ENOUGH_PERCENT else None


def fits(rows: Sequence[Live], zone: ZoneInfo) -> bool:
    """Tell whether nearly all rows that show an offset show the one `zone` has at their receipt."""
    moved = [Live(row.time - _offset_of(zone, row.receipt // STEP), row.receipt) for row in rows]
    return dominant(steps_seen(moved)) == (0,)


def days_that_tell(zone: ZoneInfo, today: date) -> date | None:
    """Return the latest day up to today on which the zone is not at UTC; None when none in a year.

    On such days the two frames differ, as in London in summer.
    """
    for days in range(min(366, today.toordinal())):
        day = today - timedelta(days=days)
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone)
        if noon.utcoffset():
            return day
    return None


def _frames_are_alike(rows: Sequence[Live], zone: ZoneInfo) -> bool:
    """Tell whether a zone is at UTC when the rows come, and not always."""
    latest = max(row.receipt for row in rows)
    last = (EPOCH + timedelta(milliseconds=latest)).date()
    at_utc = not any(_offset_of(zone, row.receipt // STEP) for row in rows)
    return at_utc and days_that_tell(zone, last) is not None


@lru_cache(maxsize=4096)
def _offsets_at(zone: ZoneInfo, step: int) -> tuple[int, int]:
    """Return the offsets of both readings of a wall clock, in ms; a clock changes at a step."""
    try:
        wall = datetime(1970, 1, 1, tzinfo=zone) + timedelta(milliseconds=step * STEP)
        first, second = wall.replace(fold=0).utcoffset(), wall.replace(fold=1).utcoffset()
    except OverflowError:  # no year has such a time
        return 0, 0
    assert first is not None
    assert second is not None
    return first // timedelta(milliseconds=1), second // timedelta(milliseconds=1)


@lru_cache(maxsize=4096)
def _offset_of(zone: ZoneInfo, step: int) -> int:
    """Return the offset of a zone at a moment of UTC, in ms."""
    try:
        moment = (EPOCH + timedelta(milliseconds=step * STEP)).astimezone(zone)
    except OverflowError:
        return 0
    offset = moment.utcoffset()
    assert offset is not None
    return offset // timedelta(milliseconds=1)


def _midnight_after(zone: ZoneInfo, moment: int) -> int:
    try:
        local = (EPOCH + timedelta(milliseconds=moment)).astimezone(zone)
        following = local.date() + timedelta(days=1)
        midnight = datetime(following.year, following.month, following.day, tzinfo=zone)
    except OverflowError:
        return moment + 24 * 60 * MINUTE
    return (midnight - EPOCH) // timedelta(milliseconds=1)


def _undecided(count: int, steps: Counter[int]) -> str:
    shown = sum(steps.values())
    why = (
        f"only {shown:,} of {count:,} live rows show it"
        if shown < ENOUGH_ROWS
        else f"{count:,} live rows show several offsets"
    )
    return (
        "Whether the times of this project are UTC or the wall clock of its time zone cannot be "
        f"told: {why}. Set time_frame to utc for a project made since 2023, or else to project "
        "with project_timezone; compare a few events with the Events page of Mixpanel, which "
        "shows the zone of the project."
    )


def _alike(zone: ZoneInfo | None) -> str:
    return (
        "Whether the times of this project are UTC or its wall clock cannot be told, since "
        f"{zone} is at UTC on the days looked at. Set time_frame to utc for a project made since "
        "2023, or else to project."
    )


def _zone_is_missing(offsets: tuple[int, ...]) -> str:
    return (
        f"The times of this project lie {_spoken(offsets)} UTC, as those of projects made before "
        "2023 do: they are the wall clock of its time zone. Set project_timezone to that zone, "
        "such as US/Pacific; Mixpanel shows it in the settings of the project."
    )


def _other_zone(offsets: tuple[int, ...], zone: ZoneInfo) -> str:
    return (
        f"The times of this project lie {_spoken(offsets)} UTC, but those of {zone}, which is "
        "project_timezone, lie elsewhere. Correct project_timezone; Mixpanel shows the zone in "
        "the settings of the project."
    )


def _spoken(offsets: tuple[int, ...]) -> str:
    """Return offsets as in `7 h behind`, `5 h 30 min ahead of` or `8 h or 7 h behind`."""
    amounts = [_amount(abs(step)) for step in offsets]
    way = "behind" if min(offsets) < 0 else "ahead of"
    return f"{' or '.join(amounts)} {way}"


def _amount(steps: int) -> str:
    hours, quarters = divmod(steps, 4)
    return f"{hours} h{f' {quarters * 15} min' if quarters else ''}"
