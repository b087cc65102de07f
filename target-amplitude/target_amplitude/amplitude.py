"""What Amplitude refuses, acts on and understands: its names, limits and rules of ids.

Sources: Amplitude docs, "Batch Event Upload API" and "HTTP V2 API" (keys, limits, ids), "Identify
API" and "Group Identify API" (operations), "Understand IP address and location", "Limits", "Track
unique users", "User properties and event data"; Amplitude's own SDKs where the docs are silent; as
of November 2026.
"""

from __future__ import annotations

from typing import Any

from singer_delivery.mapping.ids import IdRules
from singer_delivery.mapping.values import shortened
from singer_delivery.model import Event

SERVICE = "Amplitude"
READER = "target-amplitude"
"""What reads records, for people."""

BATCH = "/batch"
IDENTIFY, GROUP_IDENTIFY = "$identify", "$groupidentify"
"""Event types that are orders: what they carry changes a person or a group, and is no event."""

SKIP_SYNC = "$skip_user_properties_sync"
"""Key of an event that neither reads nor writes the properties of its person.

Without it history overwrites what is true now, and shows what is true now as if it had been so
(Amplitude docs, "Backfill data", its three examples).
"""

EVENTS_A_REQUEST, BYTES_A_REQUEST = 2_000, 20_000_000
"""What one request carries at most, its bytes before compression (docs, "Batch Event Upload")."""

MAX_TEXT_CHARACTERS = 1_024
"""Longer texts are cut by the server without a word, ids and event types among them."""

KEPT_ID_CHARACTERS = 950
"""Of a longer id, before a hash of it all; the cut would make one person of two."""

MAX_DEPTH = 40
"""Levels of objects and lists in the properties of an event (docs, "HTTP V2 API")."""

MAX_GROUP_TYPES, MAX_GROUPS = 5, 10
"""Types of an event, and groups of a type; what is beyond them is dropped without a word."""

MAX_LIST = 100
"""Elements of a list in the copy of a profile on an event; longer ones stay out of the copy.

It is our own choice: a list is a text of at most 1,024 characters at first (docs, "Limits").
"""

MOST_EVENT_TYPES, MOST_EVENT_PROPERTIES, MOST_USER_PROPERTIES = 2_000, 2_000, 1_000
"""Of a project. What is beyond them is stored and never queryable (docs, "Limits")."""

EARLIEST = 946_684_800_000_000
"""2000-01-01 in microseconds. Amplitude takes earlier times; no customer of it has any."""

INVALID_IDS = frozenset({
    "anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "", "{}", "lmy47d",
    "00000000-0000-0000-0000-000000000000", "0", "-1",
})  # fmt: skip
"""Ids that are refused, in lower case: capitals made no difference (Amplitude-TypeScript #350)."""

RESERVED_NAMES = frozenset({
    "[Amplitude] Start Session", "[Amplitude] End Session", "[Amplitude] Revenue",
    "[Amplitude] Revenue (Verified)", "[Amplitude] Revenue (Unverified)", "[Amplitude] Merged User",
})  # fmt: skip
"""Event types that are refused (docs, "HTTP V2 API")."""

MEANINGFUL_NAMES = frozenset({
    IDENTIFY, GROUP_IDENTIFY, "session_start", "session_end", "$session_start", "$session_end",
    "revenue_amount", "verified_revenue", "unverified_revenue", "_active", "_all", "_new",
})  # fmt: skip
MEANINGFUL_PREFIXES = ("ce:",)
"""Event types that Amplitude, its SDKs or its queries give a meaning."""

REVENUE_KEYS = ("revenue", "price", "quantity", "productId", "revenueType", "currency")
"""Keys at the top of an event that make it one of revenue, and those that belong to them."""

GUARDED_KEYS = frozenset({
    "$revenue", "$price", "$quantity", "$productId", "$revenueType", "$currency", "$receipt",
    "$receiptSig",
})  # fmt: skip
"""Event properties that Amplitude's SDKs send as revenue: nobody says which of them count."""

LOCATION = ("country", "region", "city", "dma")
"""All of them or none: one sets the others back, and without them an address is located."""

NEVER_SENT = frozenset({"client_upload_time", "event_id"})
"""Keys that harm history: the first shifts times by the delay of the upload, the second is one
more by which events are taken for the same."""


def is_invalid_id(text: str) -> bool:
    """Tell whether Amplitude refuses this id."""
    return text.lower() in INVALID_IDS


def fitted_id(text: str) -> str:
    """Return an id Amplitude does not cut: itself, or its start and a hash of it."""
    if len(text) <= MAX_TEXT_CHARACTERS:
        return text
    kept = text[:KEPT_ID_CHARACTERS]
    return kept + shortened(text, 0, 0)


IDS = IdRules(is_invalid_id, fitted_id)
"""What Amplitude makes of ids."""


def harmless_name(name: str, prefix: str) -> str:
    """Return an event type that triggers nothing: itself, or without `$` behind the prefix.

    Reserved ones lose `[Amplitude] ` for the prefix.
    """
    if name in RESERVED_NAMES:
        return prefix + name.removeprefix("[Amplitude] ")
    if name in MEANINGFUL_NAMES or name.startswith(MEANINGFUL_PREFIXES):
        return prefix + name.lstrip("$")
    return name


def user_key(user: str) -> str:
    """Return how decisions name a user whose events Amplitude may take later only."""
    return f"user:{user}"


def device_key(device: str) -> str:
    """Return the same of a device."""
    return f"device:{device}"


def ids_of(user: str | None, device: str | None) -> dict[str, Any]:
    """Return the keys that say whose an event is; what is unknown is left out, never empty."""
    if user is None:
        return {} if device is None else {"device_id": device}
    return {"user_id": user} if device is None else {"user_id": user, "device_id": device}


def make_event(
    kind: str,
    name: str,
    at: int | None,
    insert_id: str,
    content: dict[str, Any],
    order: str | None = None,
) -> Event:
    """Return an event for `/batch`.

    Args:
        kind: of the event, for the report.
        name: its event type.
        at: when it happened, in microseconds since 1970; sent in whole milliseconds, rounded down.
            None for now.
        insert_id: the same whenever it is sent.
        content: its ids and all else it carries.
        order: whose order it keeps, where that is not the record's person.
    """
    body: dict[str, Any] = {"event_type": name, "insert_id": insert_id}
    if at is not None:
        body["time"] = at // 1000
    body.update(content)
    return Event(BATCH, kind, name, at, body, order, id=insert_id)
