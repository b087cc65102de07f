"""Which lane an event waits in, and which events leave together.

A lane has one request in the air at a time, so what waits in one lane arrives in its order. A
person who has events waiting or in the air stays in that lane; a person who has none may take
any, and takes the one whose next request is fullest. So requests are full, as few lanes are busy
as the service's latency asks for, and no two events of one person can overtake each other.

An event that merges another person (a login that links a device to its user) follows that person
into its lane. When it must keep to another lane, for its own person's earlier events, it waits in
front of that lane until the other person's are decided. It waits only for events submitted before
it, so lanes cannot wait for each other in a circle.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import islice

from singer_delivery.batcher import first_batch
from singer_delivery.endpoint import Endpoint, Limits, Request
from singer_delivery.events import Event

HELD_BYTES = 64 * 1024 * 1024
"""Of encoded events and their records that may be undecided at once, over all lanes; a single event
may go beyond it."""


class Ticket:
    """The record a queued event was made of; `message` is its line, kept until it is decided."""

    __slots__ = ("message",)

    def __init__(self, message: bytes) -> None:
        self.message = message


@dataclass(slots=True, eq=False)
class Queued:
    """An event on its way: encoded, with what its outcome will mean."""

    event: Event
    encoded: bytes
    ticket: Ticket
    after: Queued | None = None
    decided: bool = False

    @property
    def size(self) -> int:
        """Bytes as encoded, before compression."""
        return len(self.encoded)

    @property
    def held(self) -> int:
        """Bytes that this event keeps in memory until it is decided."""
        return len(self.encoded) + len(self.ticket.message)


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
    """A queue with at most one request in the air."""

    ready: threading.Condition
    waiting: deque[Queued] = field(default_factory=deque)
    size: int = 0
    since: float = 0.0
    sending: bool = False


@dataclass(slots=True)
class Presence:
    """Where a person's undecided events are, and how many."""

    lane: Lane
    undecided: int
    last: Queued


class Lanes:
    """The waiting events. Every method is called with the dispatcher's lock held."""

    def __init__(
        self,
        count: int,
        lock: threading.RLock,
        endpoints: dict[str, Endpoint],
        held_bytes: int = HELD_BYTES,
    ) -> None:
        self.lanes = [Lane(threading.Condition(lock)) for _ in range(count)]
        self._endpoints = endpoints
        self._present: dict[str, Presence] = {}
        self._filling = self.lanes[0]
        self._held_bytes = held_bytes
        self._held = 0

    def place(self, event: Event) -> Lane:
        """Return the lane that an event must wait in."""
        present = self._present.get(event.person)
        if present is None and event.merges is not None:
            present = self._present.get(event.merges)
        if present is not None:
            return present.lane
        if self._is_full(self._filling) or self._filling.sending:
            self._filling = self._fullest_with_room()
        return self._filling

    def has_room(self, lane: Lane) -> bool:
        """Tell whether the lane may take one more event now."""
        return self._held < self._held_bytes and not self._is_full(lane)

    def put(self, lane: Lane, queued: Queued) -> None:
        """Add an event to its lane, and wake the lane when a full request waits there."""
        event = queued.event
        if event.merges is not None:
            elsewhere = self._present.get(event.merges)
            if elsewhere is not None and elsewhere.lane is not lane:
                queued.after = elsewhere.last
                elsewhere.lane.ready.notify()
        if not lane.waiting:
            lane.since = time.monotonic()
        lane.waiting.append(queued)
        lane.size += queued.size
        self._held += queued.held
        self._arrived(lane, queued)
        if len(lane.waiting) == 1 or self._is_full(lane):
            lane.ready.notify()

    def take(self, lane: Lane) -> list[Queued]:
        """Remove and return the events of the lane's next request.

        They share one endpoint, and only the first may have had to wait for another lane.
        """
        endpoint = lane.waiting[0].event.endpoint
        leading = 0
        for queued in lane.waiting:
            if queued.event.endpoint != endpoint or (leading and self._blocked(queued)):
                break
            leading += 1
        batch = first_batch(islice(lane.waiting, leading), self._endpoints[endpoint].limits)
        for queued in batch:
            lane.waiting.popleft()
            lane.size -= queued.size
        lane.since = time.monotonic()
        return batch

    def patience(self, lane: Lane, linger: float) -> float | None:
        """Return the seconds that the lane's next request may still wait for more events.

        None means that nothing but a notice can make it leave.
        """
        if not lane.waiting or self.is_blocked(lane):
            return None
        return max(0.0, lane.since + linger - time.monotonic())

    def is_due(self, lane: Lane) -> bool:
        """Tell whether the lane's next request should leave without waiting for more events."""
        return bool(lane.waiting) and (
            self._is_full(lane) or self._held >= self._held_bytes or self._is_awaited(lane)
        )

    def is_blocked(self, lane: Lane) -> bool:
        """Tell whether the lane's first event still waits for another lane's."""
        return self._blocked(lane.waiting[0])

    def decided(self, queued: Queued) -> None:
        """Forget an event that was decided, and its person when it was the last."""
        queued.decided = True
        self._held -= queued.held
        present = self._present[queued.event.person]
        present.undecided -= 1
        if not present.undecided:
            del self._present[queued.event.person]

    def _arrived(self, lane: Lane, queued: Queued) -> None:
        present = self._present.get(queued.event.person)
        if present is None:
            self._present[queued.event.person] = Presence(lane, 1, queued)
        else:
            present.undecided += 1
            present.last = queued

    def _is_full(self, lane: Lane) -> bool:
        if not lane.waiting:
            return False
        limits = self._limits(lane.waiting[0].event)
        return len(lane.waiting) >= limits.max_events or lane.size >= limits.max_bytes

    def _fullest_with_room(self) -> Lane:
        return max(
            self.lanes,
            key=lambda lane: (not self._is_full(lane), not lane.sending, len(lane.waiting)),
        )

    def _is_awaited(self, lane: Lane) -> bool:
        return any(
            other is not lane
            and other.waiting
            and (after := other.waiting[0].after) is not None
            and not after.decided
            and self._present[after.event.person].lane is lane
            for other in self.lanes
        )

    def _blocked(self, queued: Queued) -> bool:
        return queued.after is not None and not queued.after.decided

    def _limits(self, event: Event) -> Limits:
        return self._endpoints[event.endpoint].limits
