"""Vendor-neutral conversions of values: times, ids, digests. Pure, and never random.

Every id made here is a function of its arguments alone, so that the same record sent again carries
the same ids.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from hashlib import sha1, sha256
from typing import Any, TypeGuard
from uuid import UUID

import orjson

from singer_delivery.mapping.countries import country_code, country_name
from singer_delivery.mapping.json_lines import EXACT
from singer_delivery.mapping.languages import is_language_code, language_code
from singer_delivery.model import Unmappable

__all__ = [
    "NAMESPACE",
    "Moment",
    "as_text",
    "as_uuid",
    "canonical_json",
    "clean_id",
    "country_code",
    "country_name",
    "digest",
    "instant",
    "is_language_code",
    "key_text",
    "language_code",
    "micros",
    "moment",
    "moment_text",
    "rfc3339",
    "session_uuid",
    "shortened",
    "stable_uuid",
]

NAMESPACE = UUID("a1a6bb5e-39ec-4c2a-8f6e-6d0c7f1f5c0b")
"""Namespace of every uuid made by `stable_uuid`. Changing it would make all re-sent events new."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive means UTC here, as in the sources


@dataclass(slots=True)  # not frozen: that would make each take twice as long
class Moment:
    """A point in time: microseconds since 1970 (UTC), and the same as RFC 3339 text in UTC."""

    at: int
    text: str


_EXPORTED = ("-- ::.", "--T::.")
"""What stands between the digits of `2024-03-01 10:11:12.123456`, at every third place."""
_OF_TAP = "--T::."
"""Likewise of `2024-03-01T10:11:12.123Z`, in milliseconds, as taps write times."""
_ANY_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[ Tt](\d\d:\d\d)(:\d\d)?(?:[.,](\d+))?"
    r" ?(?:[Zz]|UTC|([+-])(\d\d):?(\d\d)?)?)?",
    re.ASCII,
)


def exported_time(value: Any) -> int:
    """Return the microseconds since 1970 of a time as exports write it, in UTC.

    The form is `2024-03-01 10:11:12.123456`. Most times have it, and are read twice as fast for it.

    Raises:
        ValueError: it has another form, or is no possible time.
    """
    if type(value) is not str or len(value) != 26 or value[4:20:3] not in _EXPORTED:
        raise ValueError
    try:
        return micros(datetime.fromisoformat(value))
    except TypeError:  # it has a zone: five digits and a Z, since Python 3.11
        raise ValueError from None


def is_exported(value: Any) -> TypeGuard[str]:
    """Tell whether a value looks like a time as exports write it, in UTC: it may be no real day."""
    is_as_long = type(value) is str and len(value) == 26 and value[4:20:3] in _EXPORTED
    return is_as_long and value[20:].isdigit()  # else it ends with an offset


def exported_moment(at: int, text: str) -> Moment:
    """Return the moment of a text that `exported_time` read as this time."""
    return Moment(at, f"{text.replace(' ', 'T')}Z")


def micros(time: datetime) -> int:
    """Return microseconds since 1970 of a naive time, which means UTC.

    Raises:
        TypeError: it has a zone.
    """
    since = time - _EPOCH  # dividing it by a microsecond would take longer
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(value: Any) -> Moment | None:
    """Read a date or time; None when it is no text or no possible time.

    Accepts `YYYY-MM-DD`, alone or with `HH:MM[:SS[.f]]` after a space or a `T`, and `Z` or an
    offset. A time without an offset is UTC. Microseconds are kept, finer digits are cut.
    """
    try:
        if _is_of_tap(value):
            return exported_moment(exported_time(f"{value[:-1]}000"), f"{value[:-1]}000")
        return exported_moment(exported_time(value), value)
    except ValueError:
        return _read_any_time(value.strip()) if isinstance(value, str) else None


def instant(value: Any) -> int | None:
    """Return the microseconds since 1970 of what `moment` reads; None for none."""
    try:
        return exported_time(value)
    except ValueError:
        return _instant(value) if isinstance(value, str) else None


@lru_cache(4096)  # what begins a session stands on many events; about 1 MB
def _instant(text: str) -> int | None:
    found = moment(text)
    return None if found is None else found.at


def _is_of_tap(value: Any) -> bool:
    """Tell whether a text looks like a time as taps write it."""
    is_as_long = type(value) is str and len(value) == 24 and value[23] == "Z"
    return is_as_long and value[4:20:3] == _OF_TAP


def _read_any_time(text: str) -> Moment | None:
    # Not datetime.fromisoformat alone: in Python 3.10 it takes neither Z nor five digits.
    found = _ANY_TIME.fullmatch(text)
    if found is None:
        return None
    day, minutes, seconds, fraction, sign, hours_off, minutes_off = found.groups()
    digits = (fraction or "")[:6].ljust(6, "0")
    try:
        local = datetime.fromisoformat(f"{day}T{minutes or '00:00'}{seconds or ':00'}.{digits}")
        offset = timedelta(hours=int(hours_off or 0), minutes=int(minutes_off or 0))
        utc = local + offset if sign == "-" else local - offset
    except (ValueError, OverflowError):  # the 30th of February; year 0 after the offset
        return None
    return exported_moment(micros(utc), utc.isoformat(timespec="microseconds"))


def rfc3339(at: int) -> str:
    """Return microseconds since 1970 (UTC) as RFC 3339 text, the same that `moment` gives."""
    return _text(_EPOCH + timedelta(microseconds=at))


def moment_text(value: Any, at: int) -> str:
    """Return a time as RFC 3339 text: `rfc3339`, faster where it was read from an exported time.

    Args:
        value: what the time was read from.
        at: the time in microseconds since 1970 (UTC).
    """
    if type(value) is str and len(value) == 24 and value[10] == "T" and value[19::4] == ".Z":
        return value  # in milliseconds, as taps write it
    if is_exported(value):
        return f"{value.replace(' ', 'T')}Z"
    return rfc3339(at)


def _text(utc: datetime) -> str:
    return utc.replace(tzinfo=timezone.utc).isoformat(timespec="microseconds")[:26] + "Z"


_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_NO_UUID = {"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"}


def as_uuid(value: Any) -> str | None:
    """Return a uuid in lower case, or None when the value is none (nor may it be all 0 or all f).

    Only the form with dashes counts: what else `uuid.UUID` reads is more likely another id.
    """
    if not isinstance(value, str):
        return None
    if not _UUID.fullmatch(value):  # most are trimmed and in lower case
        value = value.strip().lower()
        if not _UUID.fullmatch(value):
            return None
    return None if value in _NO_UUID else value


def stable_uuid(*parts: str) -> str:
    """Return the uuid (version 5) of these texts in this order, in our `NAMESPACE`.

    The name is the JSON list of the parts, so that ("a", "bc") and ("ab", "c") differ.
    """
    hashed = sha1(NAMESPACE.bytes + orjson.dumps(parts), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(hashed[16], 16) & 3]
    return f"{hashed[:8]}-{hashed[8:12]}-5{hashed[13:16]}-{variant}{hashed[17:20]}-{hashed[20:32]}"


@lru_cache(2048)  # a session is many events; about 1 MB
def session_uuid(start_ms: int, *owner: str) -> str:
    """Return a UUIDv7 for a session: its time is the start, its other bits a hash of the owner.

    Args:
        start_ms: start of the session in milliseconds since 1970; 0 <= start_ms < 2**48.
        owner: what tells this session from others that start in the same millisecond.
    """
    bits = int.from_bytes(sha256(orjson.dumps((*owner, start_ms))).digest()[:10], "big")
    upper = start_ms << 16 | 0x7000 | bits >> 68
    lower = 0b10 << 62 | bits & (1 << 62) - 1
    return str(UUID(int=upper << 64 | lower))


def clean_id(value: Any) -> str | None:
    """Return an id as trimmed text; None for nothing, blanks and what cannot be an id.

    Whole numbers become their digits, wherever a source writes ids as numbers.

    Raises:
        Unmappable: it is a float to which other numbers are rounded (`inexact_id`).
    """
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float):
        _check_exact(value)
        return str(int(value)) if value.is_integer() else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def key_text(value: Any) -> str:
    """Return `as_text` of a value that tells records apart.

    Raises:
        Unmappable: it is a float to which other numbers are rounded (`inexact_id`).
    """
    if isinstance(value, float):
        _check_exact(value)
    return as_text(value)


def _check_exact(number: float) -> None:
    if number.is_integer() and abs(number) >= EXACT:
        reason = "inexact_id"
        detail = (
            "an id is a number that lost digits before it came, so that several ids would become "
            "one; let the source write it as a whole number or as a text"
        )
        raise Unmappable(reason, detail)


def shortened(text: str, limit: int, keep: int) -> str:
    """Return a text of at most `limit` bytes: itself, or its start, a dash and a hash of it all.

    Args:
        text: to be shortened.
        limit: greatest length that is left alone, in bytes of UTF-8.
        keep: bytes of a longer text that are kept; `keep` + 17 <= limit.
    """
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    return f"{encoded[:keep].decode(errors='ignore')}-{sha256(encoded).hexdigest()[:16]}"


def as_text(value: Any) -> str:
    """Return a text as it is, any other JSON value as its JSON."""
    return value if isinstance(value, str) else canonical_json(value).decode()


def canonical_json(value: Any) -> bytes:
    """Return the one JSON text of a value (`cleaning.tidy` before): keys sorted, no spaces."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(value: Any) -> str:
    """Return 32 hexadecimal digits that stand for a JSON value, whatever the order of its keys."""
    return sha256(canonical_json(value)).hexdigest()[:32]
