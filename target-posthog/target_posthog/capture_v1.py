"""PostHog's `/i/v1/analytics/events`: capture that says of each event what became of it.

Sources: PostHog repository, rust/capture/src/v1 (context, constants, error; analytics: handler,
process, types, response) and posthog-python, capture_v1.py, as published in 2026.

Bodies are gzip of one member, as for v0. Capture takes zstd too, but decodes the first frame of a
body alone (util.rs: async-compression's ZstdDecoder, whose `multiple_members` is off), and pieces
that are compressed apart can only be put together as frames: what follows the first would be lost.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from uuid import uuid4

import orjson
from singer_delivery.endpoint import (
    NOTHING_LOST,
    Envelope,
    Judgement,
    Limits,
    Reply,
    Request,
    Verdict,
    answer_of,
    passing,
)
from singer_delivery.io.addresses import host_of
from singer_delivery.io.compression import deflated, gzipped
from singer_delivery.mapping.encoding import encoded_json
from singer_delivery.model import Event, Unmappable

from target_posthog.endpoint import (
    DELIVERED,
    TOO_LARGE,
    fatal,
    fitting,
    ingestion_host,
    no_reply_of_posthog,
    over_the_limit,
)
from target_posthog.posthog import BATCH
from target_posthog.shapes import as_v1, encoded_as_v1
from target_posthog.verdicts import by_uuid

EVENTS = "/i/v1/analytics/events"

MAX_NAME_BYTES = 200
"""Longer names are dropped; v0 cuts them (analytics/constants.rs)."""

SDK_INFO = "PostHog-Sdk-Info"
ATTEMPT = "PostHog-Attempt"
REQUEST_ID = "PostHog-Request-Id"
REQUEST_TIMESTAMP = "PostHog-Request-Timestamp"
"""Required, beside Authorization, Content-Type and User-Agent (v1/constants.rs)."""

OF_MONEY = "billing_limit_exceeded"
"""Said with 402 by newer versions, with 429 by older ones (v1/error.rs)."""

OF_THE_REQUEST = frozenset({
    "missing_required_headers", "invalid_header_value", "invalid_batch", "empty_batch",
    "empty_body", "request_decoding_error", "unsupported_content_type", "unsupported_encoding",
})  # fmt: skip
"""Errors that no event of the request is at fault for."""


class Try(Request):
    """A request that says which try it is: its id stays, its number and its time are new."""

    def again(self) -> Request:
        """Return the next try."""
        return self.continued(self)

    def continued(self, rest: Request) -> Request:
        """Return the next try, with what was left open."""
        number = int(self.headers[ATTEMPT]) + 1
        said = {
            REQUEST_ID: self.headers[REQUEST_ID],
            ATTEMPT: str(number),
            REQUEST_TIMESTAMP: _now(),
        }
        return replace(rest, headers={**rest.headers, **said})


class EventsEndpoint:
    """Capture v1: a verdict for each event of a request.

    It goes by the name of `/batch/`, by which mappings and the ledger know what takes events: a run
    by v1 takes up what one by v0 left, and the other way round.

    The time of the request, which every request must say, moves no event: each carries
    `disable_skew_correction`. A request with two events of one uuid is refused.
    """

    name = BATCH
    is_packed = True

    def __init__(
        self, host: str, api_key: str, version: str, *, historical_migration: bool, limits: Limits
    ) -> None:
        self.limits = replace(limits, distinct_ids=True)
        self._url = ingestion_host(host) + EVENTS
        self.host = host_of(self._url)
        self._since = _now()
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            SDK_INFO: f"target-posthog/{version}",
        }
        head = {"created_at": self._since, "historical_migration": historical_migration}
        before = orjson.dumps(head)[:-1] + b',"batch":['
        self.envelope = Envelope(before, b"]}", is_gzipped=True)

    def encode(self, event: Event) -> bytes:
        """Return the event's JSON.

        Raises:
            Unmappable: it or its name is larger than PostHog takes, or holds what JSON cannot say.
        """
        encoded = encoded_json(as_v1(event.body, self._since))
        if len(event.name) * 4 > MAX_NAME_BYTES:
            _check_name(event.body["event"])
        return fitting(encoded)

    def as_sent(self, encoded: bytes) -> bytes:
        """Return the event as it is; one that an earlier run kept for v0 in the shape of v1."""
        return encoded_as_v1(encoded, self._since)

    def request(self, body: bytes) -> Request:
        """Return the request that carries a compressed body: its first try."""
        said = {REQUEST_ID: str(uuid4()), ATTEMPT: "1", REQUEST_TIMESTAMP: _now()}
        return Try(self._url, body, {**self._headers, **said})

    def question(self) -> Request:
        """Return a request without events, which capture v1 refuses: see `is_of_v1`."""
        before, after, _ = self.envelope
        return self.request(gzipped([deflated(before + after)]))

    def judge(self, reply: Reply, count: int) -> Judgement:
        """Return what capture's reply means for each of the events."""
        if reply.status == 200:
            return self._accepted(reply, count)
        tag = error_in(reply)
        if tag == OF_MONEY:
            return over_the_limit(tag)
        if reply.status == 400 and tag is not None and tag not in OF_THE_REQUEST:
            return Judgement(Verdict.REJECTED, "refused", f"PostHog refused it: {tag}")
        if reply.status == 413:
            return TOO_LARGE
        passes = passing(reply, f"PostHog at {self.host}")
        return passes or self._fatal(reply.status, tag)

    def _accepted(self, reply: Reply, count: int) -> Judgement:
        results = answer_of(reply).get("results")
        if not isinstance(results, dict):
            return no_reply_of_posthog(self.host)
        if len(results) == count and all(each == {"result": "ok"} for each in results.values()):
            return DELIVERED
        return Judgement(Verdict.DELIVERED, named=partial(by_uuid, results))

    def _fatal(self, status: int, tag: str | None) -> Judgement:
        if tag is None and status in (404, 405):
            detail = (
                f"{self.host} answered {status}: it has no capture v1. Set `capture` to v0 or "
                f"auto, or check `host`. {NOTHING_LOST}"
            )
            return Judgement(Verdict.FATAL, f"http {status}", detail)
        if tag in OF_THE_REQUEST:
            detail = (
                f"{self.host} answered {status}, {tag}: it does not understand requests of capture "
                "v1 as this target makes them. Set `capture` to v0. Nothing is lost: start the "
                "same run again."
            )
            return Judgement(Verdict.FATAL, f"http {status}", detail)
        return fatal(status, self.host)


def is_of_v1(reply: Reply) -> bool:
    """Tell whether a reply is that of a service that has capture v1.

    Its route exists only where it can store events; elsewhere the address is unknown (PostHog
    repository, rust/capture/src/router.rs). It describes each error in JSON.
    """
    return error_in(reply) is not None


def error_in(reply: Reply) -> str | None:
    """Return the word by which capture v1 names an error; None for a reply that is not its own."""
    answer = answer_of(reply)
    if "error_description" not in answer:
        return None
    tag = answer.get("error")
    return tag if isinstance(tag, str) and re.fullmatch("[a-z0-9_]{1,64}", tag) else None


def _check_name(name: str) -> None:
    size = len(name.encode(errors="replace"))
    if size > MAX_NAME_BYTES:
        reason = "event_name_too_long"
        detail = (
            f"its name has {size} bytes, PostHog's capture v1 takes {MAX_NAME_BYTES}; give it "
            "another with `rename_events`"
        )
        raise Unmappable(reason, detail)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()
