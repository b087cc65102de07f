"""What one Amplitude record says: its name, when it was, and under which ids. Pure.

Source: Amplitude docs, Export API; and the columns as real exports carry them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from singer_delivery.mapping.records import is_bookkeeping
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import (
    Moment,
    as_text,
    as_uuid,
    digest,
    exported_moment,
    exported_time,
    key_text,
    moment,
    stable_uuid,
)
from singer_delivery.model import Note, Unmappable

IDENTIFY_RECORD, GROUP_IDENTIFY_RECORD = "$identify", "$groupidentify"
"""Names of records that are calls of Amplitude's Identify APIs, not events."""

_HOUR = 3_600_000_000
_EARLIEST = 946_684_800_000_000  # the year 2000: before Amplitude, before its customers
_LATEST = 253_402_300_799_999_999  # the end of the year 9999, the last that dates are written for

TIME_COLUMNS = ("event_time", "client_event_time", "server_received_time", "server_upload_time")
"""Where the time of an event is looked for, in this order."""


def event_name(record: Mapping[str, Any]) -> str:
    """As it is, or under another name (see Event names)."""
    name = record.get("event_type")
    return name if isinstance(name, str) else ""


def is_web(record: Mapping[str, Any]) -> bool:
    """Tell whether the record is of a browser: there `os_name` is the browser's name."""
    platform = record.get("platform")
    return isinstance(platform, str) and _is_web(platform)


@lru_cache(64)
def _is_web(platform: str) -> bool:
    return platform.strip().lower() == "web"


def when_was(record: Mapping[str, Any], notes: list[Note]) -> tuple[Moment, str]:
    """`event_time`, or the next time column, where it is missing, unreadable or impossible.

    Impossible is what lies before 2000 or over 24 hours after the upload: the clock of a device
    can be centuries off (Amplitude docs, SDK debugging).

    Raises:
        Unmappable: no column has a time (`no_time`), or only impossible ones (`time_out_of_range`).
    """
    text: Any = record.get("event_time")
    times = usual_times(text, record.get("server_upload_time"))
    if times is None:
        return _believable(record, notes)
    return exported_moment(times[0], text), "event_time"


def usual_times(text: Any, uploaded: Any) -> tuple[int, int] | None:
    """Return the times of event and upload, where both are as nearly always; else None."""
    try:
        at, upload = exported_time(text), exported_time(uploaded)
    except ValueError:
        return None
    return (at, upload) if _EARLIEST <= at <= upload else None


def when_received(record: Mapping[str, Any]) -> int | None:
    """Return when Amplitude took a record, in microseconds since 1970; None when it does not say.

    `server_upload_time` is the time by which Amplitude exports (Amplitude docs, Export API).
    """
    for column in ("server_upload_time", "server_received_time"):
        server = moment(record.get(column))
        if server is not None and server.at >= _EARLIEST:
            return server.at
    return None


def hour(record: Mapping[str, Any]) -> int:
    """Return the hour of the export that a record is in, since 1970 (UTC); 0 for unknown."""
    text = record.get("server_upload_time")
    if type(text) is str and len(text) == 26 and text[19] == ".":  # mostly
        return _hour_of(text[:13])
    received = when_received(record)
    return 0 if received is None else received // _HOUR


@lru_cache(1024)
def _hour_of(text: str) -> int:
    found = moment(f"{text}:00:00")
    return 0 if found is None else found.at // _HOUR


def _believable(record: Mapping[str, Any], notes: list[Note]) -> tuple[Moment, str]:
    latest = _latest_believable(record)
    reason, detail = "no_time", f"none of {', '.join(TIME_COLUMNS)} is a date and time"
    for column in TIME_COLUMNS:
        found = moment(record.get(column))
        if found is None:
            continue
        if _EARLIEST <= found.at <= latest:
            if column != "event_time":
                notes.append(Note("clock_fallback", column))
            return found, column
        reason = "time_out_of_range"
        detail = "every time of it is before 2000 or over 24 hours after its upload"
    raise Unmappable(reason, detail)


def _latest_believable(record: Mapping[str, Any]) -> int:
    received = when_received(record)
    return _LATEST if received is None else received + 24 * _HOUR


def event_uuid(record: Mapping[str, Any]) -> str:
    """`uuid` if it is one; else made of `app`, `device_id` and `$insert_id`; else of the record."""
    found = as_uuid(record.get("uuid"))
    if found is not None:
        return found
    insert_id = record.get("$insert_id")
    if not is_absent(insert_id):
        ids = (record.get("app"), record.get("device_id"), insert_id)
        return stable_uuid("event", *(key_text(i) for i in ids))
    content = {key: value for key, value in record.items() if not is_bookkeeping(key)}
    return stable_uuid("record", digest(content))


def link_uuid(record: Mapping[str, Any], user: str, device: str) -> str:
    """Return the uuid of the link between a user and a device of this record's app."""
    return stable_uuid("link", as_text(record.get("app")), user, device)
