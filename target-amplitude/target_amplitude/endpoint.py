"""Amplitude's `/batch`: its limits with their evidence, its encoding, the opening request.

The only module here that knows HTTP; `replies` knows what comes back. Sources: Amplitude docs,
"Batch Event Upload API"; Amplitude-TypeScript (`shouldCompressUploadBodyForRequest`) for gzip.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import orjson
from singer_delivery.endpoint import (
    Envelope,
    Judgement,
    Limits,
    Reply,
    Request,
    Sender,
    answer_of,
)
from singer_delivery.io.compression import deflated, gzipped
from singer_delivery.mapping.encoding import encoded_json
from singer_delivery.model import Event, Unmappable

from target_amplitude import closing, replies
from target_amplitude.account import Account
from target_amplitude.amplitude import BATCH, BYTES_A_REQUEST

logger = logging.getLogger(__name__)

MAX_EVENTS = 1_000
"""Events a request, by default: Amplitude takes 2,000; smaller requests lose less to a retry."""

MAX_BYTES = 10_000_000
"""Bytes of JSON a request, by default: Amplitude takes 20 MB."""

FEWEST_EVENTS = 100
"""Events below which a 413 makes later requests no smaller: one event must be at fault then."""

OPENING = 10_000
"""Bytes that what stands around the events may take; it is some hundred."""

TOO_LARGE = "event_too_large"

UNREADABLE = ("Invalid JSON request body", "Missing request body")
"""Errors of a 400 to a compressed body that is read as if it were none."""


class BatchEndpoint:
    """`/batch`: any answer but 200 says that nothing of the request is stored.

    Bodies are compressed, as Amplitude's browser SDK does it, unless the opening request shows
    that this is refused. The key stands in the envelope alone: no event holds it.

    Args:
        account: of the project.
        limits: of one request.
        min_id_length: characters that an id must have.
    """

    name = BATCH

    def __init__(self, account: Account, limits: Limits, min_id_length: int = 1) -> None:
        self.limits, self._account, self._min_id_length = limits, account, min_id_length
        self.is_packed = True
        head = {"api_key": account.api_key, "options": {"min_id_length": min_id_length}}
        before = orjson.dumps(head)[:-1] + b',"events":['
        self.envelope = Envelope(before, b"]}", is_gzipped=True)

    def encode(self, event: Event) -> bytes:
        """Return the event's JSON.

        Raises:
            Unmappable: it is larger than Amplitude takes, or holds what JSON cannot say.
        """
        encoded = encoded_json(event.body)
        if len(encoded) > BYTES_A_REQUEST - OPENING:
            reason, detail = (
                TOO_LARGE,
                f"it is {len(encoded):,} bytes of JSON; Amplitude takes 20 MB",
            )
            raise Unmappable(reason, detail)
        return encoded

    def as_sent(self, encoded: bytes) -> bytes:
        """Return the event; an update that waited becomes one."""
        return closing.as_sent(encoded)

    def request(self, body: bytes) -> Request:
        """Return the request that carries a body."""
        headers = {"Content-Type": "application/json"}
        if self.envelope.is_gzipped:
            headers["Content-Encoding"] = "gzip"
        return Request(self._account.base_url + BATCH, body, headers)

    def judge(self, reply: Reply, count: int) -> Judgement:
        """Return what Amplitude's reply means for each of the events."""
        judgement = replies.judged(reply, count, self._account)
        if judgement.reason == TOO_LARGE and count > FEWEST_EVENTS:
            self._heed(count)
        return judgement

    def for_account(self, account: Account) -> BatchEndpoint:
        """Return the same endpoint for another project or region."""
        return BatchEndpoint(account, self.limits, self._min_id_length)

    def opening(self, sender: Sender) -> Reply:
        """Send a request without events, and return the reply.

        Where compressed requests are not taken, those that follow are plain. What else goes wrong
        is left to them: they are tried again.
        """
        reply = sender.send(self.request(self._empty_body()))
        answer = answer_of(reply)
        code = replies.code_of(reply, answer)
        is_unreadable = code == 415 or str(answer.get("error")).startswith(UNREADABLE)
        if not is_unreadable or not self.envelope.is_gzipped:
            return reply
        logger.warning("%s takes no compressed requests: sending plain ones.", BATCH)
        self.envelope = self.envelope._replace(is_gzipped=False)
        self.is_packed = False
        return self.opening(sender)

    def _empty_body(self) -> bytes:
        before, after, is_gzipped = self.envelope
        return gzipped([deflated(before + after)]) if is_gzipped else before + after

    def _heed(self, count: int) -> None:
        """Send less at once from now on, unless few events are too large already."""
        fewer = max(count // 2, FEWEST_EVENTS)
        if fewer < self.limits.max_events:
            self.limits = replace(self.limits, max_events=fewer)
