"""What one exported row says: its name, when it was, what it joins. Pure.

Source: Mixpanel docs, Export, Identifying Users (Original ID Merge), Hot shard limits; and rows as
they are exported.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from singer_delivery.mapping.values import clean_id, micros, moment
from singer_delivery.model import Note, Unmappable

from analytics_records.json_text import unpacked
from analytics_records.mixpanel.row import milliseconds

IDENTIFY, CREATE_ALIAS, MERGE = "$identify", "$create_alias", "$merge"
VERBS = frozenset({IDENTIFY, CREATE_ALIAS, MERGE})
"""Names of rows that join ids."""

HOT_SHARD = "$hotshard_events"
"""Name of rows whose own name and id Mixpanel has put aside, since they were too many of one id."""

HOT_SHARD_COUNT = "$hotshard_record"
"""Name of the row that counts the events of such an id; it is no event."""

FAILURES = ("$failure_reason", "$identity_failure_reason")
"""Say that Mixpanel refused to join ids."""

_EARLIEST = 946_684_800_000_000
"""The year 2000 in microseconds: before Mixpanel, before its customers."""
_LATEST = 253_402_300_799_999_999
"""The end of the year 9999, the last that dates are written for."""
_DAY = 86_400_000_000
_LENGTH = len("2024-03-01T10:11:12.123Z")

Properties = Mapping[str, Any]


class When(NamedTuple):
    """When a row happened.

    Attributes:
        at: in microseconds since 1970 (UTC); 0 when nobody knows.
        column: that says so: the tap's, the property, or that of the receipt; empty for none.
        notes: what reading it counts.
        refused: reason and detail why it has no time.
    """

    at: int
    column: str
    notes: tuple[Note, ...] = ()
    refused: tuple[str, str] | None = None


TIME, OWN_TIME, RECEIPT = "row.time", "time", "$mp_api_timestamp_ms"
"""Columns that say when a row happened: the tap's, the property, when Mixpanel received it."""

_NO_TIME = ("no_time", "neither `time` nor `$mp_api_timestamp_ms` is a possible time")


def when_was(
    time: Any, own_time: Any, received: int | None, notes: tuple[Note, ...] = (), *, is_live: bool
) -> When:
    """`time` of the tap, in UTC; else of the properties, in seconds or milliseconds by magnitude.

    Missing, before 2000, or over 24 hours after Mixpanel received a row that was not imported: the
    time of that receipt.

    Args:
        time: the tap's.
        own_time: of the properties.
        received: when Mixpanel's API received it, in milliseconds; None where it does not say.
        notes: counted before.
        is_live: whether it was sent as it happened, and not imported.
    """
    latest = _LATEST
    if is_live and received is not None:
        latest = received * 1000 + _DAY
    for column, at in ((TIME, _micros(time)), (OWN_TIME, _own(own_time))):
        if at is not None:
            if _EARLIEST <= at <= latest:
                return When(at, column, notes)
            break  # the tap's is the other one, corrected
    if received is not None and _EARLIEST <= received * 1000 <= _LATEST:
        return When(received * 1000, RECEIPT, (*notes, Note("clock_fallback", RECEIPT)))
    return When(0, "", notes, _NO_TIME)


def usual_time(time: Any, received: int | None) -> int | None:
    """Return when a row happened, in microseconds, where both times are as nearly always.

    Args:
        time: the tap's.
        received: when Mixpanel's API received it, in milliseconds.
    """
    if type(time) is not str or len(time) != _LENGTH or time[-1] != "Z" or received is None:
        return None
    try:
        at = micros(datetime.fromisoformat(time[:-1]))
    except (ValueError, TypeError):
        return None
    return at if _EARLIEST <= at <= received * 1000 else None


def _micros(value: Any) -> int | None:
    found = moment(value)
    return None if found is None else found.at


def _own(value: Any) -> int | None:
    at = milliseconds(value)
    return None if at is None else at * 1000


def id_text(value: Any) -> str | None:
    """Return an id as text, None for none; a number keeps its digits.

    Raises:
        Unmappable: it is a float to which other numbers are rounded (`inexact_id`).
    """
    return value if isinstance(value, str) else clean_id(value)


def row_of(record: Properties) -> dict[str, Any]:
    """Return the row of a record as it was exported, without what was added to it on the way.

    Raises:
        Unmappable: its properties are neither an object nor JSON text of one (`bad_properties`), or
            nest too deep.
    """
    properties = record.get("properties")
    if type(properties) is not dict:  # nearly always it is
        properties = unpacked(properties) or {}
        if not isinstance(properties, Mapping):
            reason = "bad_properties"
            raise Unmappable(
                reason, "column `properties` is neither an object nor JSON text of one"
            )
    return {"event": record.get("event"), "properties": properties}


def parts_of(record: Properties) -> tuple[str, Properties]:
    """Return what `name_and_properties` does of the row of a record.

    Raises:
        Unmappable: as `row_of` does.
    """
    name, properties = record.get("event"), record.get("properties")
    if type(name) is str and type(properties) is dict and name != HOT_SHARD:  # nearly always
        return name, properties
    return name_and_properties(row_of(record))


def name_and_properties(row: Properties) -> tuple[str, Properties]:
    """Return the name and the properties of a row, as the customer sent them.

    Rows of an id that came too often get back the name and the id that Mixpanel put aside (Mixpanel
    docs, Hot shard limits).
    """
    name, properties = event_name(row), row["properties"]
    if name != HOT_SHARD:
        return name, properties
    named = properties.get("mp_original_event_name")
    of = properties.get("mp_original_distinct_id")
    if of is not None and of != "":
        properties = {**properties, "distinct_id": of}
    return (named if isinstance(named, str) and named else name), properties


def event_name(record: Properties) -> str:
    """Return the name of an exported row; empty where it has none."""
    name = record.get("event")
    return name if isinstance(name, str) else ""


def joined_ids(name: str, properties: Properties) -> tuple[tuple[str, ...], str | None]:
    """Return the ids that a row joins, and which of them it names as a user's.

    A row that Mixpanel refused joins none.

    Raises:
        Unmappable: an id is a float to which other numbers are rounded (`inexact_id`).
    """
    if any(properties.get(failure) for failure in FAILURES):
        return (), None
    get = properties.get
    if name == IDENTIFY:
        identified = id_text(get("$identified_id"))
        found = [identified, id_text(get("$anon_id"))]
    elif name == CREATE_ALIAS:
        identified, found = None, [id_text(get("distinct_id")), id_text(get("alias"))]
    else:
        listed = get("$distinct_ids")
        identified = None
        found = [id_text(one) for one in listed] if isinstance(listed, list) else []
    return tuple(one for one in found if one), identified
