"""Amplitude's `/batch`: its limits with their evidence, its encoding, the meaning of its replies.

The only module here that knows HTTP. Sources: Amplitude docs, "Batch Event Upload API".
"""

from __future__ import annotations

import orjson
from singer_delivery.endpoint import Envelope, Judgement, Limits, Reply, Request, Verdict, passing
from singer_delivery.mapping.encoding import encoded_json
from singer_delivery.model import Event

from target_amplitude.account import Account
from target_amplitude.amplitude import BATCH

MAX_EVENTS = 1_000
"""Events a request, by default: Amplitude takes 2,000; smaller requests lose less to a retry."""

MAX_BYTES = 10_000_000
"""Bytes of JSON a request, by default: Amplitude takes 20 MB."""

DELIVERED = Judgement(Verdict.DELIVERED)


class BatchEndpoint:
    """`/batch`: any answer but 200 says that nothing of the request is stored.

    Args:
        account: of the project.
        limits: of one request.
        min_id_length: characters that an id must have.
    """

    name = BATCH
    is_packed = True

    def __init__(self, account: Account, limits: Limits, min_id_length: int = 1) -> None:
        self.limits, self._account = limits, account
        head = {"api_key": account.api_key, "options": {"min_id_length": min_id_length}}
        before = orjson.dumps(head)[:-1] + b',"events":['
        self.envelope = Envelope(before, b"]}", is_gzipped=True)

    def encode(self, event: Event) -> bytes:
        """Return the event's JSON.

        Raises:
            Unmappable: it holds what JSON cannot say.
        """
        return encoded_json(event.body)

    def as_sent(self, encoded: bytes) -> bytes:
        """Return the event as it is."""
        return encoded

    def request(self, body: bytes) -> Request:
        """Return the request that carries a compressed body."""
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        return Request(self._account.base_url + BATCH, body, headers)

    def judge(self, reply: Reply, count: int) -> Judgement:  # noqa: ARG002 - all or nothing here
        """Return what Amplitude's reply means for each of the events."""
        if reply.status == 200:
            return DELIVERED
        if reply.status in (400, 413):
            return Judgement(Verdict.REJECTED, "refused", f"Amplitude: refused ({reply.status})")
        host = self._account.host
        detail = f"{host} answered {reply.status}: check `api_key` and `region`."
        fatal = Judgement(Verdict.FATAL, f"http {reply.status}", detail)
        return passing(reply, f"Amplitude at {host}") or fatal
