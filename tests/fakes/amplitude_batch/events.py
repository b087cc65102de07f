"""What Amplitude's `/batch` makes of one event. Pure.

The limits and texts are restated here on purpose, apart from the code they test. Sources: Amplitude
docs, "Batch Event Upload API" and "HTTP V2 API" (keys, types, ids that are refused, strings that
are cut, groups), "Limits"; Amplitude-TypeScript #81 and #350, Amplitude-Kotlin #105 (ids that were
refused). That a key of another type is refused is stricter than anything the documents say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from tests.fakes.amplitude_batch.http import MISSING, bad
from tests.fakes.http.exchanges import Reply

TEXT_LIMIT = 1_024
"""Characters of any string; what is beyond is cut off without a word."""

DEPTH_LIMIT = 40
GROUP_TYPES_LIMIT = 5
GROUP_VALUES_LIMIT = 10

IDENTIFY, GROUP_IDENTIFY = "$identify", "$groupidentify"
OPERATIONAL = (IDENTIFY, GROUP_IDENTIFY)
"""Names that are orders about a person or a group, and no events."""

RESERVED = frozenset(
    f"[Amplitude] {name}"
    for name in (
        "Start Session", "End Session", "Revenue", "Revenue (Verified)", "Revenue (Unverified)",
        "Merged User",
    )
)  # fmt: skip
# fmt: off
INVALID_IDS = frozenset((
    "anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "",
    "00000000-0000-0000-0000-000000000000", "{}", "lmy47d", "0", "-1",
))
# fmt: on
"""Compared in lower case: "Anonymous" was refused, too (Amplitude-TypeScript #350)."""

LOCATION = ("country", "region", "city", "dma")
DEFAULTS = (
    *("app_version", "platform", "os_name", "os_version", "device_brand", "device_manufacturer"),
    *("device_model", "carrier", "language", *LOCATION),
)
"""Keys that are user properties of Amplitude's own making."""

TEXT_CUT = "a string was cut at 1,024 characters"
GROUPS_CUT = "group types beyond 5, or values beyond 10, were dropped"

Kind = Literal["missing", "invalid", "id_length"]
_ERRORS: Mapping[Kind, tuple[str, str]] = {
    "missing": (MISSING, "events_with_missing_fields"),
    "invalid": ("Invalid field values on some events", "events_with_invalid_fields"),
    "id_length": (
        "Invalid id length for user_id or device_id",
        "events_with_invalid_id_lengths",
    ),
}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an event."""

    kind: Kind
    field: str


@dataclass(frozen=True)
class Accepted:
    """One event, checked.

    Attributes:
        time: Milliseconds since 1970; None if it had none.
        user_id: Trimmed; None if it had none, as are `device_id`, `insert_id` and `event_id`.
        data: The event as stored, as JSON; kept packed, as an import holds many.
    """

    event_type: str
    time: int | None
    user_id: str | None
    device_id: str | None
    insert_id: str | None
    event_id: int | None
    data: bytes

    @property
    def derived_device(self) -> str:
        """The device, or what Amplitude makes one of: here a text that no test would send."""
        return self.device_id if self.device_id is not None else f"derived from {self.user_id}"


def faults(sent: Mapping[str, Any], min_id_length: int, no_id_field: str) -> list[Fault]:
    """Return what is wrong with an event; nothing if it can be taken.

    Args:
        sent: One element of the request.
        min_id_length: Characters that ids must have.
        no_id_field: Which field is missing of an event that has neither id.
    """
    found = [*_name_faults(sent.get("event_type")), *_id_faults(sent, min_id_length, no_id_field)]
    for names, is_right in _TYPES:
        found += [
            Fault("invalid", name)
            for name in names
            if sent.get(name) is not None and not is_right(sent[name])
        ]
    return found


def refusal(found: Mapping[int, list[Fault]], named: Literal["all", "first"]) -> Reply:
    """Build the 400 to a request with bad events.

    Args:
        found: What is wrong, by the place of the event.
        named: Whether all events with a fault are named, or the first of each field.
    """
    maps: dict[Kind, dict[str, list[int]]] = {}
    for index, faults_of in sorted(found.items()):
        for fault in faults_of:
            places = maps.setdefault(fault.kind, {}).setdefault(fault.field, [])
            if not places or (named == "all" and index not in places):
                places.append(index)
    kinds = [kind for kind in _ERRORS if kind in maps]
    return bad(_ERRORS[kinds[0]][0], **{_ERRORS[kind][1]: maps[kind] for kind in kinds})


def accepted(sent: Mapping[str, Any], notes: set[str]) -> Accepted:
    """Bring an event without faults into the form in which it is stored.

    Args:
        sent: One element of the request.
        notes: What happened on the way is added to them.
    """
    event = {key: _cut(value, notes) for key, value in sent.items() if value is not None}
    for name in ("user_id", "device_id"):
        if name in event:
            event[name] = event[name].strip()
    if "groups" in event:
        event["groups"] = _linked(event["groups"], notes)
    return Accepted(
        event_type=event["event_type"],
        time=event.get("time"),
        user_id=event.get("user_id"),
        device_id=event.get("device_id"),
        insert_id=event.get("insert_id"),
        event_id=event.get("event_id"),
        data=bytes(memoryview(orjson.dumps(event))),  # a copy: orjson's own bytes hold 10 kB each
    )


# Checks -------------------------------------------------------------------------------------


def _name_faults(name: Any) -> list[Fault]:
    if name is None or name == "":
        return [Fault("missing", "event_type")]
    if not isinstance(name, str) or name in RESERVED:
        return [Fault("invalid", "event_type")]
    return []


def _id_faults(sent: Mapping[str, Any], min_id_length: int, no_id_field: str) -> list[Fault]:
    ids = {name: sent[name] for name in ("user_id", "device_id") if sent.get(name) is not None}
    if not ids:
        return [Fault("missing", no_id_field)]
    kinds = {name: _id_fault(value, min_id_length) for name, value in ids.items()}
    return [Fault(kind, name) for name, kind in kinds.items() if kind is not None]


def _id_fault(value: Any, min_id_length: int) -> Kind | None:
    """Say what is wrong with an id; a number is one that is too short (TypeScript #81)."""
    if not isinstance(value, str):
        return "id_length"
    if value.strip().lower() in INVALID_IDS:
        return "invalid"
    return "id_length" if len(value.strip()) < min_id_length else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return type(value) is int  # True is an int


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and _depth_within(value, DEPTH_LIMIT)


def _are_groups(value: Any) -> bool:
    return isinstance(value, dict) and all(
        all(map(_is_text, of_type if isinstance(of_type, list) else [of_type]))
        for of_type in value.values()
    )


def _is_plan(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


_TYPES: tuple[tuple[Iterable[str], Callable[[Any], bool]], ...] = (
    (("time",), lambda value: _is_whole(value) and value >= 0),
    (("session_id", "event_id", "quantity"), _is_whole),
    (("price", "revenue", "location_lat", "location_lng"), _is_number),
    (("event_properties", "user_properties", "group_properties"), _is_object),
    (("groups",), _are_groups),
    (("plan",), _is_plan),
    (("$skip_user_properties_sync",), _is_flag),
    (
        (*DEFAULTS, "insert_id", "ip", "productId", "revenueType", "currency", "idfa", "idfv",
         "adid", "android_id", "user_agent", "partner_id", "library"),
        _is_text,
    ),
)  # fmt: skip


def _depth_within(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_depth_within(each, levels - 1) for each in inner)


# Changes on the way in ----------------------------------------------------------------------


def _cut(value: Any, notes: set[str]) -> Any:
    if isinstance(value, str):
        if len(value) > TEXT_LIMIT:
            notes.add(TEXT_CUT)
        return value[:TEXT_LIMIT]
    if isinstance(value, dict):
        return {key: _cut(inner, notes) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cut(item, notes) for item in value]
    return value


def _linked(groups: Mapping[str, Any], notes: set[str]) -> dict[str, list[str]]:
    """Return the groups that Amplitude keeps, values as lists."""
    lists = {
        group_type: values if isinstance(values, list) else [values]
        for group_type, values in groups.items()
    }
    kept = {
        group_type: values[:GROUP_VALUES_LIMIT]
        for group_type, values in list(lists.items())[:GROUP_TYPES_LIMIT]
    }
    if kept != lists:
        notes.add(GROUPS_CUT)
    return kept
