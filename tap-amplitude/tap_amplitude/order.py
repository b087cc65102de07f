"""The order of rows: that in which Amplitude took them. Pure.

The parts of an hour are shards, not a sequence, and nothing is said of the order within one. Rows
are ordered by their *order key*

    (server_upload_time, event_time, event_id, uuid)

- Times compare as instants, to the microsecond: as Amplitude writes them (`2024-01-31 12:00:00.5`
  is read with any number of decimals), and in other forms of ISO 8601, with or without a zone.
- `event_id` compares as a number, also when it is written as text.
- A column that is missing, null or unreadable comes before every readable one.
- Rows of one key keep their place: by file, in the order of `ExportFile`, and within the file.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL_LENGTH = len("2024-01-31 12:00:00.000000")
NO_NUMBER = -(1 << 200)
"""In place of an `event_id`, below any."""


class Key(msgspec.Struct, order=True, gc=False):
    """The order key of a row; keys compare by their columns, in this order.

    It is no tuple, since the collector of garbage would look at each of a hundred thousand of them.
    """

    server_upload_time: str = ""
    event_time: str = ""
    event_id: int = NO_NUMBER
    uuid: str = ""


class _Usual(Key, order=True, gc=False):
    server_upload_time: str | None = ""  # type: ignore[assignment]
    event_time: str | None = ""  # type: ignore[assignment]
    event_id: int | None = NO_NUMBER  # type: ignore[assignment]
    uuid: str | None = ""  # type: ignore[assignment]


class _Any(msgspec.Struct):
    server_upload_time: Any = None
    event_time: Any = None
    event_id: Any = None
    uuid: Any = None


_usual = msgspec.json.Decoder(_Usual).decode
_any = msgspec.json.Decoder(_Any).decode


def keys_of_sound(lines: Sequence[bytes]) -> list[Key]:
    """Return the order key of each line, and make sure that each is a JSON object.

    msgspec skips the other columns in an eighth of the time that it takes to decode them. It
    refuses all that orjson refuses, but for numbers beyond a double and bytes that are no UTF-8.

    Raises:
        msgspec.DecodeError: A line is no JSON object.
        RecursionError: A line nests too deep.
    """
    try:
        rows: list[Key] = [*map(_usual, lines)]
    except msgspec.ValidationError:  # a column of another type, if they are all objects
        return [*map(_key, map(_any, lines))]
    if (
        _are_usual([row.server_upload_time for row in rows])
        and _are_usual([row.event_time for row in rows])
        and None not in [row.event_id for row in rows]
        and None not in [row.uuid for row in rows]
    ):
        return rows
    return [*map(_key, rows)]


def keys_of(lines: Sequence[bytes]) -> list[Key]:
    """Return the order key of each line; lines are JSON objects."""
    try:
        return keys_of_sound(lines)
    except (msgspec.DecodeError, RecursionError):
        return [*map(key_of, lines)]


def key_of(line: bytes) -> Key:
    """Return the order key of one JSON object, whatever its columns hold."""
    try:
        return _key(_any(line))
    except (msgspec.DecodeError, RecursionError):  # a number beyond a double
        return _key(_Any())


def _key(row: Key | _Any) -> Key:
    uuid = row.uuid if isinstance(row.uuid, str) else ""
    times = _instant(row.server_upload_time), _instant(row.event_time)
    return _Usual(*times, _number(row.event_id), uuid)


def _are_usual(times: list[str]) -> bool:
    """Tell whether each time is as Amplitude writes it, or missing."""
    if None in times:
        return False
    # Each look is at one place of all times at once.
    text = "".join(times)
    count = len(times) - times.count("")
    return (
        {*map(len, times)} <= _USUAL_LENGTHS
        and text[10::USUAL_LENGTH].count(" ") == count
        and text[19::USUAL_LENGTH].count(".") == count
        and (text[25::USUAL_LENGTH].isdecimal() or not count)
    )


_USUAL_LENGTHS = {0, USUAL_LENGTH}


def _instant(value: Any) -> str:
    """Return a time as Amplitude writes it, in UTC; nothing when it is none."""
    if not isinstance(value, str):
        return ""
    if _are_usual([value]):
        return value
    try:
        moment = datetime.fromisoformat(_readable(value))
        if moment.tzinfo is not None:
            moment = moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return ""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}".rjust(USUAL_LENGTH, "0")


def _readable(text: str) -> str:
    """Return a time as `fromisoformat` of Python 3.10 reads it: with 6 decimals or none."""
    text = text.strip()
    text = f"{text[:-1]}+00:00" if text[-1:] in ("Z", "z") else text
    head, point, tail = text.partition(".")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    return f"{head}.{digits[:6]:0<6}{tail[len(digits) :]}" if point else text


def _number(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        return NO_NUMBER
    try:
        return int(value)
    except (TypeError, ValueError):
        return NO_NUMBER
