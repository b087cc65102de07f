"""How PostHog reads the time of an event. Source: `rust/common/types/src/timestamp.rs`. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TIME = re.compile(
    r"(\d{4})[-/](\d\d)[-/](\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?"
    r"\s*(?:([Zz]|UTC)|([+-])(\d\d)(?::?(\d\d))?)?"
)


def normalised(timestamp: str) -> str:
    """A readable time as the fake stores it: `2024-03-01T12:00:00.000000Z`.

    Raises:
        ValueError: The text is no time.
    """
    instant = parse_time(timestamp)
    if instant is None:
        msg = f"{timestamp!r} is no time."
        raise ValueError(msg)
    return written(instant)


def parse_time(text: str) -> datetime | None:
    """Read a time the way timestamp.rs does; UTC where no zone is given. None: unreadable."""
    try:
        match = _TIME.fullmatch(text.strip())
        return _time_of(match) if match else _odd_time(text)
    except (ValueError, OverflowError, TypeError):
        return None


def written(instant: datetime) -> str:
    """An instant of UTC as the fake stores it."""
    return instant.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _time_of(match: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, fraction, _, sign, off_hours, off_minutes = (
        match.groups()
    )
    if int(year) == 0:
        return _EPOCH
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    clock = (int(hour or 0), int(minute or 0), int(second or 0), micros)
    instant = datetime(int(year), int(month), int(day), *clock, tzinfo=timezone.utc)
    offset = timedelta(hours=int(off_hours or 0), minutes=int(off_minutes or 0))
    return instant + offset if sign == "-" else instant - offset


def _odd_time(text: str) -> datetime | None:
    """Read an epoch number (milliseconds from 1e11 on: an assumption) or an RFC 2822 date."""
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        number = float(text)
        return _EPOCH + timedelta(seconds=number / 1000 if abs(number) >= 1e11 else number)
    instant = parsedate_to_datetime(text)
    return (
        instant.astimezone(timezone.utc) if instant.tzinfo else instant.replace(tzinfo=timezone.utc)
    )
