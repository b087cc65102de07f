"""Queues of events that wait in the ledger, each for an id that the service takes later.

An id opens a queue. In it stands also what keeps the order of an event that stands there, so that
nobody overtakes; where an event would stand in two, they become one. Not safe for threads: see
`parking`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from singer_delivery.endpoint import Hold
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.ledger.parked import queue_of

FIRST_PAUSE, LONGEST_PAUSE = 15.0, 300.0
"""Seconds until a throttled id is tried again; they double."""

HOUR = 3_600.0
"""Seconds until an id is tried again whose daily quota is used up: quotas move on by the hour."""

SECOND = 1.0
"""Seconds until an id is tried again that is over its own pace."""

FIRST_TRY, AT_ONCE = 16, 1_000
"""Events of a queue that leave together, at first and at most. They double with each success and
halve with each refusal: a service refuses a request as a whole that goes beyond what it still
takes of an id."""

LENGTHS = (Hold.PACE, Hold.THROTTLED, Hold.QUOTA)
"""What events wait for, by how long it lasts."""

Position = tuple[int, int]
"""Where a record stands in the input of a run: its block, and its place there."""

ALWAYS = (-1, 0)
"""Before all records."""


@dataclass(eq=False)
class Queue:
    """Events that wait for one id.

    Attributes:
        name: of it.
        names: of all queues that became this one, its own among them.
        ids: whose events stand in it.
        hold: what they wait for.
        due: when it is tried again, in seconds of a monotonic clock.
        pause: the next wait, where the id is throttled.
        events: how many wait, those under way included.
        under_way: how many of them are in a lane.
        is_held: whether some of these went back: then all do that follow them.
        at_once: how many leave together.
    """

    name: str
    names: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    hold: Hold = Hold.THROTTLED
    due: float = 0.0
    pause: float = FIRST_PAUSE
    events: int = 0
    under_way: int = 0
    is_held: bool = False
    at_once: int = FIRST_TRY

    def go_back(self) -> None:
        """Take note that events under way were refused."""
        if not self.is_held:
            self.is_held = True
            self.at_once = max(1, self.at_once // 2)

    def leave(self, events: int) -> None:
        """Take note that so many are under way."""
        self.under_way, self.is_held = events, False

    def was_taken(self) -> None:
        """Take note that one event is through."""
        self.events -= 1
        self.under_way -= 1
        self.pause = FIRST_PAUSE
        if not self.under_way and not self.is_held:
            self.at_once = min(2 * self.at_once, AT_ONCE)

    def rest(self, hold: Hold, now: float) -> None:
        """Wait from now on; what lasts longer already goes on."""
        if self.due > now and LENGTHS.index(self.hold) >= LENGTHS.index(hold):
            return  # another request of the same moment said so
        seconds = {Hold.PACE: SECOND, Hold.THROTTLED: self.pause, Hold.QUOTA: HOUR}[hold]
        self.hold, self.due = hold, now + seconds
        if hold is Hold.THROTTLED:
            self.pause = min(2 * self.pause, LONGEST_PAUSE)

    def take_in(self, other: Queue) -> None:
        """Become one with another queue."""
        self.names |= other.names
        self.ids |= other.ids
        self.events += other.events
        self.under_way += other.under_way
        self.is_held = self.is_held or other.is_held
        if other.due > self.due:
            self.due, self.hold = other.due, other.hold


class Queues:
    """The queues of a run, those that an earlier one left among them.

    Args:
        ledger: has the events.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._queues: dict[str, Queue] = {}
        self._named: dict[str, Queue] = {}
        self._of_ids: dict[str, Queue] = {}
        self._since: dict[str, Position] = {}
        for waiting in ledger.parked():
            queue = self._opened(waiting.queue)
            queue.events += waiting.events
            self.stand(queue, waiting.ids, ALWAYS)

    def __iter__(self) -> Iterator[Queue]:
        return iter([*self._queues.values()])

    def __len__(self) -> int:
        return len(self._queues)

    def named(self, name: str) -> Queue:
        """Return the queue of this name, or the one that it became."""
        return self._named[name]

    def has(self, id_: str) -> bool:
        """Tell whether events of an id stand in a queue."""
        return id_ in self._of_ids

    def hold(self, id_: str, since: Position) -> Queue:
        """Return the queue of an id, in which its events stand from one on."""
        queue = self._of_ids.get(id_) or self._opened(queue_of(id_))
        self.stand(queue, [id_], since)
        return queue

    def blocking(self, ids: Iterable[str], here: Position) -> list[str]:
        """Return those of an event's ids because of which it must wait."""
        return [id_ for id_ in ids if id_ in self._of_ids and self._since[id_] <= here]

    def stand(self, queue: Queue, ids: Iterable[str], since: Position) -> None:
        """Let events of these ids stand in a queue, from one on: those before it go first."""
        for id_ in ids:
            queue.ids.add(id_)
            self._of_ids[id_] = queue
            self._since[id_] = min(since, self._since.get(id_, since))

    def joined(self, ids: Sequence[str]) -> Queue:
        """Return the queue in which the events of all these ids stand, made one if need be."""
        first, *others = dict.fromkeys(self._of_ids[id_] for id_ in ids)
        for other in others:
            self._ledger.join_parked(other.name, first.name)
            first.take_in(other)
            self._of_ids.update(dict.fromkeys(other.ids, first))
            self._named.update(dict.fromkeys(other.names, first))
            del self._queues[other.name]
        return first

    def close(self, queue: Queue) -> None:
        """Let later events of its ids take the lanes again."""
        del self._queues[queue.name]
        for name in queue.names:
            del self._named[name]
        for id_ in queue.ids:
            del self._of_ids[id_], self._since[id_]

    def _opened(self, name: str) -> Queue:
        queue = self._named.get(name)
        if queue is None:
            queue = self._queues[name] = self._named[name] = Queue(name, {name})
        return queue
