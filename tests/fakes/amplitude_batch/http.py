"""What Amplitude's `/batch` makes of one request, before it looks at the events. Pure.

The limits and texts are restated here on purpose, apart from the code they test. Sources: Amplitude
docs, "Batch Event Upload API" and "HTTP V2 API" (statuses, bodies, limits); Amplitude-Swift #260
and Amplitude-Kotlin #215 (a key of another region is echoed), analytics-go #35 (`Events` for
`events`), Amplitude-Node #59 (no events at all). Where nobody says how the service answers, it
refuses here.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from gzip import decompress
from typing import Any

import orjson

from tests.fakes.http.exchanges import Reply

EVENTS_LIMIT = 2_000
BODY_LIMIT = 20_000_000
"""Bytes of JSON, decompressed: "20MB", in the stricter readings of both words."""

ID_LENGTH = 5
"""Characters that an id must have unless `options.min_id_length` says otherwise."""

CLIENT_UPLOAD_TIME = "client_upload_time shifts times"
"""Amplitude docs, "User data lookup": by the gap between upload and receipt, from 60 s on."""


class Refusal(Exception):  # noqa: N818 - an answer of the service, not a mistake
    """The answer to a request of which nothing is stored."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def json_reply(status: int, **document: Any) -> Reply:
    """Build a reply whose body repeats its status as `code`."""
    body = orjson.dumps({"code": status, **document})
    return Reply(status, body, {"Content-Type": "application/json"})


def bad(error: str, **more: Any) -> Reply:
    """Build a 400."""
    return json_reply(400, error=error, **more)


MISSING = "Request missing required field"
TOO_LARGE = json_reply(413, error="Payload too large")
FORBIDDEN = json_reply(403, error="Forbidden")
"""What a firewall before the service says."""

RATE_LIMITED = json_reply(
    429, error="Too many requests for some devices and users", eps_threshold=1_000
)
"""The 429 that names nobody (Amplitude-Kotlin, tests); the cap of a whole project looks so."""

BUSY = json_reply(503, error="Service unavailable")
BROKEN = json_reply(500, error="Internal server error")
PAGE = Reply(
    502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", {"Content-Type": "text/html"}
)
"""A proxy's answer."""


@dataclass(frozen=True)
class Request:
    """One request, readable and of this project; its events are unchecked.

    Attributes:
        size: Bytes of its JSON, decompressed.
        violations: What an import should not have said beside the events.
    """

    events: list[dict[str, Any]]
    min_id_length: int
    size: int
    violations: list[str] = field(default_factory=list)


def plain_body(body: bytes, headers: Mapping[str, str], limit: int, *, unzips: bool) -> bytes:
    """Return the JSON of a request as text.

    Args:
        body: As received.
        headers: Names in lower case.
        limit: Bytes, decompressed.
        unzips: Whether the service takes gzip, which no document says.

    Raises:
        Refusal: 400 or 413.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = headers.get("content-encoding", "").lower()
    if not body:
        raise Refusal(bad("Missing request body"))
    if kind != "application/json" or encoding not in ("", "gzip") or (encoding and not unzips):
        raise _unreadable()
    if encoding:
        try:
            body = decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise _unreadable() from error
    if len(body) > limit:
        raise Refusal(TOO_LARGE)
    return body


def read_request(plain: bytes, api_key: str, limit: int) -> Request:
    """Check what is around the events.

    Args:
        plain: The JSON.
        api_key: Of the project.
        limit: Events of a request.

    Raises:
        Refusal: 400 or 413.
    """
    try:
        document = orjson.loads(plain)
    except orjson.JSONDecodeError as error:
        raise _unreadable() from error
    if not isinstance(document, dict):
        raise _unreadable()
    _check_key(document.get("api_key"), api_key)
    events = document.get("events")
    if events is None:
        raise Refusal(bad(MISSING, missing_field="events"))
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise Refusal(bad("Invalid event JSON"))
    if len(events) > limit:
        raise Refusal(TOO_LARGE)
    violations = [CLIENT_UPLOAD_TIME] if "client_upload_time" in document else []
    return Request(events, _min_id_length(document), len(plain), violations)


def _check_key(given: Any, api_key: str) -> None:
    if not given:
        raise Refusal(bad(MISSING, missing_field="api_key"))
    if given != api_key:
        raise Refusal(bad(f"Invalid API key: {given}"))


def _min_id_length(document: dict[str, Any]) -> int:
    options = document.get("options") or {}
    length = options.get("min_id_length", ID_LENGTH) if isinstance(options, dict) else None
    if type(length) is not int or length < 0:
        raise _unreadable()
    return length


def _unreadable() -> Refusal:
    return Refusal(bad("Invalid JSON request body"))
