"""Sends events until each is decided: delivered, rejected, or left for the next run.

The order of what happens to an event, each step finished before the next begins:

    claims on disk → request → reply → dead letters on disk → ledger on disk → STATE

The first three are kept here, the rest by `delivery`. A run that is killed between any two of
them is simply run again: ids are stable, so what arrives twice is one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Protocol

from singer_delivery.batcher import halves
from singer_delivery.endpoint import Endpoint, Judgement, Reply, Request, Verdict
from singer_delivery.errors import DeliveryError, ServiceRefused, ServiceUnavailable
from singer_delivery.events import Event
from singer_delivery.lanes import Lane, Lanes, Queued, Ticket
from singer_delivery.pace import Pace
from singer_delivery.retry import Backoff, Clock, retry_after_seconds

logger = logging.getLogger(__name__)

LINGER = 1.0
"""Seconds that a request may wait for more events before it leaves as it is."""

SLICE = 0.25
"""Seconds between two looks at whether the run was told to stop, while it waits for anything."""


class Interrupted(SystemExit):
    """The run was told to stop by a signal; carries the exit code 128 + signal."""


class Sender(Protocol):
    """One attempt to send; `Transport` is the real one."""

    def send(self, request: Request) -> Reply:
        """Return the reply, or one of status 0 that says why there is none."""


class Listener(Protocol):
    """Learns what became of events. Called from the lanes' threads."""

    def before_sending(self) -> None:
        """Return when everything that events about to be sent rely on is on disk."""

    def decided(self, batch: Sequence[tuple[Queued, Judgement]], attempts: int) -> None:
        """Take note of events that were delivered or rejected."""

    def attempted(self, endpoint: str, size: int, retry_reason: str) -> None:
        """Take note of a request; `retry_reason` is empty unless it must be sent again."""


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
    """

    def __init__(
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
        self._lanes = Lanes(max_in_flight, self._lock, self._endpoints)
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

    def submit(self, event: Event, encoded: bytes, ticket: Ticket) -> None:
        """Queue an event; blocks while its lane or the memory is full.

        Raises:
            DeliveryError: an earlier event stopped the run.
            Interrupted: the run was told to stop.
        """
        with self._lock:
            while True:
                self._raise_if_over()
                lane = self._lanes.place(event)
                if self._lanes.has_room(lane):
                    break
                self._wake_lanes()
                self._progress.wait(SLICE)
            self._undecided += 1
            self._lanes.put(lane, Queued(event, encoded, ticket))

    def drain(self) -> None:
        """Return when every submitted event is decided. Raises as `submit` does."""
        with self._lock:
            self._flushing = True
            self._wake_lanes()
            while self._undecided:
                self._raise_if_over()
                self._progress.wait(SLICE)
            self._raise_if_over()
            self._flushing = False

    def interrupt(self, exit_code: int) -> None:
        """Make `submit` and `drain` raise `Interrupted` from now on. Safe in a signal handler."""
        self._exit_code = exit_code

    def raise_if_over(self) -> None:
        """Raise what `submit` would raise now."""
        if self._failure is not None or self._exit_code is not None:
            self._raise_if_over()

    def stop(self, within: float) -> None:
        """Let requests in the air finish for `within` seconds at most; nothing new is sent."""
        with self._lock:
            self._stopping = True
            self._wake_lanes()
        deadline = self._clock.now() + within
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock.now()))

    def _raise_if_over(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._exit_code is not None:
            raise Interrupted(self._exit_code)

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
                lane.ready.wait(self._lanes.patience(lane, LINGER))
            if self._stopping:
                return None
            lane.sending = True
            batch = self._lanes.take(lane)
            self._progress.notify()
            return batch

    def _should_leave(self, lane: Lane) -> bool:
        if not lane.waiting or self._lanes.is_blocked(lane):
            return False
        return self._flushing or self._lanes.is_due(lane) or not self._lanes.patience(lane, LINGER)

    def _deliver(self, batch: list[Queued]) -> None:
        parts = [batch]
        while parts:
            part = parts.pop()
            judgement, attempts = self._send(part)
            if judgement is None:
                return
            if judgement.verdict is Verdict.REJECTED and len(part) > 1:
                left, right = halves(part)
                parts += [right, left]
                continue
            again = self._settle(part, judgement, attempts)
            if again:
                parts.append(again)

    def _send(self, part: list[Queued]) -> tuple[Judgement | None, int]:
        """Attempt until the reply decides something; None when the run stops first."""
        endpoint = self._endpoints[part[0].event.endpoint]
        request = endpoint.request([queued.encoded for queued in part])
        self._listener.before_sending()
        for attempt in count(1):
            if not self._sleep(self._pace.wait_for(len(part))):
                return None, attempt
            reply = self._sender.send(request)
            judgement = endpoint.judge(reply, len(part))
            retriable = judgement.verdict is Verdict.RETRIABLE
            self._listener.attempted(
                endpoint.name, len(request.body), judgement.reason if retriable else ""
            )
            if judgement.verdict is Verdict.FATAL:
                raise ServiceRefused(judgement.detail)
            if not retriable:
                return judgement, attempt
            if not self._wait_before_retry(judgement, reply, attempt):
                return None, attempt
        raise AssertionError  # unreachable: count() does not end

    def _wait_before_retry(self, judgement: Judgement, reply: Reply, attempt: int) -> bool:
        if attempt > self._max_retries:
            msg = (
                f"{judgement.detail} It was tried {attempt} times. Nothing is lost: start the same "
                "run again when the service is back."
            )
            raise ServiceUnavailable(msg)
        asked = retry_after_seconds(reply.headers, self._clock.now())
        seconds = self._backoff.wait(attempt, asked)
        logger.warning(
            "%s Trying again in %.1f s (retry %d of %d).",
            judgement.detail,
            seconds,
            attempt,
            self._max_retries,
        )
        return self._sleep(seconds)

    def _sleep(self, seconds: float) -> bool:
        """Return True when the time has passed, False as soon as the run stops."""
        until = self._clock.now() + seconds
        while not self._stopping:
            left = until - self._clock.now()
            if left <= 0:
                return True
            self._clock.sleep(min(left, SLICE))
        return False

    def _settle(self, part: list[Queued], judgement: Judgement, attempts: int) -> list[Queued]:
        """Tell the listener what was decided; return what must be sent again."""
        outcomes = [
            (queued, judgement.exceptions.get(index, judgement))
            for index, queued in enumerate(part)
        ]
        again = [queued for queued, each in outcomes if each.verdict is Verdict.RETRIABLE]
        decided = [pair for pair in outcomes if pair[1].verdict is not Verdict.RETRIABLE]
        self._listener.decided(decided, attempts)
        with self._lock:
            for queued, _ in decided:
                self._lanes.decided(queued)
            self._undecided -= len(decided)
            self._wake_lanes()
            self._progress.notify()
        return again

    def _fail(self, error: BaseException) -> None:
        if not isinstance(error, DeliveryError):
            logger.error("A lane stopped: %s.", type(error).__name__, exc_info=error)
        with self._lock:
            self._failure = self._failure or error
            self._stopping = True
            self._wake_lanes()
            self._progress.notify_all()
