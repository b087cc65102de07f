"""What Mixpanel's `/import` makes of the events of one request. Pure.

The limits and texts are restated here on purpose, apart from the code they test. Sources: Mixpanel
docs, "Import Events", "Ingestion API" (OpenAPI description: StrictReceived, StrictInvalid), "Default
properties", "Reserved properties", "400 Bad Request". Mixpanel publishes no list of its messages:
those that are documented or were seen in replies are in `DOCUMENTED`, all others are made in their
manner. Where the documents can be read in two ways, the stricter one is played.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from tests.fakes.mixpanel_http import Refusal, content_type, refused, unpacked
from tests.fakes.mixpanel_identity import VERBS, Merge, as_merge, derived

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fakes.mixpanel_identity import Who

EVENTS_LIMIT = 2_000
BODY_LIMIT = 10 * 1024 * 1024
"""Bytes, decompressed. "10MB"; binary, as the 2 MB of the documented 413 are 2097152 bytes."""

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
FIRST_MS = 31_536_000 * 1_000
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

FAILED = "some data points in the request failed validation"
DOCUMENTED = {
    "time": "must be specified as seconds since epoch",
    "missing": "must not be missing",
    "insert_id": "must only contain alphanumeric or hyphen '-' characters",
}

GEO_FROM_REQUEST = "the request's own ip was used to locate an event or a profile"
GEO_FROM_IP = "an ip was used to locate an event"
RETIMED = "the server replaced a time in the future by its own"
TEXT_CUT = "a string was cut at 255 bytes"
NAME_CUT = "a name was cut at 255 characters"
TOKEN_REMOVED = "the property token was taken out"
ID_MADE = "the server made a distinct_id of the request's ip"
NOT_STRICT = "strict=1 was not asked for"

_INSERT_ID = re.compile(r"[A-Za-z0-9-]+")


class _Invalid(Exception):  # noqa: N818 - a verdict of the service, not a mistake
    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = f"'{field}' is invalid: {message}"


@dataclass(frozen=True)
class Rules:
    """What the verdict on an event depends on, apart from the event.

    Attributes:
        now_ms: The server's time.
        insert_id_key: Name of the id in a failed record; the documents have both.
    """

    identity_merge: Literal["simplified", "original"]
    now_ms: int
    insert_id_key: Literal["insert_id", "$insert_id"]


@dataclass(frozen=True)
class Accepted:
    """One event, checked.

    Attributes:
        time: Milliseconds since 1970.
        ip: As sent; None if there was none.
        data: The properties as stored, as JSON; kept packed, as an import holds many.
        hidden: The property because of which no report will ever show the event.
    """

    event: str
    time: int
    who: Who
    insert_id: str
    ip: Any
    data: bytes
    hidden: str | None


@dataclass(frozen=True)
class Judged:
    """The events of one request, each in one of the lists; `failed` as in the reply."""

    accepted: list[Accepted]
    merges: list[Merge]
    failed: list[dict[str, Any]]
    notes: set[str]


# Request ------------------------------------------------------------------------------------


def read_events(body: bytes, headers: Mapping[str, str], limit: int) -> list[Any]:
    """Return the events as sent, unchecked.

    Raises:
        Refusal: 400 or 413; nothing is imported. That no event of a request that is no JSON is
            imported, and that too many events are a 413, is assumed.
    """
    plain = unpacked(body, headers, limit)
    try:
        events = _parsers(content_type(headers))(plain)
    except orjson.JSONDecodeError as error:
        raise Refusal(_unreadable("request body is no valid JSON")) from error
    if not isinstance(events, list) or not events:
        raise Refusal(_unreadable("request body must be a list of events"))
    if len(events) > EVENTS_LIMIT:
        raise Refusal(refused(413, f"request exceeds max limit of {EVENTS_LIMIT} events"))
    return events


def _parsers(kind: str) -> Callable[[bytes], Any]:
    if kind == "application/json":
        return orjson.loads
    if kind == "application/x-ndjson":
        return _lines
    raise Refusal(_unreadable("content type must be application/json or application/x-ndjson"))


def _lines(plain: bytes) -> list[Any]:
    return [orjson.loads(line) for line in plain.split(b"\n") if line.strip()]


def _unreadable(error: str) -> Any:
    return refused(400, error, num_records_imported=0)


# Verdicts -----------------------------------------------------------------------------------


def judged(events: list[Any], rules: Rules) -> Judged:
    """Judge each event for itself: the good ones are imported whatever the others are.

    Raises:
        Refusal: 400 for all of them; the project has Simplified ID Merge and among the events is
            one that merges.
    """
    verdicts = Judged([], [], [], set())
    names = [event.get("event") for event in events if isinstance(event, dict)]
    if rules.identity_merge == "simplified" and any(name in VERBS for name in names if name):
        raise Refusal(refused(400, FAILED, num_records_imported=0, failed_records=[NO_VERBS]))
    for index, event in enumerate(events):
        try:
            _judge(event, rules, verdicts)
        except _Invalid as invalid:
            failed = {"index": index, rules.insert_id_key: _insert_id_of(event)}
            verdicts.failed.append(
                {**failed, "field": invalid.field, "message": invalid.message}
            )
    return verdicts
