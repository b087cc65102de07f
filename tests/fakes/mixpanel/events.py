"""What Mixpanel's `/import` makes of one event. Pure.

The limits and texts are restated here on purpose, apart from the code they test. Sources: Mixpanel
docs, "Import Events", "Reserved properties", "Data type limits", "400 Bad Request"; replies quoted
in public issues (mixpanel-utils #40). Mixpanel publishes no list of its messages: those of
`DOCUMENTED` are its own, all others are made in their manner. Where the documents can be read in
two ways, the stricter one is played.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import orjson

from tests.fakes.mixpanel.identity import MADE_ID, VERBS, Who, simplified

if TYPE_CHECKING:
    from collections.abc import Collection

EVENT_LIMIT = 1_000_000
"""Bytes of compact JSON an event must stay below: "smaller than 1MB", in the stricter reading."""

COUNT_LIMIT = 255
"""Properties, keys of a nested object, elements of a list: there must be fewer."""

DEPTH_LIMIT = 3
"""Objects and lists within each other. "Max nesting depth is 3" does not say if lists count."""

TEXT_LIMIT = 255
"""Bytes of a string value, characters of a name; what is beyond is cut off without a word."""

INSERT_ID_LIMIT = 36
HOUR_MS = 3_600_000
FIRST_MS = 31_536_000_000
"""1971-01-01."""

MILLISECONDS_FROM = 10**10
"""Smaller times are seconds. In seconds it is 2286, in milliseconds 1970: both are refused."""

# fmt: off
DISALLOWED = frozenset((
    "00000000-0000-0000-0000-000000000000", "anon", "anonymous", "nil", "none", "null", "n/a",
    "na", "undefined", "unknown", "<nil>", "0", "-1", "true", "false", "[]", "{}",
))
# fmt: on
"""Ids nobody can have; compared in lower case, the stricter reading."""

DOCUMENTED = {
    "time": "must be specified as seconds since epoch",
    "missing": "must not be missing",
    "characters": "must only contain alphanumeric or hyphen '-' characters",
}

GEO_FROM_REQUEST = "the request's own ip was used to locate somebody"
GEO_FROM_IP = "a sent ip was used to locate somebody"
RETIMED = "the server replaced a time in the future by its own"
TEXT_CUT = "a string was cut at 255 bytes"
NAME_CUT = "a name was cut at 255 characters"
TOKEN_REMOVED = "the property token was taken out"
ID_MADE = "the server made a distinct_id of the request's ip"

CONTROL = ("time", "distinct_id", "$insert_id", "ip", "token")
"""Properties that are used and not stored among the others."""

HIDING = ("$ignore", "bucket", "$bucket")

_INSERT_ID = re.compile(r"[A-Za-z0-9-]+")


class Invalid(Exception):  # noqa: N818 - a verdict of the service, not a mistake
    """What is wrong with an event or an update."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = f"'{field}' is invalid: {message}"


def require(condition: object, field: str, otherwise: str) -> None:
    """Raise `Invalid` unless the condition holds."""
    if not condition:
        raise Invalid(field, otherwise)


@dataclass(frozen=True)
class Rules:
    """What the verdict on an event depends on, apart from the event.

    Attributes:
        now_ms: The server's time, in milliseconds since 1970.
    """

    identity_merge: Literal["simplified", "original"]
    now_ms: int


@dataclass(frozen=True)
class Accepted:
    """One event, checked.

    Attributes:
        time: Milliseconds since 1970.
        ip: As sent; None if there was none.
        data: The properties as stored, as JSON; kept packed, as an import holds many.
        hidden: The property because of which no report will ever show the event, if one does.
    """

    event: str
    time: int
    who: Who
    insert_id: str
    ip: Any
    data: bytes
    hidden: str | None


def accepted(sent: Any, rules: Rules, notes: set[str]) -> Accepted:
    """Check an event and bring it into the form in which it is stored.

    Args:
        sent: One element of the request.
        rules: Of the project.
        notes: What happened on the way is added to them.

    Raises:
        Invalid: With field and message of its failed record, the first if there are several.
    """
    name, properties = _parts(sent)
    time = _time(properties.get("time"), rules.now_ms, notes)
    who = _who(properties, rules)
    _check_insert_id(properties.get("$insert_id"))
    _check_size(sent, properties)
    notes |= _remarks(properties, who)
    stored = {key: value for key, value in properties.items() if key not in CONTROL}
    return Accepted(
        event=_cut_name(name, notes),
        time=time,
        who=who,
        insert_id=properties["$insert_id"],
        ip=properties.get("ip"),
        data=bytes(memoryview(orjson.dumps(_cut(stored, notes)))),  # orjson's own hold 10 kB each
        hidden=next((key for key in HIDING if properties.get(key)), None),
    )


def merged_ids(sent: dict[str, Any]) -> tuple[str, str]:
    """Return the two ids an identity event makes one person, the one that stays first.

    Mixpanel docs, "Create Identity", "Create Alias", "Merge Identities". Such an event needs
    neither time nor `$insert_id`.

    Raises:
        Invalid: The event lacks what it needs.
    """
    name, properties = _parts(sent)
    if name == "$merge":
        ids: Any = properties.get("$distinct_ids")
        is_pair = isinstance(ids, list) and len(ids) == 2 and all(map(_is_id, ids))
        require(is_pair, "properties.$distinct_ids", "must be a list of two ids")
        return ids[0], ids[1]
    is_identify = name == "$identify"
    fields = ("$identified_id", "$anon_id") if is_identify else ("distinct_id", "alias")
    for field in fields:
        require(_is_id(properties.get(field)), f"properties.{field}", "must be a non-empty string")
    first, second = (properties[field] for field in fields)
    require(not is_identify or _is_uuid4(second), "properties.$anon_id", "must be a UUID v4")
    return first, second


def is_verb(sent: Any) -> bool:
    """Whether this is an identity event."""
    return isinstance(sent, dict) and sent.get("event") in VERBS


def is_disallowed(distinct_id: str) -> bool:
    """Whether nobody can have this id."""
    return distinct_id.lower() in DISALLOWED


# Checks -------------------------------------------------------------------------------------


def _parts(sent: Any) -> tuple[str, dict[str, Any]]:
    require(isinstance(sent, dict), "event", "must be an object")
    name, properties = sent.get("event"), sent.get("properties")
    require(name, "event", DOCUMENTED["missing"])
    require(isinstance(name, str), "event", "must be a string")
    require(isinstance(properties, dict), "properties", "must be an object")
    return name, properties


def _time(value: Any, now_ms: int, notes: set[str]) -> int:
    require(type(value) is int, "properties.time", DOCUMENTED["time"])  # True is an int
    millis: int = value if value >= MILLISECONDS_FROM else value * 1_000
    require(millis >= FIRST_MS, "properties.time", "must not be before 1971-01-01")
    require(millis <= now_ms + HOUR_MS, "properties.time", "must not be over 1 hour from now")
    if millis > now_ms:
        notes.add(RETIMED)
    return min(millis, now_ms)


def _who(properties: dict[str, Any], rules: Rules) -> Who:
    """Check the ids, then derive; that `$user_id` and `$device_id` are checked too is assumed."""
    for field in ("distinct_id", "$user_id", "$device_id"):
        value = properties.get(field)
        if value is not None:
            require(isinstance(value, str), f"properties.{field}", "must be a string")
            require(not is_disallowed(value), f"properties.{field}", "must not be a placeholder")
    if rules.identity_merge == "simplified":
        return simplified(properties)
    distinct_id = properties.get("distinct_id")
    require(distinct_id is not None, "properties.distinct_id", DOCUMENTED["missing"])
    return Who(str(distinct_id))


def _check_insert_id(value: Any) -> None:
    """Check `$insert_id`; its field is written without `properties.` (mixpanel-utils #40)."""
    require(value, "$insert_id", DOCUMENTED["missing"])
    require(isinstance(value, str), "$insert_id", "must be a string")
    require(_INSERT_ID.fullmatch(value), "$insert_id", DOCUMENTED["characters"])
    require(len(value) <= INSERT_ID_LIMIT, "$insert_id", "must not be longer than 36 bytes")
    require(not is_disallowed(value), "$insert_id", "must not be a placeholder")


def _check_size(sent: dict[str, Any], properties: dict[str, Any]) -> None:
    require(len(properties) < COUNT_LIMIT, "properties", "must have fewer than 255 properties")
    for key, value in properties.items():
        if isinstance(value, (dict, list)):
            _check_nested(value, f"properties.{key}", 1)
    require(len(orjson.dumps(sent)) < EVENT_LIMIT, "event", "must be smaller than 1MB")


def _check_nested(value: Collection[Any], field: str, depth: int) -> None:
    require(depth <= DEPTH_LIMIT, field, "must not be nested deeper than 3 levels")
    require(len(value) < COUNT_LIMIT, field, "must have fewer than 255 elements")
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, (dict, list)):
            _check_nested(item, field, depth + 1)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_uuid4(text: str) -> bool:
    try:
        return UUID(text).version == 4
    except ValueError:
        return False


# Changes on the way in ----------------------------------------------------------------------


def _remarks(properties: dict[str, Any], who: Who) -> set[str]:
    ip = properties.get("ip")
    remarks = {
        GEO_FROM_REQUEST: ip is None,
        GEO_FROM_IP: ip is not None and str(ip) != "0",
        TOKEN_REMOVED: "token" in properties,
        ID_MADE: who.distinct_id == MADE_ID,
    }
    return {remark for remark, holds in remarks.items() if holds}


def _cut(value: Any, notes: set[str]) -> Any:
    if isinstance(value, str):
        return _cut_text(value, notes)
    if isinstance(value, dict):
        return {_cut_name(key, notes): _cut(inner, notes) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cut(item, notes) for item in value]
    return value


def _cut_text(text: str, notes: set[str]) -> str:
    if len(text) * 4 <= TEXT_LIMIT or len(encoded := text.encode()) <= TEXT_LIMIT:
        return text
    notes.add(TEXT_CUT)
    return encoded[:TEXT_LIMIT].decode(errors="ignore")


def _cut_name(name: str, notes: set[str]) -> str:
    if len(name) > TEXT_LIMIT:
        notes.add(NAME_CUT)
    return name[:TEXT_LIMIT]
