"""What PostHog's capture v1 (`/i/v1/analytics/events`) makes of one request. Pure.

The limits and words are restated here on purpose, apart from the code they test. Sources: PostHog
repository, `rust/capture/src/v1` (context.rs, constants.rs, util.rs; analytics/handler.rs,
types.rs), as published in 2026. Its events are judged in `events_v1`.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from gzip import decompress
from typing import TYPE_CHECKING, Any

import orjson

from tests.fakes.posthog.capture import token_fault
from tests.fakes.posthog.events_v1 import UUID, Error, Judged, instant, judged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

COMPRESSED_LIMIT = 10 * 1024 * 1024
BODY_LIMIT = 50 * 1024 * 1024
"""Bytes; the defaults of capture_v1_max_compressed_body_bytes and its decompressed twin."""

ENCODINGS = ("gzip", "deflate", "br", "zstd")
REQUIRED = (
    "posthog-sdk-info", "posthog-attempt", "posthog-request-id", "posthog-request-timestamp",
    "content-type", "user-agent",
)  # fmt: skip


@dataclass(frozen=True)
class RequestV1:
    """One request, taken."""

    token: str
    historical: bool
    events: list[Judged]
    size: int
    notes: set[str]


def read_head(headers: Mapping[str, str]) -> str:
    """Check the headers, and return the project key.

    Raises:
        Error: With the status and the word the service answers.
    """
    if "authorization" not in headers:
        raise Error(401, "missing_authorization")
    missing = [name for name in REQUIRED if name not in headers]
    if missing:
        raise Error(400, "missing_required_headers", f"request is missing headers: {missing}")
    scheme, _, token = headers["authorization"].partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Error(400, "invalid_header_value", "Authorization must use Bearer scheme")
    if token_fault(token):
        raise Error(401, "invalid_api_token", "The provided API token is not valid.")
    if headers["content-type"].split(";")[0].strip().lower() != "application/json":
        raise Error(415, "unsupported_content_type")
    if headers.get("content-encoding", "gzip").lower() not in ENCODINGS:
        raise Error(415, "unsupported_encoding")
    _require(UUID.fullmatch(headers["posthog-request-id"]), "PostHog-Request-Id")
    _require(re.fullmatch("0*[1-9][0-9]*", headers["posthog-attempt"]), "PostHog-Attempt")
    _require(instant(headers["posthog-request-timestamp"]), "PostHog-Request-Timestamp")
    return token.strip()


def read_request_v1(body: bytes, headers: Mapping[str, str], now: datetime) -> RequestV1:
    """Check a request as capture v1 does.

    Args:
        body: As received.
        headers: Names in lower case.
        now: The server's time.

    Raises:
        Error: With the status and the word the service answers.
    """
    token = read_head(headers)
    plain = _unpack(body, headers.get("content-encoding"))
    batch = _parse(plain)
    sent_at = instant(headers["posthog-request-timestamp"])
    assert sent_at is not None, "the head is checked"
    notes: set[str] = set()
    events = list(judged(batch["batch"], sent_at - now, now, notes))
    return RequestV1(token, batch.get("historical_migration", False), events, len(plain), notes)


def _require(condition: object, name: str) -> None:
    if not condition:
        raise Error(400, "invalid_header_value", f"{name} is not valid")


# The body -----------------------------------------------------------------------------------


def _unpack(body: bytes, encoding: str | None) -> bytes:
    if not body:
        raise Error(400, "empty_body")
    if len(body) > COMPRESSED_LIMIT:
        raise Error(413, "payload_too_large")
    try:
        plain = _decoded(body, (encoding or "").lower())
    except (OSError, EOFError, zlib.error) as error:
        raise Error(400, "request_decoding_error") from error
    if len(plain) >= BODY_LIMIT:
        raise Error(413, "payload_too_large")
    return plain


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return _first_member(body)
    if encoding == "deflate":
        return zlib.decompress(body, zlib.MAX_WBITS if body[:1] == b"\x78" else -zlib.MAX_WBITS)
    assert not encoding, f"this fake has no decoder for {encoding}, which PostHog has"
    return body


def _first_member(body: bytes) -> bytes:
    """Decode the first member alone: the decoder's `multiple_members` is off (util.rs)."""
    decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
    plain = decoder.decompress(body)
    if not decoder.eof:
        return decompress(body)  # raises what is wrong with it
    return plain


def _parse(plain: bytes) -> dict[str, Any]:
    try:
        batch = orjson.loads(plain)
    except orjson.JSONDecodeError as error:
        raise Error(400, "request_parsing_error") from error
    fits = (
        isinstance(batch, dict)
        and isinstance(batch.get("created_at"), str)
        and isinstance(batch.get("historical_migration", False), bool)
        and isinstance(batch.get("batch"), list)
        and all(map(_fits, batch["batch"]))
    )
    if not fits:
        raise Error(400, "request_parsing_error")
    if not batch["batch"]:
        raise Error(400, "empty_batch")
    if instant(batch["created_at"]) is None:
        raise Error(400, "invalid_batch")
    found: dict[str, Any] = batch
    return found


def _fits(event: object) -> bool:
    """Whether it deserialises into capture's Event (types.rs): these are strings, and there."""
    return (
        isinstance(event, dict)
        and all(
            isinstance(event.get(name), str)
            for name in ("event", "uuid", "distinct_id", "timestamp")
        )
        and all(
            isinstance(event.get(name), (str, type(None))) for name in ("session_id", "window_id")
        )
    )
