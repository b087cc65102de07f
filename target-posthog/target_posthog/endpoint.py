"""PostHog's `/batch/`: its limits with their evidence, its encoding, the meaning of its replies.

It is v0 of capture, which every PostHog has; `capture_v1` has the newer one.

Sources: PostHog docs, "Capture API" and "Ingestion warnings"; PostHog's capture service
(rust/capture: router, payload, v0 endpoints), as published in 2026.
"""

from __future__ import annotations

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
from singer_delivery.errors import SettingsError
from singer_delivery.io.addresses import host_of, http_address
from singer_delivery.mapping.encoding import encoded_json
from singer_delivery.model import Event, Unmappable

from target_posthog.posthog import BATCH
from target_posthog.shapes import encoded_as_v0

MAX_EVENT_BYTES = 900_000
"""An event's JSON, itself encoded as a JSON string.

Capture puts each event as a string into a message of at most 1,000,000 bytes (its default
`kafka_producer_message_max_bytes`) and refuses larger ones; the rest is room for the envelope.
PostHog says "1 MB after processing"; RudderStack found events under 1 MB refused and stops at
900,000 too.
"""

MAX_EVENTS = 1_000
"""Events a request, by default: PostHog sets no number; smaller requests lose less to a retry."""

MAX_BYTES = 5 * 1024 * 1024
"""Bytes of JSON a request, by default: PostHog takes 20 MB, its own SDK sends at most 5 MiB."""

CLOUD_EVENTS_PER_SECOND = 5_000
"""PostHog asks importers for "a few thousand events per second" in total and may drop what
destabilises ingestion (docs, "Migrate to PostHog")."""

DELIVERED = Judgement(Verdict.DELIVERED)


def is_cloud(host: str) -> bool:
    """Tell whether the host is PostHog's own, as opposed to a self-hosted one."""
    parts = http_address(host.strip())
    name = (parts and parts.hostname) or ""
    return name == "posthog.com" or name.endswith(".posthog.com")


def ingestion_host(host: str) -> str:
    """Return the address that takes events, without a trailing slash.

    The addresses of the application, such as https://eu.posthog.com, are taken to mean the
    ingestion host of their region, as PostHog's own SDKs take them.

    Raises:
        SettingsError: the host is no http(s) address.
    """
    parts = http_address(host.strip())
    if parts is None:
        msg = "host must be an address such as https://us.i.posthog.com or https://eu.i.posthog.com"
        raise SettingsError(msg)
    regions = {"app.posthog.com": "us", "us.posthog.com": "us", "eu.posthog.com": "eu"}
    region = regions.get(parts.hostname or "")
    return f"https://{region}.i.posthog.com" if region else host.strip().rstrip("/")


class BatchEndpoint:
    """Capture v0's `/batch/`: all or nothing for the events of one request.

    The envelope carries no `sent_at`, ever: with it the server would move every timestamp by the
    difference between its clock and ours (capture's timestamp rules).
    """

    name = BATCH
    is_packed = True

    def __init__(
        self, host: str, api_key: str, *, historical_migration: bool, limits: Limits
    ) -> None:
        self.limits = limits
        self._url = ingestion_host(host) + BATCH
        self._host = host_of(self._url)
        head = {"api_key": api_key, "historical_migration": historical_migration}
        before = orjson.dumps(head)[:-1] + b',"batch":['
        self.envelope = Envelope(before, b"]}", is_gzipped=True)

    def encode(self, event: Event) -> bytes:
        """Return the event's JSON.

        Raises:
            Unmappable: it is larger than PostHog takes, or holds what JSON cannot say.
        """
        return fitting(encoded_json(event.body))

    def as_sent(self, encoded: bytes) -> bytes:
        """Return the event as it is; one that an earlier run kept for v1 in the shape of v0."""
        return encoded_as_v0(encoded)

    def request(self, body: bytes) -> Request:
        """Return the request that carries a compressed body."""
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        return Request(self._url, body, headers)

    def judge(self, reply: Reply, count: int) -> Judgement:  # noqa: ARG002 - all or nothing here
        """Return what capture's reply means for each of the events."""
        status = reply.status
        if status == 200:
            return self._accepted(reply)
        if status == 400 and _is_about_the_events(reply):
            return Judgement(Verdict.REJECTED, "refused", f"PostHog refused it: {_words(reply)}")
        if status == 413:
            return TOO_LARGE
        return passing(reply, f"PostHog at {self._host}") or fatal(status, self._host)

    def _accepted(self, reply: Reply) -> Judgement:
        answer = answer_of(reply)
        if answer.get("status") not in ("Ok", "ok", 1):
            return no_reply_of_posthog(self._host)
        limited = answer.get("quota_limited")
        if isinstance(limited, list) and "events" in limited:
            return over_the_limit("quota_limited")
        return DELIVERED


def fitting(encoded: bytes) -> bytes:
    """Return an event's JSON.

    Raises:
        Unmappable: it is larger than PostHog takes.
    """
    if len(encoded) > MAX_EVENT_BYTES // 2 and _encoded_twice(encoded) > MAX_EVENT_BYTES:
        detail = (
            f"the event is {len(encoded):,} bytes of JSON; PostHog takes about 1 MB, counted "
            "with every quotation mark escaped once more"
        )
        reason = "event_too_large"
        raise Unmappable(reason, detail)
    return encoded


def no_reply_of_posthog(host: str) -> Judgement:
    """Return the judgement of a 200 with a body that capture does not send."""
    detail = f"{host} answered 200, but not as PostHog does: check `host`."
    return Judgement(Verdict.RETRIABLE, "no PostHog reply", detail)


def over_the_limit(said: str) -> Judgement:
    """Return the judgement of a project that is not paid; `said` is by which status or word."""
    detail = (
        f"PostHog takes no more events ({said}): the project's billing limit is reached. Raise it "
        "in PostHog's billing settings, then start the same run again."
    )
    return Judgement(Verdict.FATAL, "quota_limited", detail)


def fatal(status: int, host: str) -> Judgement:
    """Return the judgement of a status that no retry mends."""
    if status == 402:
        return over_the_limit("402")
    detail = (
        f"{host} answered {status}, as PostHog's capture does not answer events: check `host` "
        "(https://us.i.posthog.com, https://eu.i.posthog.com or your own) and what stands before "
        f"it. {NOTHING_LOST}"
    )
    if status == 401:
        detail = (
            "PostHog refused the project key (401). Check `api_key`: a project key starts with "
            "phc_, a personal key (phx_) cannot capture. Nothing is lost: start the same run again "
            "with the right key."
        )
    return Judgement(Verdict.FATAL, f"http {status}", detail)


TOO_LARGE = Judgement(Verdict.REJECTED, "event_too_large", "PostHog: too large (413)")


def _encoded_twice(encoded: bytes) -> int:
    """Bytes of the event's JSON as a JSON string: every quote and backslash takes one more."""
    return len(encoded) + encoded.count(b'"') + encoded.count(b"\\") + 2


KNOWN_WORDS = (
    "event submitted with an empty event name",
    "event submitted without a distinct_id",
    "failed to hydrate events from request",
    "failed to parse request",
)
"""Beginnings of capture's own texts. The rest of a reply may quote the event and is left out."""


def _is_about_the_events(reply: Reply) -> bool:
    """Tell capture's own refusal of content from what stands before it or harms requests.

    Capture answers in plain text; a page of HTML comes from a proxy, and says nothing of events.
    """
    return b"failed to decode request" not in reply.body and not reply.body.lstrip().startswith(
        b"<"
    )


def _words(reply: Reply) -> str:
    text = reply.body[:500].decode("utf-8", "replace")
    known = next((words for words in KNOWN_WORDS if words in text), None)
    return known or "status 400"
