"""Events on their way, the queues in which they wait, and who learns what became of them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from singer_delivery.endpoint import Judgement, Request
from singer_delivery.model import Event


class Ticket:
    """The record a queued event was made of; `message` is its line, kept until it is decided.

    Attributes:
        overhead: bytes that an event takes besides what it carries, about: ticket, person, place.
    """

    __slots__ = ("message",)

    overhead = 700

    def __init__(self, message: bytes) -> None:
        self.message = message


class Queued:
    """An event on its way: encoded, with what its outcome will mean.

    Attributes:
        number: how many came before it.
        size: bytes as encoded, before compression.
        held: bytes that it keeps in memory until it is decided, about.
        after: the event of another lane that must be decided before this one leaves.
        presence: where its person's undecided events are, once it waits in a lane.
    """

    __slots__ = (
        "after", "decided", "encoded", "event", "held", "number", "presence", "size", "ticket",
    )  # fmt: skip

    def __init__(self, event: Event, encoded: bytes, ticket: Ticket) -> None:
        self.event = event
        self.encoded = encoded
        self.ticket = ticket
        self.number = 0
        self.size = len(encoded)
        self.held = self.size + len(ticket.message) + ticket.overhead
        self.after: Queued | None = None
        self.decided = False
        self.presence: Presence | None = None


@dataclass(frozen=True)
class Part:
    """Events that travel in one request.

    `attempts` counts the requests they travelled in, `failures` those in a row that decided none of
    them; `pause` is the wait in seconds before the next.
    """

    events: list[Queued]
    request: Request | None = None
    attempts: int = 0
    failures: int = 0
    pause: float = 0.0


@dataclass(slots=True, eq=False)
class Lane:
    """A queue with at most one request in the air.

    `is_full` says that a whole request waits; it is kept up to date by whoever adds or takes.
    Nothing up to the event of the number `urgent` waits for more.
    """

    ready: threading.Condition
    waiting: deque[Queued] = field(default_factory=deque)
    size: int = 0
    since: float = 0.0
    sending: bool = False
    is_full: bool = False
    urgent: int = -1


class Presence:
    """Where a person's undecided events are, how many, and which came last."""

    __slots__ = ("lane", "last", "undecided")

    def __init__(self, lane: Lane, last: Queued) -> None:
        self.lane = lane
        self.undecided = 1
        self.last = last


class Listener(Protocol):
    """Learns what became of events. Called from the lanes' threads."""

    def before_sending(self) -> None:
        """Return when everything that events about to be sent rely on is on disk."""

    def decided(self, batch: Sequence[tuple[Queued, Judgement]], attempts: int) -> None:
        """Take note of events that were delivered or rejected."""

    def attempted(self, endpoint: str, size: int, retry_reason: str) -> None:
        """Take note of a request; `retry_reason` is empty unless it must be sent again."""
