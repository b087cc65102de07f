"""Times as sources write them: text, numbers since 1970 in some unit, or a format of one's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from singer_delivery.mapping.values import micros, moment

Reader = Callable[[Any], int | None]
"""Reads a time as microseconds since 1970 (UTC); None when it is none."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE]\+?\d+)?", re.ASCII)
_UNITS = ((10**8, 10**6), (10**11, 10**3), (10**14, 1))
"""From what on a number is seconds, milliseconds or microseconds since 1970, and how many
microseconds each is. A hundred times as much is no time in that unit: it lies after 2286.

What is a time in one unit lies before 1973 in the next, so a number has one meaning.
"""
_NANOSECONDS = 10**17
_LAST = 100
_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d))?", re.ASCII)

_OTHER_ISO = re.compile(
    r"(\d{4})-?(\d\d?)-?(\d\d?)"
    r"(?:[ Tt](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?)?"
    r" ?(?:([+-]\d\d):?(\d\d)?)? ?(?:[Zz]|UTC|GMT)?",
    re.ASCII,
)
"""Hours alone, no separators, a leap second, 24:00, single digits, two words for UTC."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MAIL = re.compile(
    r"(?:[A-Z][a-z]{2}, )?(\d\d?) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d)"
    r" (?:GMT|UTC|([+-]\d\d)(\d\d))",
    re.ASCII,
)
"""`Sun, 01 Mar 2026 10:11:12 GMT`: HTTP and mail (RFC 9110, RFC 5322)."""


def reader(time_format: str | None) -> Reader:
    """Return what reads the times of a column.

    Args:
        time_format: as `datetime.strptime` takes it; None for any form that `read` knows.

    Raises:
        ValueError: it is no such format, or says too little for a date.
    """
    if time_format is None:
        return read
    sample = datetime(2001, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    try:
        found = _as_written(sample.strftime(time_format), time_format)
    except (ValueError, re.error) as error:
        msg = f"`{time_format}` is no format for times ({error})."
        raise ValueError(msg) from None
    if found.date() != sample.date():
        msg = f"`{time_format}` does not say year, month and day."
        raise ValueError(msg)
    return lambda value: _formatted(value, time_format)


def read(value: Any) -> int | None:
    """Read a time in one of the forms that have one meaning.

    - text as ISO 8601 and databases write it, a date alone included; without an offset it is UTC;
    - `Sun, 01 Mar 2026 10:11:12 GMT`;
    - a number since 1970, also as text: seconds, milliseconds, microseconds or nanoseconds, by its
      magnitude, for times from 1973 to 2286;
    - `20260301`, a day, and `20260301101112`, a second.

    Finer digits than microseconds are cut. 23:59:60 is the second after it. What depends on a
    country's habits, such as 03/01/2026, is none.
    """
    if isinstance(value, str):
        found = moment(value)
        return _text(value.strip()) if found is None else found.at
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(repr(value))
    return None


def _text(text: str) -> int | None:
    found = _number(text)
    if found is None:
        found = _iso(text)
    return _mail(text) if found is None else found


def _number(text: str) -> int | None:
    if not _NUMBER.fullmatch(text):
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent beyond what decimals have
        return None
    for least, unit in _UNITS:
        if least <= number < least * _LAST:
            return int(number * unit)
    if _NANOSECONDS <= number < _NANOSECONDS * _LAST:
        return int(number) // 1000
    day = _DAY.fullmatch(text)
    return _calendar(day) if day else None


def _calendar(found: re.Match[str]) -> int | None:
    year, month, day, hour, minute, second = found.groups()
    return _time((year, month, day), (hour or "0", minute or "0", second or "0"), None, None)


def _iso(text: str) -> int | None:
    found = _OTHER_ISO.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, *offset = found.groups()
    return _time((year, month, day), (hour or "0", minute or "0", second or "0"), fraction, offset)


def _mail(text: str) -> int | None:
    found = _MAIL.fullmatch(text)
    if found is None or found[2].lower() not in _MONTHS:
        return None
    day, name, year, hour, minute, second, *offset = found.groups()
    month = str(_MONTHS.index(name.lower()) + 1)
    return _time((year, month, day), (hour, minute, second), None, offset)


def _time(
    day: Sequence[str],
    clock: tuple[str, str, str],
    fraction: str | None,
    offset: Sequence[str | None] | None,
) -> int | None:
    """Return what the digits of year, month, day and so on say; None for an impossible time."""
    hour, minute, second = map(int, clock)
    is_end = (hour, minute, second) == (24, 0, 0) and not int(fraction or 0)
    if hour > 23 + is_end or minute > 59 or second > 60:
        return None
    into = timedelta(hours=hour, minutes=minute, seconds=second)
    try:
        midnight = datetime(*map(int, day))  # type: ignore[arg-type]  # noqa: DTZ001 - naive means UTC
        found = midnight + into - _offset(*offset or (None, None))
    except (ValueError, OverflowError):
        return None
    return micros(found) + int((fraction or "")[:6].ljust(6, "0"))


def _offset(hours: str | None, minutes: str | None) -> timedelta:
    sign = -1 if (hours or "").startswith("-") else 1
    return timedelta(hours=int(hours or 0), minutes=sign * int(minutes or 0))


def _formatted(value: Any, time_format: str) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # such as 20260301
    if not isinstance(value, str):
        return None
    try:
        return micros(_as_written(value.strip(), time_format))
    except (ValueError, OverflowError):
        return None


def _as_written(text: str, time_format: str) -> datetime:
    """Return the time in UTC, naive.

    Raises:
        ValueError: the text is not written so.
        OverflowError: the time is none in UTC.
    """
    found = datetime.strptime(text, time_format)  # noqa: DTZ007 - naive means UTC
    return found.astimezone(timezone.utc).replace(tzinfo=None) if found.tzinfo else found
