"""Whose turn it is: which parked events leave the ledger now, queue by queue, as their pace allows.

Not safe for threads: see `parking`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from singer_delivery.endpoint import Hold
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.ledger.parked import ParkedEvent
from singer_delivery.pipeline.id_pace import IdPace
from singer_delivery.pipeline.ids_of_events import ORDER
from singer_delivery.pipeline.queues import SECOND, Queue, Queues


class Turns:
    """Takes events of queues whose pause is over; a queue has a turn at a time.

    Args:
        ledger: has the events.
        queues: in which they wait.
        pace: of each id.
    """

    def __init__(self, ledger: Ledger, queues: Queues, pace: IdPace) -> None:
        self._ledger, self._queues, self._pace = ledger, queues, pace

    def due(self, now: float) -> list[ParkedEvent]:
        """Return the events whose turn it is, in order; they are under way from now on.

        Args:
            now: in seconds of a monotonic clock.
        """
        ready = [queue for queue in self._queues if not queue.under_way and queue.due <= now]
        return [event for queue in ready for event in self._next_of(queue, now)]

    def _next_of(self, queue: Queue, now: float) -> Sequence[ParkedEvent]:
        events = self._ledger.read_parked(queue.name, queue.at_once)
        if not events:  # none came since it was opened
            self._queues.close(queue)
            return []
        if self._pace:
            events = events[: self._allowed(events, now)]
            if not events:
                queue.hold, queue.due = Hold.PACE, now + SECOND
        queue.leave(len(events))
        return events

    def _allowed(self, events: Sequence[ParkedEvent], now: float) -> int:
        """Return how many of the first events their pace allows now, and count them."""
        room, counts = dict[str, int](), Counter[str]()
        allowed = 0
        for event in events:
            ids = [id_ for id_ in event.ids if not id_.startswith(ORDER)]
            room.update((id_, self._pace.room(id_, now)) for id_ in ids if id_ not in room)
            if any(counts[id_] >= room[id_] for id_ in ids):
                break
            counts.update(ids)
            allowed += 1
        for id_, count in counts.items():
            self._pace.take(id_, count, now)
        return allowed
