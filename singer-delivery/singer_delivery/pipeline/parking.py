"""Events of an id that the service takes later: they leave the lanes and wait in the ledger.

    reply, or pace → its events, and all later ones, to the ledger → others go on, STATE passes
                     its turn → from the ledger, in order → reply → out of the ledger

An id opens a queue, see `queues`. When it is empty, later events take the lanes again.

The order of durable writes: an event is in the ledger before its piece counts as decided, and the
ledger is on disk before STATE; a parked event leaves the ledger after its reply. A run that is
killed between reply and ledger sends it again under the same id.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from singer_delivery.endpoint import Hold, Judgement, Verdict
from singer_delivery.io.retry import Clock, pause
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.ledger.parked import ParkedEvent
from singer_delivery.ledger.update import Update
from singer_delivery.pipeline.id_pace import FEW, IdPace
from singer_delivery.pipeline.ids_of_events import (
    ORDER,
    decisions_of,
    decisions_of_singles,
    ids_of,
    ids_of_decision,
    position_of,
)
from singer_delivery.pipeline.pieces import Piece, Place, Single
from singer_delivery.pipeline.queues import ALWAYS, Position, Queue, Queues
from singer_delivery.pipeline.turns import Turns

logger = logging.getLogger(__name__)

MINUTE = 60.0

Park = Callable[[str, Single, str, tuple[str, ...]], bool]
"""Writes an event of an endpoint to a queue, where it stands by these ids; see `Outcomes.park`."""


class Parking:
    """Knows whose events wait. Called from any thread.

    Args:
        ledger: has them.
        park: writes one.
        clock: the time.
        per_second: events of one id a second, as a mean of 30 s; 0 for no limit.
        minutes: for which a run waits at its end for ids whose daily quota is used up.

    Attributes:
        updates: how many updates of the outbox wait as well: they stay there.
    """

    def __init__(
        self,
        ledger: Ledger,
        park: Park,
        clock: Clock,
        per_second: float = 0,
        minutes: float = 0,
    ) -> None:
        self._park, self._clock = park, clock
        self._longest = minutes * MINUTE
        self._pace = IdPace(per_second)
        self._lock = threading.RLock()
        self._queues = Queues(ledger)
        self._turns = Turns(ledger, self._queues, self._pace)
        self._said_at = -MINUTE
        self._said: set[Hold] = set()
        self._resting_since: float | None = None
        self.updates = 0

    # What waits -------------------------------------------------------------------------------

    @property
    def events(self) -> int:
        """How many events wait."""
        with self._lock:
            return sum(queue.events for queue in self._queues) + self.updates

    @property
    def ids(self) -> int:
        """For how many ids they wait."""
        return len(self._queues)

    def holds(self) -> Counter[Hold]:
        """Return for what the queues wait."""
        with self._lock:
            return Counter(queue.hold for queue in self._queues)

    # Before a request -------------------------------------------------------------------------

    def concerns(
        self, pieces: Sequence[Piece], singles: Sequence[Single], *, is_first: bool
    ) -> bool:
        """Tell whether any event of a request must wait.

        Args:
            pieces: of the request.
            singles: likewise.
            is_first: whether it is its first attempt: then its events count for the pace.
        """
        if not (self._queues or self._pace):
            return False
        apart = [*singles, *(each.single for each in pieces if each.single is not None)]
        decisions = [*decisions_of(pieces), *decisions_of_singles(apart)]
        with self._lock:
            if self._pace and is_first:
                self._count(Counter(chain.from_iterable([each.ids for each in decisions])))
            if not self._queues:
                return False
            ids = chain.from_iterable(map(ids_of_decision, decisions))
            return any(map(self._queues.has, ids)) or any(map(self._is_held, apart))

    def sift(self, endpoint: str, singles: Sequence[Single]) -> list[Single]:
        """Let the events wait that must; return the others, in their order."""
        with self._lock:
            return [
                each
                for each in singles
                if not (self._goes_back(each) or self._parks(endpoint, each))
            ]

    # After a reply ----------------------------------------------------------------------------

    def take_out(
        self, endpoint: str, singles: Sequence[Single], judgement: Judgement
    ) -> dict[int, Single]:
        """Let the events wait that a reply names, and those behind them; return the others.

        Returns:
            The others, by their place in the request.
        """
        with self._lock:
            held = self._held(singles, judgement)
            others: dict[int, Single] = {}
            for place, single in enumerate(singles):
                origin = single.origin
                is_parked = judgement.exceptions.get(place, judgement).verdict is Verdict.PARKED
                if isinstance(origin, ParkedEvent):
                    queue = self._queues.named(origin.queue)
                    if queue.name in held:
                        queue.go_back()
                    if self._goes_back(single):
                        continue
                elif isinstance(origin, Update):
                    if is_parked:
                        self.updates += 1
                        continue
                elif self._parks(endpoint, single):
                    continue
                others[place] = single
            return others

    def decided(self, singles: Iterable[Single]) -> None:
        """Take note that events are delivered or dead, and out of the ledger."""
        with self._lock:
            for single in singles:
                if isinstance(single.origin, ParkedEvent):
                    self._left(single.origin.queue)

    # Another try ------------------------------------------------------------------------------

    def due(self) -> list[ParkedEvent]:
        """Return the events whose turn it is, in order; they are under way from now on."""
        if not self._queues:  # mostly
            return []
        with self._lock:
            return self._turns.due(self._clock.monotonic())

    def until(self, seconds: float | None = None) -> float:
        """Return when a wait ends that begins now; by default the longest there is."""
        return self._clock.monotonic() + (self._longest if seconds is None else seconds)

    def rest(self, seconds: float, check: Callable[[], None]) -> None:
        """Return when the time has passed; `check` raises what ends the run meanwhile."""
        self._resting_since = self._clock.monotonic()
        pause(self._clock, seconds, check)
        self._resting_since = None

    def seconds_at_rest(self) -> float | None:
        """Return for how long a rest lasts by now; None while there is none."""
        since = self._resting_since
        return None if since is None else self._clock.monotonic() - since

    def seconds_until_due(self) -> float:
        """Return the seconds until a queue is tried again."""
        now = self._clock.monotonic()
        with self._lock:
            return max(0.0, min((q.due for q in self._queues), default=now) - now)

    def is_worth_waiting(self, until: float) -> bool:
        """Tell whether a queue will be tried before a time of the monotonic clock.

        Daily quotas alone may last longer; for all else a run waits as long as it takes.
        """
        with self._lock:
            return any(queue.hold is not Hold.QUOTA or queue.due <= until for queue in self._queues)

    def say_what_waits(self) -> None:
        """Log how many events wait, and for what; once a minute."""
        now = self._clock.monotonic()
        if now - self._said_at < MINUTE:
            return
        self._said_at = now
        holds = ", ".join(f"{hold.value} {count:,}" for hold, count in self.holds().items())
        logger.warning("Waiting for %d events of %d ids (%s).", self.events, self.ids, holds)

    def _count(self, counts: Mapping[str, int]) -> None:
        """Count the events of a request for the pace of their ids."""
        now = self._clock.monotonic()
        for id_, count in counts.items():
            is_limited = count > FEW and not self._queues.has(id_)
            if is_limited and not self._pace.take(id_, count, now):
                self._hold(id_, Hold.PACE, ALWAYS)

    def _held(self, singles: Sequence[Single], judgement: Judgement) -> set[str]:
        """Let the ids wait that a reply names; return the names of their queues."""
        holds: dict[str, Hold] = {}
        since: dict[str, Position] = {}
        for place, single in enumerate(singles):
            ids, of = ids_of(single), judgement.exceptions.get(place)
            named = {id_: judgement.parked[id_] for id_ in ids if id_ in judgement.parked}
            if not named and ids and of is not None and of.verdict is Verdict.PARKED:
                named = {ids[-1]: of.hold}
            holds.update(named)
            for id_ in named:
                since.setdefault(id_, position_of(single))
        return {self._hold(id_, hold, since[id_]).name for id_, hold in holds.items()}

    def _hold(self, id_: str, hold: Hold, since: Position) -> Queue:
        """Let the events of an id wait from one on, or go on waiting."""
        if not self._queues.has(id_):
            self._say(hold)
        queue = self._queues.hold(id_, since)
        queue.rest(hold, self._clock.monotonic())
        return queue

    def _is_held(self, single: Single) -> bool:
        """Tell whether a parked event follows one of its queue that went back."""
        origin = single.origin
        return isinstance(origin, ParkedEvent) and self._queues.named(origin.queue).is_held

    def _goes_back(self, single: Single) -> bool:
        """Let a parked event wait on, if it must; tell whether it does."""
        if not self._is_held(single):
            return False
        assert isinstance(single.origin, ParkedEvent), "no other is held"
        self._queues.named(single.origin.queue).under_way -= 1
        return True

    def _parks(self, endpoint: str, single: Single) -> bool:
        """Let an event wait if it must; tell whether it does."""
        if not isinstance(single.origin, Place):
            return False
        ids, here = ids_of(single), position_of(single)
        by = self._queues.blocking(ids, here)
        if not by:
            return False
        queue = self._queues.joined(by)
        stands_by = dict.fromkeys([*by, *(id_ for id_ in ids if id_.startswith(ORDER))])
        self._queues.stand(queue, stands_by, here)
        if self._park(endpoint, single, queue.name, (*stands_by,)):
            queue.events += 1
        return True

    def _left(self, name: str) -> None:
        queue = self._queues.named(name)
        queue.was_taken()
        if not queue.events:
            self._queues.close(queue)

    def _say(self, hold: Hold) -> None:
        if hold not in self._said:
            self._said.add(hold)
            logger.warning("%s Others go on; they wait in the ledger.", WORDS[hold])


WORDS = {
    Hold.PACE: "Some ids have more events than `max_events_per_second_per_id`.",
    Hold.THROTTLED: "The service takes no more events of some ids for now.",
    Hold.QUOTA: "The service takes no more events of some ids today.",
}
