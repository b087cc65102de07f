"""The two shapes in which PostHog's capture takes an event. Pure.

Mappings make the shape of v0. That of v1 says some of it beside the properties: what it is asked to
do with the event in `options`, the session in `session_id`. Capture writes both into the properties
again, under the names of v0, so that ingestion sees no difference (PostHog repository,
rust/capture/src/v1/analytics/types.rs; posthog-python, capture_v1.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from singer_delivery.mapping.encoding import encoded_json

MARK = b'{"options":'
"""How an event of v1 begins, and none of v0: mappings begin with the name."""

OPTIONS = {"$process_person_profile": "process_person_profile"}
"""What v1 has in `options`, by its property in v0."""

BESIDE = {"$session_id": "session_id", "$window_id": "window_id"}
"""What v1 has beside the properties, by its property in v0."""

UNMOVED = "disable_skew_correction"
"""Without it capture moves the time of an event by the difference between its clock and ours: each
request must say when it is sent (PostHog repository, rust/capture/src/v1/analytics/process.rs)."""


def as_v1(event: Mapping[str, Any], otherwise: str) -> dict[str, Any]:
    """Return the event in the shape of v1.

    Args:
        event: in the shape of v0; it is not changed.
        otherwise: its time, where it has none: v1 demands one, and v0 takes that of arrival.
    """
    properties = dict(event["properties"])
    options = {UNMOVED: True}
    for name, option in OPTIONS.items():
        if name in properties:
            options[option] = properties.pop(name)
    beside = {key: properties.pop(name) for name, key in BESIDE.items() if name in properties}
    return {
        "options": options,
        "event": event["event"],
        "distinct_id": event["distinct_id"],
        "uuid": event["uuid"],
        "timestamp": event.get("timestamp", otherwise),
        **beside,
        "properties": properties,
    }


def as_v0(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return in the shape of v0 what `as_v1` returned."""
    of_v0 = {key: event[key] for key in ("event", "distinct_id", "uuid", "timestamp")}
    properties = dict(event["properties"])
    properties |= {name: event[key] for name, key in BESIDE.items() if key in event}
    options = event["options"]
    properties |= {name: options[key] for name, key in OPTIONS.items() if key in options}
    return {**of_v0, "properties": properties}


def encoded_as_v1(encoded: bytes, otherwise: str) -> bytes:
    """Return an encoded event in the shape of v1, whichever it has.

    An event that waits in the ledger may be of an earlier run, which sent by v0.
    """
    if encoded.startswith(MARK):
        return encoded
    return encoded_json(as_v1(json.loads(encoded), otherwise))


def encoded_as_v0(encoded: bytes) -> bytes:
    """Return an encoded event in the shape of v0, whichever it has: see `encoded_as_v1`."""
    return encoded_json(as_v0(json.loads(encoded))) if encoded.startswith(MARK) else encoded
