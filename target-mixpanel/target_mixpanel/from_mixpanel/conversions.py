"""What a copy makes of the ids, the time and the name of a row.

The first line of each docstring is printed beside its row, for the analyst who reviews the mapping.
"""

from __future__ import annotations

from typing import Any

from analytics_records.mixpanel.row import row_uuid

from target_mixpanel.from_mixpanel.rows import EventRow
from target_mixpanel.mixpanel import is_insert_id


def name(row: EventRow) -> str:
    """As it is; an event of a hot shard gets its name back."""
    return row.name


def simplified_ids(row: EventRow) -> tuple[str | None, str | None]:
    """As they came: see below."""
    return row.user, row.device


def ingested_id(row: EventRow) -> str | None:
    """The id as ingested: see below."""
    return row.ingested


def time(row: EventRow) -> int:
    """True UTC in milliseconds; where it is missing, when Mixpanel received it."""
    return row.at // 1000


def insert_id(row: EventRow) -> str:
    """As it is if Mixpanel takes it; else the tap's `uuid`."""
    own = row.properties.get("$insert_id")
    if is_insert_id(own):
        return own
    return row.uuid or row_uuid({"event": row.exported_name, "properties": row.properties})


def other_user(value: Any, sent: str | None) -> Any:
    """As it is, where the event goes to another user."""
    return None if value in (None, "", sent) else value


def other_device(value: Any, sent: str | None) -> Any:
    """As it is, where it is not the device that is sent."""
    return None if value in (None, "", sent) else value
