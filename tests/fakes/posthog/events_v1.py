"""What PostHog's capture v1 says of each event of a request. Pure.

Sources: PostHog repository, `rust/capture/src/v1` (error.rs; analytics/types.rs, process.rs,
response.rs, constants.rs), as published in 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from tests.fakes.posthog.capture import EVENT_LIMIT, RESTAMPED, Captured
from tests.fakes.posthog.times import parse_time, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ILLEGAL_IDS = (
    "0", "00000000-0000-0000-0000-000000000000", "[object object]", "anonymous", "anonymous-user",
    "backend", "distinct_id", "distinctid", "email", "false", "guest", "id", "nan", "none",
    "not_authenticated", "null", "system", "true", "undefined", "user",
)  # fmt: skip

OF_OPTIONS = {
    "cookieless_mode": "$cookieless_mode",
    "disable_skew_correction": "$ignore_sent_at",
    "product_tour_id": "$product_tour_id",
    "process_person_profile": "$process_person_profile",
}
"""Options, and the properties that they become."""

NO_PERSON = "person_processing_disabled"

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
"""As it is written most; the service reads other forms too."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Error(Exception):
    """The answer to a request that is not taken as a whole."""

    def __init__(self, status: int, tag: str, description: str = "") -> None:
        super().__init__(tag)
        self.status = status
        self.tag = tag
        self.description = description or tag

    def body(self) -> bytes:
        """Return the answer's body."""
        return orjson.dumps(
            {
                "error": self.tag,
                "error_description": self.description,
                "error_uri": "https://posthog.com/docs/api",
            }
        )


@dataclass(frozen=True)
class Judged:
    """One event of a request, with what is said of it.

    Attributes:
        uuid: As the answer names it.
        captured: What is stored; None if nothing is.
    """

    uuid: str
    result: str
    details: str | None = None
    captured: Captured | None = None

    def said(self) -> dict[str, str]:
        """Return what the answer says of the event."""
        details = {} if self.details is None else {"details": self.details}
        return {"result": self.result, **details}


def instant(text: object) -> datetime | None:
    """Read a time as RFC 3339 has it, with its offset; None for any other."""
    is_one = isinstance(text, str) and _RFC3339.fullmatch(text)
    return parse_time(str(text)) if is_one else None


def judged(
    sent: list[dict[str, Any]], skew: timedelta, now: datetime, notes: set[str]
) -> Iterator[Judged]:
    seen = set()
    for event in sent:
        uuid = event["uuid"].strip().lower()
        if not uuid:
            raise Error(400, "missing_event_uuid")
        if not UUID.fullmatch(uuid):
            raise Error(400, "invalid_event_uuid")
        if uuid in seen:
            raise Error(400, "duplicate_event_uuid")
        seen.add(uuid)
        yield _event(event, uuid, skew, now, notes)


def _event(
    event: dict[str, Any], uuid: str, skew: timedelta, now: datetime, notes: set[str]
) -> Judged:
    distinct_id, options = event["distinct_id"].strip(), event.get("options") or {}
    fault = _fault(event, distinct_id, options)
    if fault is not None:
        return Judged(uuid, "drop", fault)
    given = instant(event["timestamp"])
    assert given is not None, "the event is checked"
    kept = given if options.get("disable_skew_correction") is True else given - skew
    if kept != given:
        notes.add(RESTAMPED)
        kept = now if kept - now > timedelta(hours=23) else kept
    is_nobody = distinct_id.lower() in ILLEGAL_IDS
    data = orjson.dumps({**event, "properties": _properties(event, options, is_nobody=is_nobody)})
    if len(orjson.dumps(data.decode())) > EVENT_LIMIT:
        return Judged(uuid, "drop", "event_too_big")
    captured = Captured(uuid, event["event"], distinct_id, written(kept), data)
    return Judged(uuid, "ok", NO_PERSON if is_nobody else None, captured)


def _fault(event: Mapping[str, Any], distinct_id: str, options: object) -> str | None:
    """Say why an event is dropped; None if it is not."""
    name = event["event"]
    size = len(name.encode())
    found = {
        "dropped_performance_event": name == "$performance_event",
        "missing_event_name": not name,
        "event_name_too_long": size > 200,
        "missing_distinct_id": not distinct_id,
        "distinct_id_too_large": len(distinct_id.encode()) > 200,
        "invalid_event_timestamp": instant(event["timestamp"]) is None,
        "malformed_event_properties": not isinstance(event.get("properties", {}), dict),
        "invalid_options": not _are_options(options),
    }
    return next((fault for fault, is_so in found.items() if is_so), None)


def _are_options(options: object) -> bool:
    """Whether these are options of the right types; the service coerces some, this fake does not.

    An option that nobody knows is passed over by the service; here it is a fault of the sender.
    """
    if not isinstance(options, dict) or not options.keys() <= OF_OPTIONS.keys():
        return False
    return all(
        isinstance(value, str if name == "product_tour_id" else bool)
        for name, value in options.items()
    )


def _properties(
    event: Mapping[str, Any], options: Mapping[str, Any], *, is_nobody: bool
) -> dict[str, Any]:
    """Properties as stored: what is said beside them is written into them.

    That an id stands for nobody travels in a header of Kafka's; here it is a property too.
    """
    properties = dict(event.get("properties", {}))
    for name in ("session_id", "window_id"):
        if event.get(name) is not None:
            properties["$" + name] = event[name]
    properties |= {OF_OPTIONS[name]: value for name, value in options.items()}
    return properties | ({"$process_person_profile": False} if is_nobody else {})
