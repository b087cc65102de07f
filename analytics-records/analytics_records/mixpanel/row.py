"""The id of an exported row and its place among the others: one rule for taps and targets. Pure.

Mixpanel tells events apart by event, `distinct_id`, `time` and `$insert_id` (Mixpanel docs, Event
Deduplication). It changes the exported `distinct_id` when people merge and keeps the former one
beside it, and exports seconds or milliseconds as asked. Rows of old SDKs have no `$insert_id`.
So the id of a row is made of what no second reading changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from singer_delivery.mapping.json_lines import EXACT
from singer_delivery.mapping.values import canonical_json, digest, stable_uuid

BEFORE_IDENTITY = "$distinct_id_before_identity"
"""Holds the id under which the event came, on rows whose `distinct_id` was changed since."""

BEFORE_RESHUFFLE = "$preshuffle_distinct_id"
"""Holds it where it was changed otherwise (Mixpanel docs, Reserved Properties)."""

CHANGED_LATER = frozenset({
    "distinct_id", BEFORE_IDENTITY, "$is_reshuffled", BEFORE_RESHUFFLE, "$user_id", "$import",
    "mp_processing_time_ms",
})  # fmt: skip
"""Properties that may differ between two readings of a row, beside those that begin with `$mp_`.

`$user_id` is among them, since Mixpanel may fill it in when people merge.
"""

_MILLISECONDS = 10**11
"""From here on a time is in milliseconds: as seconds it would be the year 5138."""
_LONGEST = 18
"""Digits of a time that is text; no time has as many."""


class OrderKey(NamedTuple):
    """The place of a row among the rows of its day.

    Attributes:
        time: when it happened, in milliseconds; where it does not say, when it was received.
        has_user: whether it has a `$user_id`: of one moment, anonymous rows come first.
        received: when Mixpanel's API received it, in milliseconds; 0 where it does not say.
        processed: when Mixpanel stored it, likewise.
        uuid: of the row.
    """

    time: int
    has_user: bool
    received: int
    processed: int
    uuid: str


def row_uuid(row: Mapping[str, Any], copy: int = 0) -> str:
    """Return the id of an exported row: the same at each reading, from an archive or the API.

    Args:
        row: `{"event": …, "properties": {…}}`, as exported.
        copy: how many equal rows without `$insert_id` came before it among the rows of its day.
    """
    properties = properties_of(row)
    known = (_text(properties.get("$insert_id")), _text(ingested_id(properties)))
    if known[0] and known[1] is not None:
        return event_uuid(_name(row), milliseconds(properties.get("time")), *map(str, known))
    return uuid_of_content(content(row), copy)


def uuid_of_content(said: str, copy: int) -> str:
    """Return the id of a row without `$insert_id`: of what `content` returns, and its number."""
    return stable_uuid("mixpanel row", said, *([str(copy)] if copy else []))


def event_uuid(name: str, at: int | None, insert_id: str, ingested: str) -> str:
    """Return the id of a row that has one of its own.

    Args:
        name: of its event.
        at: its `time` in milliseconds; None when it has none.
        insert_id: its `$insert_id`, without spaces around it.
        ingested: the id under which it came, likewise; may be empty.
    """
    seconds = "" if at is None else str(at // 1000)
    return stable_uuid("mixpanel", name, seconds, insert_id, ingested)


def lacks_id(row: Mapping[str, Any]) -> bool:
    """Tell whether nothing but its content tells a row from others, so that copies are counted."""
    properties = properties_of(row)
    return not _text(properties.get("$insert_id")) or _text(ingested_id(properties)) is None


def hour(row: Mapping[str, Any]) -> int:
    """Return the first hour, since 1970, of the day of the export that the tap says a row is in.

    Days are the project's, and this is the hour that is called so there. 0 for unknown.
    """
    day = row.get("day")
    return _hour_of(day) if isinstance(day, str) else 0


@lru_cache(1024)
def _hour_of(day: str) -> int:
    try:
        return (date.fromisoformat(day[:10]) - date(1970, 1, 1)).days * 24
    except ValueError:
        return 0


def content(row: Mapping[str, Any]) -> str:
    """Return the digest of what a row says, without what may change between two readings."""
    properties = properties_of(row)
    ingested = _text(ingested_id(properties))
    kept = {
        name: value
        for name, value in properties.items()
        if name not in CHANGED_LATER and not name.startswith("$mp_")
    }
    at = milliseconds(kept.get("time"))
    if at is not None:  # an export in seconds says the same
        kept["time"] = at // 1000
    return digest({"event": row.get("event"), "id": ingested, "properties": kept})


def ingested_id(properties: Mapping[str, Any]) -> Any:
    """Return the id under which an event came: before people were merged."""
    for name in (BEFORE_IDENTITY, BEFORE_RESHUFFLE):
        before = properties.get(name)
        if before is not None and before != "":
            return before
    return properties.get("distinct_id")


def order_key(row: Mapping[str, Any], uuid: str, at: int | None = None) -> OrderKey:
    """Return the place of a row among those of its day.

    Args:
        row: as exported.
        uuid: of it.
        at: when it happened in milliseconds, where that is known better than by its `time`.
    """
    properties = properties_of(row)
    received = milliseconds(properties.get("$mp_api_timestamp_ms")) or 0
    processed = milliseconds(properties.get("mp_processing_time_ms")) or 0
    if at is None:
        at = milliseconds(properties.get("time"))
    time = (received or processed) if at is None else at
    has_user = bool(properties.get("$user_id"))
    return OrderKey(time, has_user, received, processed, uuid)


def milliseconds(value: Any) -> int | None:
    """Return an exported time in milliseconds since 1970; None when it is none.

    It is in seconds or milliseconds, by its magnitude; whole, with a fraction, or text.
    """
    number = _number(value)
    if number is None:
        return None
    return round(number if abs(number) >= _MILLISECONDS else number * 1000)


def properties_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of a row; empty when they are no object."""
    properties = row.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return _number_in(value.strip())
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and abs(value) < EXACT else None


def _number_in(text: str) -> float | None:
    try:
        return _number(float(text)) if text.isascii() and len(text) <= _LONGEST else None
    except ValueError:
        return None


def _name(row: Mapping[str, Any]) -> str:
    name = row.get("event")
    return name if isinstance(name, str) else canonical_json(name).decode()


def _text(value: Any) -> str | None:
    """Return an id as text; None where it tells no rows apart, as a number that lost digits."""
    if value is None:
        return ""
    if isinstance(value, float) and abs(value) >= EXACT:
        return None
    if isinstance(value, int) and not -(2**63) <= value < 2**64:  # most readers lose its digits
        return None
    return value.strip() if isinstance(value, str) else canonical_json(value).decode()
