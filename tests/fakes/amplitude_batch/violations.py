"""What an import must not send although Amplitude takes it without a word. Pure.

Sources: Amplitude docs, "Understand IP address and location" (four keys or none), "Identify API"
(operations), "Batch Event Upload API" (`event_id`, `insert_id`), "Track unique users" (user ids are
for good); what `$remote` and `client_upload_time` do is in "HTTP V2 API" and "User data lookup".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.fakes.amplitude_batch.events import (
    GROUP_IDENTIFY,
    IDENTIFY,
    LOCATION,
    OPERATIONAL,
    TEXT_LIMIT,
)
from tests.fakes.amplitude_batch.properties import OPERATIONS

EVENT_ID = "event_id is a second key of deduplication"
NO_INSERT_ID = "an event without insert_id doubles when it is sent again"
NO_TIME = "the server timed an event"
REMOTE_IP = "$remote locates the machine that imports"
LOCATED_BY_IP = "an ip without a location locates somebody by today's tables"
PARTIAL_LOCATION = "some of country, region, city, dma reset the others"
HALF_POINT = "location_lat without location_lng, or the reverse"
ANONYMOUS_USER = "a user_id that a library made up for somebody anonymous"
PADDED_ID = "an id with spaces around it"
LONG_ID = "an id was cut"
FOREIGN_ORDER = "an order of another service was sent as an event"
OPERATION_OUTSIDE = "an operation outside $identify"
MIXED_OPERATIONS = "an operation beside plain keys"
TWO_OPERATIONS = "one property in two operations"
SKIPPED_IDENTIFY = "$identify with the flag that keeps it from the table"
LOST_GROUP_PROPERTIES = "group_properties outside $groupidentify"
MANY_GROUPS = "$groupidentify of more than one group"
NO_GROUP_OPERATION = "$groupidentify without an operation"
ODD_CURRENCY = "a currency that is not three capitals"
THREE_AMOUNTS = "price, quantity and revenue together"

FOREIGN_ORDERS = ("$create_alias", "$merge", "$merge_dangerously")
_MADE_UP = re.compile(r"\$device:.*|[0-9a-f]{10,16}(?:-[0-9a-f]{5,16}){4}", re.IGNORECASE)
"""Mixpanel's prefix; and five hex groups as its web library made them before it made UUIDs."""

_CURRENCY = re.compile(r"[A-Z]{3}")


def violations(sent: Mapping[str, Any]) -> list[str]:
    """Return what an event should not have said; it is taken all the same."""
    return [
        *_of_ids(sent),
        *_of_places(sent),
        *_of_money(sent),
        *_of_operations(sent),
        *_of_groups(sent),
    ]


def _of_ids(sent: Mapping[str, Any]) -> Iterator[str]:
    ids = [sent[name] for name in ("user_id", "device_id", "insert_id") if sent.get(name)]
    if sent.get("event_id") is not None:
        yield EVENT_ID
    if not sent.get("insert_id"):
        yield NO_INSERT_ID
    if sent.get("time") is None and sent["event_type"] not in OPERATIONAL:
        yield NO_TIME
    if _MADE_UP.fullmatch(sent.get("user_id") or ""):
        yield ANONYMOUS_USER
    if any(each != each.strip() for each in ids):
        yield PADDED_ID
    if any(len(each) > TEXT_LIMIT for each in ids):
        yield LONG_ID
    if sent["event_type"] in FOREIGN_ORDERS:
        yield FOREIGN_ORDER


def _of_places(sent: Mapping[str, Any]) -> Iterator[str]:
    told = [sent.get(name) is not None for name in LOCATION]
    ip = sent.get("ip")
    if ip == "$remote":
        yield REMOTE_IP
    elif ip and not any(told):
        yield LOCATED_BY_IP
    if any(told) and not all(told):
        yield PARTIAL_LOCATION
    if (sent.get("location_lat") is None) != (sent.get("location_lng") is None):
        yield HALF_POINT


def _of_money(sent: Mapping[str, Any]) -> Iterator[str]:
    if not _CURRENCY.fullmatch(sent.get("currency") or "EUR"):
        yield ODD_CURRENCY
    if all(sent.get(name) is not None for name in ("price", "quantity", "revenue")):
        yield THREE_AMOUNTS


def _of_operations(sent: Mapping[str, Any]) -> Iterator[str]:
    said = sent.get("user_properties") or {}
    orders = [name for name in said if name in OPERATIONS]
    if orders and sent["event_type"] != IDENTIFY:
        yield OPERATION_OUTSIDE
    if orders and len(orders) != len(said):
        yield MIXED_OPERATIONS
    if _twice(said):
        yield TWO_OPERATIONS
    if sent["event_type"] == IDENTIFY and sent.get("$skip_user_properties_sync"):
        yield SKIPPED_IDENTIFY


def _of_groups(sent: Mapping[str, Any]) -> Iterator[str]:
    said, groups = sent.get("group_properties") or {}, sent.get("groups") or {}
    if sent["event_type"] != GROUP_IDENTIFY:
        if said:
            yield LOST_GROUP_PROPERTIES
        return
    values = [values if isinstance(values, list) else [values] for values in groups.values()]
    if [len(of_type) for of_type in values] != [1]:
        yield MANY_GROUPS
    if any(name not in OPERATIONS for name in said):
        yield NO_GROUP_OPERATION
    if _twice(said):
        yield TWO_OPERATIONS


def _twice(said: Mapping[str, Any]) -> bool:
    names = [
        name
        for operation, values in said.items()
        if operation in OPERATIONS and isinstance(values, dict)
        for name in values
    ]
    return len(names) != len(set(names))
