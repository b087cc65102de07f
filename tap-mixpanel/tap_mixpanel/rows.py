"""How a row waits on disk to be put in order: a head of fixed length before the line. Pure.

    day 7 | time 17 | user 1 | received 17 | processed 17 | uuid 36 | device 16 | value 16 | marks 2

The head up to the uuid is the *order key*, whose bytes compare as the day and then

    (time, rows without `$user_id` first, $mp_api_timestamp_ms, mp_processing_time_ms, uuid)

so that rows are sorted and merged without being read again. Mixpanel exports in no order, and in
another one at each reading, while who owns a device and which session a row is in are decided by
what comes first. Time comes before receipt, since the export is cut by the day of events. Numbers
are written with `BIAS` added. The rest of the head is what sessions need.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
from analytics_records.mixpanel.row import (
    BEFORE_IDENTITY,
    BEFORE_RESHUFFLE,
    event_uuid,
    milliseconds,
    row_uuid,
)
from analytics_records.mixpanel.row import lacks_id as row_lacks_id
from singer_delivery.mapping.json_lines import read_json

from tap_mixpanel.identity_merge import VERBS, device_of
from tap_mixpanel.time_frame import TimeFrame

DAY_MS = 86_400_000
EPOCH_DAY = date(1970, 1, 1).toordinal()
LAST_DAY = date.max.toordinal()
UNDATED = 9_999_999
"""In place of a day, after all of them: of a row without a time, or with one that no year has."""

PLAIN_FROM, PLAIN_TO = 10**12, 10**13
"""Milliseconds of the years 2001 to 2286."""

BIAS = 10**16
"""Above any number that `milliseconds` returns."""

KEY = 95
"""Bytes of the order key."""

UUID = slice(59, 95)
DEVICE, VALUE, MARKS = slice(95, 111), slice(111, 127), slice(127, 129)
HEAD = 129
NOBODY = b"-" * 16
LACKS_ID, LACKS_TIME, NO_MARK = b"i", b"t", b"-"


class Properties(msgspec.Struct, gc=False):
    """What decides of the properties of a row."""

    time: Any = None
    distinct_id: Any = None
    insert_id: Any = msgspec.field(default=None, name="$insert_id")
    before: Any = msgspec.field(default=None, name=BEFORE_IDENTITY)
    reshuffled: Any = msgspec.field(default=None, name=BEFORE_RESHUFFLE)
    user_id: Any = msgspec.field(default=None, name="$user_id")
    device_id: Any = msgspec.field(default=None, name="$device_id")
    received: Any = msgspec.field(default=None, name="$mp_api_timestamp_ms")
    processed: Any = msgspec.field(default=None, name="mp_processing_time_ms")
    is_imported: Any = msgspec.field(default=None, name="$import")


class Row(msgspec.Struct, gc=False):
    """A row of the export, as far as it decides."""

    event: Any
    properties: Properties


_row = msgspec.json.Decoder(Row).decode


def read_rows(lines: Sequence[bytes]) -> list[Row]:
    """Read lines of the export.

    Raises:
        msgspec.ValidationError: One has no `event`, or no `properties` that are an object.
        msgspec.DecodeError: One is no JSON object.
        RecursionError: One nests too deep.
    """
    return [*map(_row, lines)]


def keys_of(lines: Iterable[bytes]) -> list[bytes]:
    """Return the order keys of rows with their heads."""
    return [line[:KEY] for line in lines]


class Heads:
    """Puts heads before lines.

    Args:
        frame: what times of the project are.
        days: the first and the last day that the rows were asked of. Mixpanel decides which day a
            row is of, so one that seems to lie elsewhere is of the nearest of them.
        session_property: its value makes a session.
    """

    def __init__(
        self,
        frame: TimeFrame,
        days: tuple[date, date] | None = None,
        session_property: str | None = None,
    ) -> None:
        self._frame = frame
        first, last = (1, UNDATED) if days is None else (day.toordinal() for day in days)
        self._first, self._last = first, last
        self._value = _value_reader(session_property) if session_property else None

    def of(self, row: Row, line: bytes) -> bytes:
        """Return the head of a row."""
        properties = row.properties
        exported = in_milliseconds(properties.time)
        received = in_milliseconds(properties.received) or 0
        processed = in_milliseconds(properties.processed) or 0
        time = self._time(row, exported, received, processed)
        uuid, lacks_id = uuid_of(row, exported, line)
        device = device_of(properties.device_id, properties.distinct_id, properties.before)
        if row.event in VERBS:
            device = None
        value = self._value(line) if self._value is not None and device is not None else None
        return b"%07d%017d%d%017d%017d%b%b%b%b%b" % (
            self.day_of(exported, received or processed),
            time + BIAS,
            bool(properties.user_id),
            received + BIAS,
            processed + BIAS,
            uuid.encode(),
            NOBODY if device is None else _digest(device.encode("utf-8", "surrogatepass")),
            NOBODY if value is None else _digest(value),
            LACKS_ID if lacks_id else NO_MARK,
            LACKS_TIME if exported is None else NO_MARK,
        )

    def day_of(self, exported: int | None, otherwise: int) -> int:
        """Return the number of the day of a row: that of its time, as exported."""
        moment = exported if exported is not None else otherwise
        day = moment // DAY_MS + EPOCH_DAY
        if day > LAST_DAY or (exported is None and not otherwise):
            return self._last
        return min(max(day, self._first), self._last)

    def _time(self, row: Row, exported: int | None, received: int, processed: int) -> int:
        if exported is None:
            return received or processed
        is_imported = row.properties.is_imported is True
        return self._frame.true_utc(exported, None if is_imported else received or None)


def in_milliseconds(value: Any) -> int | None:
    """Return what `milliseconds` does, faster for a time as the export writes it."""
    return value if type(value) is int and PLAIN_FROM <= value < PLAIN_TO else milliseconds(value)


def uuid_of(row: Row, exported: int | None, line: bytes) -> tuple[str, bool]:
    """Return the uuid of a row, and whether nothing but its content tells it from others."""
    properties = row.properties
    insert_id, ingested = properties.insert_id, properties.before
    if ingested is None or ingested == "":
        ingested = properties.reshuffled
    if ingested is None or ingested == "":
        ingested = properties.distinct_id
    if type(insert_id) is str and type(ingested) is str and type(row.event) is str:
        insert_id = insert_id.strip()
        if insert_id:
            return event_uuid(row.event, exported, insert_id, ingested.strip()), False
    deciding = {
        "event": row.event,
        "properties": {
            "time": properties.time,
            "distinct_id": properties.distinct_id,
            "$insert_id": properties.insert_id,
            BEFORE_IDENTITY: properties.before,
            BEFORE_RESHUFFLE: properties.reshuffled,
        },
    }
    if row_lacks_id(deciding):
        return row_uuid(read_json(line)), True
    return row_uuid(deciding), False


def copy_uuid(line: bytes, copy: int) -> bytes:
    """Return the uuid of a row that lacks an id, after so many equal ones."""
    return row_uuid(read_json(line), copy).encode()


@lru_cache(maxsize=1024)
def day_text(number: int) -> str:
    """Return the day of a number, ISO 8601."""
    return date.fromordinal(number).isoformat()


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=8).hexdigest().encode()


def _value_reader(name: str) -> Any:
    """Return a function that reads a property of a line as JSON; None where it says nothing."""
    properties = msgspec.defstruct(
        "_Properties", [("value", Any, msgspec.field(default=None, name=name))]
    )
    row = msgspec.defstruct("_Row", [("properties", properties)])
    decode = msgspec.json.Decoder(row).decode

    def value_of(line: bytes) -> bytes | None:
        value = decode(line).properties.value  # type: ignore[attr-defined]
        return None if value in (None, "") else msgspec.json.encode(value)

    return value_of
