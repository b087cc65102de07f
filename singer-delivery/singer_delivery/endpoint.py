"""What an endpoint of a destination is: its limits, its encoding, the meaning of its replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, Protocol

import orjson

from singer_delivery.model import Event


class Verdict(Enum):
    """What a reply means for one event."""

    DELIVERED = "delivered"
    RETRIABLE = "retriable"
    REJECTED = "rejected"
    FATAL = "fatal"
    PARKED = "parked"


class Hold(Enum):
    """Why the events of an id are parked: what they wait for."""

    PACE = "pace"
    THROTTLED = "throttled"
    QUOTA = "daily quota"


@dataclass(frozen=True)
class Again:
    """How events are sent again.

    Attributes:
        after: seconds to wait; None for waits that double with each failure.
        is_counted: whether it counts among the retries after which a run stops.
        is_for_all: whether all requests wait, and not only this one.
    """

    after: float | None = None
    is_counted: bool = True
    is_for_all: bool = False


AT_ONCE = Again(after=0.0, is_counted=False)
"""For the events beside those that a reply names: nothing is wrong with them."""


PASSING = frozenset({408, 429})


@dataclass(frozen=True)
class Limits:
    """What one request may carry. Bytes are counted before compression.

    With `distinct_ids` no two events of it may have the same id: see `Event.id`.
    """

    max_events: int
    max_bytes: int
    distinct_ids: bool = False


@dataclass(frozen=True)
class Request:
    """One request, ready to be sent any number of times."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"

    def again(self) -> Request:
        """Return the request that asks the same once more: this one, where tries are not told."""
        return self

    def continued(self, rest: Request) -> Request:
        """Return the request that carries what the reply to this one left open.

        `rest` is a new request with its body; it leaves as it is, where tries are not told.
        """
        return rest


@dataclass(frozen=True)
class Reply:
    """What came back: a status and a body, or the reason why nothing did.

    `status` is 0 when no reply arrived; `error` then says what failed, without the address's
    secrets, and `is_hopeless` that another try would fail alike.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    is_hopeless: bool = False


def answer_of(reply: Reply) -> Mapping[str, Any]:
    """Return the JSON object in a reply, an empty one where there is none."""
    try:
        answer = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


NOTHING_LOST = "Nothing is lost: start the same run again."
"""Ends a sentence about a reply that stops a run."""


@dataclass(frozen=True)
class Judgement:
    """The meaning of a reply for the events of a request.

    `verdict` holds for every event but those that `exceptions` names by their index. A REJECTED
    that covers several events says that the fault is somewhere among them: they are sent again in
    halves until it stands alone. `reason` is the short word the report counts by; `detail` is for
    people. `again` says how RETRIABLE events are sent again.

    PARKED events leave the lane and wait in the ledger, with all later ones of the same id; `hold`
    says for what. `parked` are the ids, as decisions have them, that a reply names besides events.
    `note` is counted by the report, that of an exception as well.

    `named` is there where a reply names events by their own ids. Given the events as they were
    encoded, in the order in which they travelled, it returns the judgement that holds.
    """

    verdict: Verdict
    reason: str = ""
    detail: str = ""
    exceptions: Mapping[int, Judgement] = field(default_factory=dict)
    again: Again = Again()
    hold: Hold = Hold.THROTTLED
    parked: Mapping[str, Hold] = field(default_factory=dict)
    note: str = ""
    named: Callable[[Sequence[bytes]], Judgement] | None = None


def passing(reply: Reply, whom: str) -> Judgement | None:
    """Return the judgement of what passes by itself; None for every other reply.

    No reply at all, 408, 429 and every status from 500 on (RFC 9110): the same request may be taken
    later. `whom` names the service and its host, for people.
    """
    if reply.status == 0:
        verdict = Verdict.FATAL if reply.is_hopeless else Verdict.RETRIABLE
        return Judgement(verdict, "network", f"{whom}: {reply.error}.")
    if reply.status in PASSING or reply.status >= 500:
        detail = f"{whom} answered {reply.status}."
        return Judgement(Verdict.RETRIABLE, f"http {reply.status}", detail)
    return None


class Envelope(NamedTuple):
    """What stands around the events of a request: before the first, after the last.

    Between two events stands a comma. `is_gzipped` says whether the body is compressed.
    """

    before: bytes
    after: bytes
    is_gzipped: bool


class Endpoint(Protocol):
    """One ingestion address of a destination. It can be pickled.

    Attributes:
        name: events name it.
        limits: of one request.
        envelope: of its bodies.
        is_packed: whether the process that maps also packs the events into pieces of a body.
            Where it is false events stay apart, and pass through `as_sent` one by one.
    """

    name: str
    limits: Limits
    envelope: Envelope
    is_packed: bool

    def encode(self, event: Event) -> bytes:
        """Return the event's JSON.

        Raises:
            Unmappable: the destination would refuse or swallow it.
        """

    def as_sent(self, encoded: bytes) -> bytes:
        """Return an encoded event as it stands in a body: with the key that no file may hold."""

    def request(self, body: bytes) -> Request:
        """Return the request that carries a body."""

    def judge(self, reply: Reply, count: int) -> Judgement:
        """Return what the reply means for the `count` events of its request."""


class Sender(Protocol):
    """One attempt to send; `Transport` is the real one."""

    def send(self, request: Request) -> Reply:
        """Return the reply, or one of status 0 that says why there is none."""
