"""Which lane an event waits in, and which events leave together.

A lane has one request in the air at a time, so what waits in one lane arrives in its order. A
person who has events waiting or in the air stays in that lane, so that no two events of one person
can overtake each other; a person who has none may take any. At first that is the one whose next
request is fullest: requests are full, and few. When an event has to wait for room while requests
are in the air, people are spread over four times as many lanes, since with everybody in one lane no
other would ever be in the air. So as many are busy as the service's latency asks for. And once half
of the memory is taken, the fullest lane's request leaves as it is, again and again, so that the
other half is not filled while nothing is in the air.

An event that merges another person (a login that links a device to its user) follows that person
into its lane. When it must keep to another lane, for its own person's earlier events, it waits in
front of that lane until the other person's are decided. It waits only for events submitted before
it, so lanes cannot wait for each other in a circle.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from singer_delivery.endpoint import Endpoint
from singer_delivery.model import Event
from singer_delivery.pipeline.batcher import first_batch
from singer_delivery.pipeline.queued import Lane, Presence, Queued

HELD_BYTES = 32 * 1024 * 1024
"""Of encoded events and their records that may be undecided at once, over all lanes; a single event
may go beyond it. About 7,500 events: enough for 30,000 a second at 250 ms a reply."""


NUDGES = 16
"""Into so many requests the memory is cut at least, where it is short."""


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
        self._spread_over = 1
        self._turn = 0
        self._since_nudge = 0
        self._held_bytes = held_bytes
        self._held = 0
        self._count = 0

    def place(self, event: Event) -> Lane:
        """Return the lane that an event must wait in."""
        present = self._present.get(event.person)
        if present is None and event.merges is not None:
            present = self._present.get(event.merges)
        if present is not None:
            return present.lane
        if self._spread_over > 1:
            return self._next_in_turn()
        filling = self._filling
        if filling.sending or filling.is_full:
            filling = self._filling = self._fullest_with_room()
        return filling

    def spread(self) -> None:
        """Spread new people over four times as many lanes, when all those so far are in the air."""
        if all(lane.sending for lane in self.lanes[: self._spread_over]):
            self._spread_over = min(4 * self._spread_over, len(self.lanes))

    def has_room(self, lane: Lane) -> bool:
        """Tell whether the lane may take one more event now."""
        return not lane.is_full and self._held < self._held_bytes

    def put(self, lane: Lane, queued: Queued) -> None:
        """Add an event to its lane, and wake the lane when a full request waits there."""
        event, waiting = queued.event, lane.waiting
        if event.merges is not None:
            self._follow(lane, queued, event.merges)
        queued.number = self._count
        self._count += 1
        waiting.append(queued)
        lane.size += queued.size
        self._held += queued.held
        present = self._present.get(event.person)
        if present is None:
            present = self._present[event.person] = Presence(lane, queued)
        else:
            present.undecided += 1
            present.last = queued
        queued.presence = present
        limits = self._endpoints[waiting[0].event.endpoint].limits
        lane.is_full = len(waiting) >= limits.max_events or lane.size >= limits.max_bytes
        if len(waiting) == 1:
            lane.since = time.monotonic()
            lane.ready.notify()
        elif lane.is_full:
            lane.ready.notify()
        self._since_nudge += queued.held
        if self._since_nudge * NUDGES >= self._held_bytes <= 2 * self._held:
            self._nudge()

    def take(self, lane: Lane, linger: float) -> list[Queued]:
        """Remove and return the events of the lane's next request.

        They share one endpoint: the first event's when that has waited for `linger` seconds, else
        the one for which most wait, so that a few for another do not take a request of their own
        each time. Those of other endpoints stay, and with them what comes later of their people.
        Only the first event may have had to wait for another lane.
        """
        waiting, first = lane.waiting, lane.waiting[0].event.endpoint
        has_lingered = time.monotonic() >= lane.since + linger
        batch = [] if has_lingered else self._batch(waiting, _most_frequent_endpoint(waiting))
        batch = batch or self._batch(waiting, first)
        if batch[-1] is waiting[len(batch) - 1]:
            for _ in batch:
                waiting.popleft()
            lane.since = time.monotonic()
        else:
            taken = set(map(id, batch))
            lane.waiting = deque([queued for queued in waiting if id(queued) not in taken])
        lane.size -= sum([queued.size for queued in batch])
        lane.is_full = self._is_full(lane)
        return batch

    def _batch(self, waiting: Iterable[Queued], endpoint: str) -> list[Queued]:
        return first_batch(self._may_leave(waiting, endpoint), self._endpoints[endpoint].limits)

    def _may_leave(self, waiting: Iterable[Queued], endpoint: str) -> Iterator[Queued]:
        """Yield what may travel together without overtaking an earlier event of its person."""
        behind: set[str | None] = set()
        is_first = True
        for queued in waiting:
            event = queued.event
            if (
                event.endpoint == endpoint
                and not (behind and (event.person in behind or event.merges in behind))
                and (is_first or not self._blocked(queued))
            ):
                yield queued
            else:
                behind.add(event.person)
                behind.add(event.merges or event.person)
            is_first = False

    def patience(self, lane: Lane, linger: float) -> float | None:
        """Return the seconds that the lane's next request may still wait for more events.

        None means that nothing but a notice can make it leave.
        """
        if not lane.waiting or self.is_blocked(lane):
            return None
        if lane.waiting[0].number <= lane.urgent:
            return 0.0
        return max(0.0, lane.since + linger - time.monotonic())

    def hurry(self) -> None:
        """Let everything that waits now leave without waiting for more."""
        for lane in self.lanes:
            if lane.waiting:
                self._hurry(lane)

    def _hurry(self, lane: Lane) -> None:
        lane.urgent = lane.waiting[-1].number
        lane.ready.notify()

    def is_due(self, lane: Lane) -> bool:
        """Tell whether the lane's next request should leave without waiting for more events."""
        return bool(lane.waiting) and (
            lane.is_full or self._held >= self._held_bytes or self._is_awaited(lane)
        )

    def is_blocked(self, lane: Lane) -> bool:
        """Tell whether the lane's first event still waits for another lane's."""
        return self._blocked(lane.waiting[0])

    def decided(self, batch: Iterable[Queued]) -> None:
        """Forget events that were decided, and their people when they were the last."""
        for queued in batch:
            queued.decided = True
            self._held -= queued.held
            present = queued.presence
            assert present is not None, "it never waited in a lane"
            queued.presence = queued.after = None  # what refers to itself would wait for the gc
            present.undecided -= 1
            if not present.undecided:
                del self._present[queued.event.person]

    def _follow(self, lane: Lane, queued: Queued, merged: str) -> None:
        """Let an event wait for the person it merges, who is elsewhere."""
        elsewhere = self._present.get(merged)
        if elsewhere is not None and elsewhere.lane is not lane:
            queued.after = elsewhere.last
            elsewhere.lane.ready.notify()

    def _is_full(self, lane: Lane) -> bool:
        if not lane.waiting:
            return False
        limits = self._endpoints[lane.waiting[0].event.endpoint].limits
        return len(lane.waiting) >= limits.max_events or lane.size >= limits.max_bytes

    def _fullest_with_room(self) -> Lane:
        return max(
            self.lanes,
            key=lambda lane: (not lane.is_full, not lane.sending, len(lane.waiting)),
        )

    def _next_in_turn(self) -> Lane:
        """Return the next lane whose request could leave soonest."""
        self._turn = turn = (self._turn + 1) % self._spread_over
        lanes = self.lanes[turn : self._spread_over] + self.lanes[:turn]
        return min(lanes, key=lambda lane: (lane.is_full, lane.sending))

    def _nudge(self) -> None:
        """Let the fullest lane's request leave as it is."""
        self._since_nudge = 0
        idle = [lane for lane in self.lanes if lane.waiting and not lane.sending]
        if idle:
            self._hurry(max(idle, key=lambda lane: lane.size))

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


def _most_frequent_endpoint(waiting: Iterable[Queued]) -> str:
    [(endpoint, _)] = Counter([queued.event.endpoint for queued in waiting]).most_common(1)
    return endpoint
