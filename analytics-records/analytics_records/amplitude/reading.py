"""What one Amplitude record says: of whom it is, when it was, and under which ids.

Source: Amplitude docs, Export API; and the columns as real exports carry them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from singer_delivery.mapping.records import is_of_singer
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import (
    Moment,
    as_text,
    as_uuid,
    digest,
    exported_moment,
    exported_time,
    moment,
    stable_uuid,
)
from singer_delivery.model import Fact, Known, Note, Unmappable

IDENTIFY_RECORD, GROUP_IDENTIFY_RECORD = "$identify", "$groupidentify"
"""Names of records that are calls of Amplitude's Identify APIs, not events."""

_HOUR = 3_600_000_000
_YEAR_2000 = datetime(2000, 1, 1)  # noqa: DTZ001 - naive means UTC, as in exports
_EARLIEST = 946_684_800_000_000  # the same: before Amplitude, before its customers
_LATEST = 253_402_300_799_999_999  # the end of the year 9999, the last that dates are written for

TIME_COLUMNS = ("event_time", "client_event_time", "server_received_time", "server_upload_time")
"""Where the time of an event is looked for, in this order."""


@dataclass(frozen=True, slots=True)
class Who:
    """The ids of a record as the destination gets them: trimmed, legal, fitted; None for no id.

    `distinct_id` names who did it where there is one name only; empty when nobody is known.
    """

    user: str | None
    device: str | None
    distinct_id: str


@dataclass(slots=True)
class Reading:
    """One record, read once.

    Attributes:
        record: the record itself.
        name: Amplitude's event name.
        who: its ids.
        moment: when it happened.
        time_column: the column that says so.
        known: what is known of the past.
        owner: the user this record's device belongs to, when that is known.
        person: whose order its events keep, and whose properties it brings: the user, else the
            owner of the device, else the device.
        own_device: the device, when it belongs to this record's user or is about to.
        event_properties: the column of that name, empty when it is no object.
        notes: what the report counts of it; grows while the record is mapped.
        renewed: what it says again at a later time; grows while the record is mapped.
    """

    record: Mapping[str, Any]
    name: str
    who: Who
    moment: Moment
    time_column: str
    known: Known
    owner: Fact | None
    person: str
    own_device: str | None
    event_properties: Mapping[str, Any]
    notes: list[Note] = field(default_factory=list)
    renewed: list[Fact] = field(default_factory=list)


def read(
    record: Mapping[str, Any],
    name: str,
    known: Known,
    who_is: Callable[[Mapping[str, Any], list[Note]], Who],
    *,
    links: bool,
    devices_apart: bool = False,
) -> Reading:
    """Read a record.

    Args:
        record: from `records.readable`.
        name: its event name, from `event_name`.
        known: what is known of the past.
        who_is: finds its ids as the destination takes them, see `ids.known_id`.
        links: whether devices are merged into users; if not, no device has an owner.
        devices_apart: whether the destination keeps devices apart from users, so that a device that
            has its user's very id belongs to it by a link only.

    Raises:
        Unmappable: what `who_is` raises; no time (`no_time`, `time_out_of_range`).
    """
    notes: list[Note] = []
    who = who_is(record, notes)
    user, device = who.user, who.device
    when, column = when_was(record, notes)
    owner = known.recall("owner", device) if links and device is not None else None
    is_other = user is not None and (devices_apart or user != device)
    is_own = links and is_other and (owner is None or owner.value == user)
    own_device = device if is_own else None
    person = user or (owner.value if owner is not None else who.distinct_id)
    its = record.get("event_properties")
    if not isinstance(its, dict):
        its = {}
    # By place: names would make it slower, and there is one for every record.
    return Reading(
        record, name, who, when, column, known, owner, person, own_device, its, notes, []
    )


def event_name(record: Mapping[str, Any]) -> str:
    """As it is, or under another name (see Event names).

    Raises:
        Unmappable: it is missing, blank or no text (`no_event_name`).
    """
    name = record.get("event_type")
    if isinstance(name, str) and name.strip():
        return name
    reason = "no_event_name"
    raise Unmappable(reason, "`event_type` is missing, empty or not text")


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
    try:
        time = exported_time(text)
        is_usual = _YEAR_2000 <= time <= exported_time(record.get("server_upload_time"))
    except ValueError:
        is_usual = False
    return (exported_moment(time, text), "event_time") if is_usual else _believable(record, notes)


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
    for column in ("server_upload_time", "server_received_time"):
        server = moment(record.get(column))
        if server is not None and server.at >= _EARLIEST:
            return server.at + 24 * _HOUR
    return _LATEST


def event_uuid(record: Mapping[str, Any]) -> str:
    """`uuid` if it is one; else made of `app`, `device_id` and `$insert_id`; else of the record."""
    found = as_uuid(record.get("uuid"))
    if found is not None:
        return found
    insert_id = record.get("$insert_id")
    if not is_absent(insert_id):
        ids = (record.get("app"), record.get("device_id"), insert_id)
        return stable_uuid("event", *(as_text(i) for i in ids))
    content = {key: value for key, value in record.items() if not is_of_singer(key)}
    return stable_uuid("record", digest(content))


def link_uuid(record: Mapping[str, Any], user: str, device: str) -> str:
    """Return the uuid of the link between a user and a device of this record's app."""
    return stable_uuid("link", as_text(record.get("app")), user, device)
