"""Sends events until each is decided: delivered, rejected, or left for the next run.

The order of what happens to an event, each step finished before the next begins:

    claims on disk → request → reply → dead letters on disk → ledger on disk → STATE

The first three are kept here, the rest by `delivery`. A run that is killed between any two of
them is simply run again: ids are stable, so what arrives twice is one.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import replace

from singer_delivery.endpoint import Endpoint, Judgement, Reply, Sender, Verdict
from singer_delivery.errors import DeliveryError, ServiceRefused, ServiceUnavailable
from singer_delivery.io.retry import Backoff, Clock, retry_after_seconds
from singer_delivery.model import Event
from singer_delivery.pipeline.batcher import halves, sorted_out
from singer_delivery.pipeline.lanes import HELD_BYTES, Lanes
from singer_delivery.pipeline.pace import Pace
from singer_delivery.pipeline.queued import Lane, Listener, Part, Queued

logger = logging.getLogger(__name__)

LINGER = 1.0
"""Seconds that a request may wait for more events before it leaves as it is."""

SLICE = 0.25
"""Seconds between two looks at whether the run was told to stop, while it waits for anything."""


class Interrupted(SystemExit):
    """The run was told to stop by a signal; carries the exit code 128 + signal."""


Outcome = tuple[Queued, Judgement]


class Dispatcher:
    """Carries events to their endpoints on `max_in_flight` lanes, in order for each person.

    Args:
        endpoints: by the name that events give.
        sender: makes one attempt.
        listener: learns the outcomes.
        max_in_flight: requests in the air at once, at most.
        max_retries: times a request is sent again before the run stops.
        pace: keeps the run below a rate.
        backoff: the waits between attempts.
        clock: the time.
        linger: seconds that a request may wait for more events before it leaves as it is.
        held_bytes: how much may be undecided at once: see `lanes.HELD_BYTES`.
    """

    def __init__(  # noqa: PLR0913 - what it is made of, by name
        self,
        endpoints: Mapping[str, Endpoint],
        sender: Sender,
        listener: Listener,
        *,
        max_in_flight: int,
        max_retries: int,
        pace: Pace,
        backoff: Backoff,
        clock: Clock,
        linger: float = LINGER,
        held_bytes: int = HELD_BYTES,
    ) -> None:
        self._endpoints = dict(endpoints)
        self._sender = sender
        self._listener = listener
        self._max_retries = max_retries
        self._pace = pace
        self._backoff = backoff
        self._clock = clock
        self._lock = threading.RLock()
        self._progress = threading.Condition(self._lock)
        self._linger = linger
        self._lanes = Lanes(max_in_flight, self._lock, self._endpoints, held_bytes)
        self._undecided = 0
        self._flushing = False
        self._stopping = False
        self._exit_code: int | None = None
        self._failure: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._work, args=(lane,), name=f"lane-{number}", daemon=True)
            for number, lane in enumerate(self._lanes.lanes)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, queued: Iterable[Queued]) -> None:
        """Queue events in their order; blocks while the lane of one or the memory is full.

        Raises:
            DeliveryError: an earlier event stopped the run.
            Interrupted: the run was told to stop.
        """
        lanes = self._lanes
        with self._lock:
            self.raise_if_over()
            for each in queued:
                lane = lanes.place(each.event)
                if not lanes.has_room(lane):
                    lane = self._wait_for_room(each.event)
                self._undecided += 1
                lanes.put(lane, each)

    def drain(self) -> None:
        """Return when every submitted event is decided. Raises as `submit` does."""
        with self._lock:
            self._flushing = True
            self._wake_lanes()
            while self._undecided:
                self.raise_if_over()
                self._progress.wait(SLICE)
            self.raise_if_over()
            self._flushing = False

    def hurry(self) -> None:
        """Let what waits leave now: nothing more may come before it is decided."""
        with self._lock:
            self._lanes.hurry()

    def interrupt(self, exit_code: int) -> None:
        """Make `submit` and `drain` raise `Interrupted` from now on. Safe in a signal handler."""
        self._exit_code = exit_code

    def raise_if_over(self) -> None:
        """Raise what `submit` would raise now."""
        if self._failure is not None:
            raise self._failure
        if self._exit_code is not None:
            raise Interrupted(self._exit_code)

    def stop(self, within: float) -> None:
        """Let requests in the air finish for `within` seconds at most; nothing new is sent."""
        with self._lock:
            self._stopping = True
            self._wake_lanes()
        deadline = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _wait_for_room(self, event: Event) -> Lane:
        while not self._lanes.has_room(lane := self._lanes.place(event)):
            self._lanes.spread()
            self._wake_lanes()
            self._progress.wait(SLICE)
            self.raise_if_over()
        return lane

    def _wake_lanes(self) -> None:
        for lane in self._lanes.lanes:
            lane.ready.notify()

    def _work(self, lane: Lane) -> None:
        try:
            while (batch := self._next_batch(lane)) is not None:
                self._deliver(batch)
        except BaseException as error:  # noqa: BLE001 - the run must learn of it, whatever it is
            self._fail(error)

    def _next_batch(self, lane: Lane) -> list[Queued] | None:
        """Wait for the lane's next request; None when the run stops."""
        with self._lock:
            lane.sending = False
            while not self._stopping and not self._should_leave(lane):
                lane.ready.wait(self._lanes.patience(lane, self._linger))
            if self._stopping:
                return None
            lane.sending = True
            batch = self._lanes.take(lane, self._linger)
            self._progress.notify()
            return batch

    def _should_leave(self, lane: Lane) -> bool:
        if not lane.waiting or self._lanes.is_blocked(lane):
            return False
        return (
            self._flushing
            or self._lanes.is_due(lane)
            or not self._lanes.patience(lane, self._linger)
        )

    def _deliver(self, batch: list[Queued]) -> None:
        """Send a batch, again and in halves as the replies ask, until each event is decided.

        Its people are free to take another lane, and events that wait for them to leave, only when
        the whole batch is through: an event may be decided before an earlier one of its person,
        where the service took the one and asked for the other again.
        """
        parts = [Part(batch)]
        while parts:
            part = parts.pop()
            if not self._sleep(part.pause):
                return
            self._listener.before_sending()
            if not self._sleep(self._pace.wait_for(len(part.events))):
                return
            parts += self._attempt(part)
        self._release(batch)

    def _attempt(self, part: Part) -> list[Part]:
        """Send a part once; return what must be sent again, the first of it at the end."""
        endpoint = self._endpoints[part.events[0].event.endpoint]
        request = part.request or endpoint.request([queued.encoded for queued in part.events])
        reply = self._sender.send(request)
        judgement = endpoint.judge(reply, len(part.events))
        decided, again = sorted_out(part.events, judgement)
        asked = next((each for _, each in again if each.verdict is Verdict.RETRIABLE), None)
        self._listener.attempted(endpoint.name, len(request.body), asked.reason if asked else "")
        part = replace(part, request=request, attempts=part.attempts + 1)
        if decided:
            self._listener.decided(decided, part.attempts)
        _stop_if_refused(again)
        rest = [queued for queued, _ in again]
        if judgement.verdict is Verdict.REJECTED and len(rest) > 1:
            left, right = halves(rest)
            return [Part(right, attempts=part.attempts), Part(left, attempts=part.attempts)]
        return [self._retry(part, rest, asked, reply)] if asked else []

    def _retry(self, part: Part, rest: list[Queued], judgement: Judgement, reply: Reply) -> Part:
        """Return what is left of a part, with the pause before it is sent again.

        Raises:
            ServiceUnavailable: the tries that decided nothing were too many.
        """
        whole = len(rest) == len(part.events)
        failures = part.failures + 1 if whole else 1
        if failures > self._max_retries:
            msg = (
                f"{judgement.detail} It was tried {part.attempts} times. Nothing is lost: start "
                "the same run again when the service is back."
            )
            raise ServiceUnavailable(msg)
        asked = retry_after_seconds(reply.headers, self._clock.now())
        pause = self._backoff.wait(failures, asked)
        logger.warning(
            "%s Trying again in %.1f s (retry %d of %d).",
            judgement.detail,
            pause,
            failures,
            self._max_retries,
        )
        return Part(rest, part.request if whole else None, part.attempts, failures, pause)

    def _release(self, batch: list[Queued]) -> None:
        with self._lock:
            self._lanes.decided(batch)
            self._undecided -= len(batch)
            for lane in self._lanes.lanes:
                if lane.waiting:  # it may have waited for these
                    lane.ready.notify()
            self._progress.notify()

    def _sleep(self, seconds: float) -> bool:
        """Return True when the time has passed, False as soon as the run stops."""
        while not self._stopping:
            if seconds <= 0:
                return True
            nap = min(seconds, SLICE)
            self._clock.sleep(nap)
            seconds -= nap
        return False

    def _fail(self, error: BaseException) -> None:
        if not isinstance(error, DeliveryError):
            # Not the error's own text, which may quote a record.
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("A lane stopped: %s.\n%s", type(error).__name__, where)
        with self._lock:
            self._failure = self._failure or error
            self._stopping = True
            self._wake_lanes()
            self._progress.notify_all()


def _stop_if_refused(outcomes: Iterable[Outcome]) -> None:
    for _, judgement in outcomes:
        if judgement.verdict is Verdict.FATAL:
            raise ServiceRefused(judgement.detail)
