"""What PostHog's capture endpoint (`/batch/`, v0) makes of one request. Pure.

The limits and texts are restated here on purpose, apart from the code they test. Sources: PostHog
repository, `rust/capture` (router.rs, api.rs, token.rs, docs/token-validation.md) and
`rust/common/types/src` (event.rs, timestamp.rs); PostHog docs, "Capture API", "Ingestion warnings".
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from gzip import decompress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from tests.fakes.posthog.times import parse_time, written

if TYPE_CHECKING:
    from collections.abc import Mapping

BODY_LIMIT = 20 * 1024 * 1024
"""Bytes; router.rs, BATCH_BODY_SIZE. Held before and after decompression, the stricter reading."""

EVENT_LIMIT = 1_000_000
"""Bytes of one event as JSON inside a JSON string: kafka_producer_message_max_bytes, config.rs."""

ID_LIMIT = 200
NAME_LIMIT = 200
TOKEN_LIMIT = 64

SENT_AT = "the request carried sent_at"
RESTAMPED = "the server replaced or shifted a timestamp"
UUID_MADE = "the server made a uuid"
ID_CUT = "a distinct_id was cut at 200 characters"
NAME_CUT = "an event name was cut at 200 characters"

_GZIP_MAGIC = b"\x1f\x8b"
_UUID = re.compile(
    r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}", re.IGNORECASE
)


class Refusal(Exception):  # noqa: N818 - an answer of the service, not a mistake
    """The answer to a request that is not taken as it is."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True)
class Captured:
    """One event, checked and normalised.

    Attributes:
        data: The event as sent, as JSON; kept packed, as an import holds many.
    """

    uuid: str
    event: str
    distinct_id: str
    timestamp: str
    data: bytes

    def properties(self) -> dict[str, Any]:
        """Properties as stored: `$set` and `$set_once` beside them are moved into them."""
        sent = orjson.loads(self.data)
        properties: dict[str, Any] = sent.get("properties", {})
        for name in ("$set", "$set_once"):
            if isinstance(sent.get(name), dict):
                inner = properties.get(name)
                properties[name] = {**sent[name], **(inner if isinstance(inner, dict) else {})}
        return properties

    def is_too_big(self) -> bool:
        """Whether the event would not fit into a Kafka message, where it is a string in JSON."""
        worst = 2 * len(self.data) + 2  # every byte escaped, and the quotes
        return worst > EVENT_LIMIT and len(orjson.dumps(self.data.decode())) > EVENT_LIMIT


@dataclass(frozen=True)
class Request:
    """One request, taken."""

    token: str
    historical: bool
    events: list[Captured]
    size: int
    notes: set[str]


def read_request(
    body: bytes, headers: Mapping[str, str], query: Mapping[str, str], now: datetime
) -> Request:
    """Check a request as capture does.

    Args:
        body: As received.
        headers: Names in lower case.
        query: Parameters of the address.
        now: The server's time.

    Raises:
        Refusal: With the status and text the service answers.
    """
    plain = _unpack(body, headers)
    document = _parse(plain)
    sent = _sent_events(document)
    token = _token(document, sent)
    sent_at = _sent_at(document, query)
    notes = {SENT_AT} if sent_at is not None else set()
    clock = _Clock(now, sent_at)
    return Request(
        token=token,
        historical=document.get("historical_migration") is True,
        events=[_captured(event, clock, notes) for event in sent],
        size=len(plain),
        notes=notes,
    )


# Envelope -----------------------------------------------------------------------------------


def _unpack(body: bytes, headers: Mapping[str, str]) -> bytes:
    if len(body) > BODY_LIMIT:
        raise Refusal(413, f"maximum event size exceeded: {len(body)}")
    plain = body
    if headers.get("content-encoding") == "gzip" or body.startswith(_GZIP_MAGIC):
        try:
            plain = decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise Refusal(400, "failed to decode request: invalid GZIP data") from error
    if len(plain) > BODY_LIMIT:
        raise Refusal(413, f"maximum event size exceeded: {len(plain)}")
    if not plain.strip():
        raise Refusal(400, "request missing data payload")
    return plain


def _parse(plain: bytes) -> dict[str, Any]:
    try:
        document: dict[str, Any] = orjson.loads(plain)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"failed to parse request: {error}") from error
    _require(isinstance(document, dict), "the request is no object")
    _require(isinstance(document.get("batch"), list), "batch is missing or no list")
    historical = document.get("historical_migration")
    _require(isinstance(historical, (bool, type(None))), "historical_migration is no boolean")
    return document


def _sent_events(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = document["batch"]
    for event in events:
        _check_types(event)
    if not events:
        raise Refusal(400, "request holds no event")
    return events


def _check_types(event: dict[str, Any]) -> None:
    """Refuse what does not deserialise into capture's RawEvent (event.rs)."""
    _require(isinstance(event, dict), "an event is no object")
    _require(isinstance(event.get("event"), str), "the event name is missing or no string")
    _require(isinstance(event.get("properties", {}), dict), "properties is no object")
    for name in ("$set", "$set_once"):
        _require(isinstance(event.get(name), (dict, type(None))), f"{name} is no object")
    for name in ("timestamp", "token", "$token", "api_key"):
        _require(isinstance(event.get(name), (str, type(None))), f"{name} is no string")
    uuid = event.get("uuid")
    is_uuid = isinstance(uuid, str) and (not uuid or _UUID.fullmatch(uuid))
    _require(uuid is None or is_uuid, "UUID parsing failed")


def _require(condition: object, otherwise: str) -> None:
    if not condition:
        raise Refusal(400, f"failed to hydrate events from request: {otherwise}")


def _token(document: Mapping[str, Any], events: list[dict[str, Any]]) -> str:
    """Return the project key of the request, by name or, without one, by its events."""
    token = _first_token(document)
    if token is None:
        tokens = {
            _first_token(event) or event.get("properties", {}).get("token") for event in events
        }
        if len(tokens) > 1:
            raise Refusal(401, "batch submitted with inconsistent api_key values")
        token = tokens.pop()
    if token is None:
        raise Refusal(401, "event submitted without an api_key")
    _check_token(token)
    return str(token).strip()


def _first_token(source: Mapping[str, Any]) -> Any:
    names = ("token", "$token", "api_key")
    return next((source[name] for name in names if source.get(name) is not None), None)


def _check_token(token: object) -> None:
    reason = token_fault(token)
    if reason:
        raise Refusal(401, f"API key is not valid: {reason}")


def token_fault(token: object) -> str | None:
    """Say why a key is of an impossible shape (token.rs); None if it is not."""
    text = token.strip() if isinstance(token, str) else None
    if text is None:
        return "not_string"
    found = {
        "empty": not text,
        "too_long": len(text) > TOKEN_LIMIT,
        "not_ascii": not text.isascii(),
        "personal_api_key": text.startswith("phx_"),
        "null_byte": "\0" in text,
    }
    return next((reason for reason, is_so in found.items() if is_so), None)


def _sent_at(document: Mapping[str, Any], query: Mapping[str, str]) -> datetime | None:
    given = document.get("sent_at") or query.get("sent_at") or query.get("_")
    return parse_time(str(given)) if given else None


# Events -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Clock:
    now: datetime
    sent_at: datetime | None


def _captured(sent: dict[str, Any], clock: _Clock, notes: set[str]) -> Captured:
    name = sent["event"]
    if not name:
        raise Refusal(400, "event submitted with an empty event name")
    properties = sent.get("properties", {})
    if not isinstance(properties.get("$cookieless_mode", False), bool):
        raise Refusal(400, "$cookieless_mode is no boolean")
    distinct_id = _distinct_id(sent, properties)
    for text, limit, note in ((name, NAME_LIMIT, NAME_CUT), (distinct_id, ID_LIMIT, ID_CUT)):
        if len(text) > limit:
            notes.add(note)
    return Captured(
        uuid=_uuid(sent.get("uuid"), notes),
        event=name[:NAME_LIMIT],
        distinct_id=distinct_id[:ID_LIMIT],
        timestamp=_timestamp(sent, properties, clock, notes),
        data=bytes(memoryview(orjson.dumps(sent))),  # a copy: orjson's own bytes hold 10 kB each
    )


def _distinct_id(sent: Mapping[str, Any], properties: Mapping[str, Any]) -> str:
    places = (sent.get("distinct_id"), sent.get("$distinct_id"), properties.get("distinct_id"))
    found = next((value for value in places if value is not None), None)
    text = found if isinstance(found, str) else orjson.dumps(found).decode()
    text = text.replace("\0", "\ufffd")
    if found is None or not text.strip():
        raise Refusal(400, "event submitted without a distinct_id")
    return text


def _uuid(given: str | None, notes: set[str]) -> str:
    if not given:
        notes.add(UUID_MADE)
        return str(uuid4())
    digits = given.replace("-", "").lower()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _timestamp(
    sent: Mapping[str, Any], properties: Mapping[str, Any], clock: _Clock, notes: set[str]
) -> str:
    """Return the time an event is stored under; a note tells if it is not the time given."""
    given = parse_time(sent.get("timestamp") or "")
    instant = given
    if isinstance(sent.get("offset"), int):
        instant = clock.now - timedelta(milliseconds=sent["offset"])
    elif given and clock.sent_at and properties.get("$ignore_sent_at") is not True:
        instant = clock.now + (given - clock.sent_at)
    if instant is None or instant > clock.now + timedelta(hours=23):
        instant = clock.now
    if instant != given:
        notes.add(RESTAMPED)
    return written(instant)
