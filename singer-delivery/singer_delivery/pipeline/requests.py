"""One request until each of its events is decided: sent again, in halves, event by event."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from singer_delivery.endpoint import (
    AT_ONCE,
    Again,
    Endpoint,
    Judgement,
    Reply,
    Sender,
    Verdict,
)
from singer_delivery.errors import ServiceRefused, ServiceUnavailable
from singer_delivery.io.retry import LOOK, Backoff, Clock, pause, retry_after_seconds
from singer_delivery.pipeline.answers import Answers
from singer_delivery.pipeline.pace import Pace
from singer_delivery.pipeline.parking import Parking
from singer_delivery.pipeline.part import (
    Part,
    by_index,
    first_retriable,
    is_parked,
    next_round,
    notes_in,
    request_of,
    singles_in,
)
from singer_delivery.pipeline.pieces import Piece, Single
from singer_delivery.pipeline.verdicts import halves, sorted_out

logger = logging.getLogger(__name__)

MOMENT = 1e-3
"""Seconds. What is less is no wait: a clock is no finer where it counts from 1970."""


class Stopped(Exception):  # noqa: N818 - a signal between two modules
    """The run stops: what is not decided is left for the next one."""


class Listener(Protocol):
    """Learns what became of events. Called from the threads that send."""

    def before_sending(self) -> None:
        """Return when everything that events about to be sent rely on is on disk."""

    def attempted(self, endpoint: str, size: int, retry_reason: str) -> None:
        """Take note of a request; `retry_reason` is empty unless it must be sent again."""

    def delivered(self, endpoint: str, pieces: Sequence[Piece]) -> None:
        """Take note of pieces that were delivered with all of their events."""

    def decided(
        self, endpoint: str, events: Sequence[tuple[Single, Judgement]], attempts: int
    ) -> None:
        """Take note of events that were delivered or refused one by one."""

    def noted(self, name: str) -> None:
        """Count what a reply is noted for."""


class Requests:
    """Sends the pieces of one request at a time, for each thread that asks.

    Args:
        endpoints: by name.
        sender: makes one attempt.
        listener: learns the outcomes.
        max_retries: times a request is sent again before the run stops.
        pace: keeps the run below a rate, and pauses it.
        backoff: the waits between attempts.
        clock: the time.
        parking: knows whose events wait in the ledger.

    Attributes:
        answers: what the destination answers just now.
        is_stopping: whether nothing new is sent.
        is_over: whether replies that still come are ignored: nobody would learn of them.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        sender: Sender,
        listener: Listener,
        *,
        max_retries: int,
        pace: Pace,
        backoff: Backoff,
        clock: Clock,
        parking: Parking,
    ) -> None:
        self._endpoints = endpoints
        self._sender = sender
        self._listener = listener
        self._max_retries = max_retries
        self._pace = pace
        self._backoff = backoff
        self._clock = clock
        self._parking = parking
        self.answers = Answers(clock)
        self._resumes = -math.inf
        self.is_stopping = False
        self.is_over = False

    def stop(self) -> None:
        """Send nothing new from now on."""
        self.is_stopping = True

    def deliver(self, endpoint: str, pieces: Sequence[Piece]) -> None:
        """Return when every event of the pieces is decided.

        Raises:
            ServiceRefused: the service takes nothing as things are.
            ServiceUnavailable: the tries that decided nothing were too many.
            Stopped: the run stops.
        """
        of = self._endpoints[endpoint]
        parts = [Part(pieces=pieces)]
        while parts:
            part = parts.pop()
            if self._parking.concerns(part.pieces, part.singles, is_first=not part.attempts):
                part = self._sifted(of, part)
                if not part.count:
                    continue
            left = self._resumes - self._clock.monotonic()
            pause(self._clock, max(part.pause, left), self._go_on)
            self._listener.before_sending()
            self._wait_for_turn(part.count)
            parts += self._attempt(of, part)

    def _attempt(self, endpoint: Endpoint, part: Part) -> list[Part]:
        """Send a part once; return what must be sent again, the first of it at the end."""
        request = request_of(endpoint, part)
        self.answers.asked()
        reply = self._sender.send(request)
        if self.is_over:
            raise Stopped
        part, judgement = by_index(endpoint, part, endpoint.judge(reply, part.count))
        again = first_retriable(judgement)
        self.answers.heard(reply, is_taken=judgement.verdict is not Verdict.RETRIABLE)
        self._listener.attempted(endpoint.name, len(request.body), again.reason if again else "")
        part = replace(part, request=request, attempts=part.attempts + 1)
        for note in notes_in(judgement):
            self._listener.noted(note)
        if judgement.verdict is Verdict.FATAL:
            raise ServiceRefused(judgement.detail)
        if judgement.exceptions or judgement.parked or judgement.verdict is Verdict.REJECTED:
            return self._one_by_one(endpoint, part, judgement, reply)
        if again is not None:
            return [self._again(part, again, reply)]
        self._delivered(endpoint, part, judgement)
        return []

    def _sifted(self, endpoint: Endpoint, part: Part) -> Part:
        """Return a part without the events that must wait in the ledger."""
        singles = singles_in(endpoint, part)
        others = self._parking.sift(endpoint.name, singles)
        if len(others) == len(singles):
            return part
        return replace(part, pieces=(), singles=others, request=None)

    def _delivered(self, endpoint: Endpoint, part: Part, judgement: Judgement) -> None:
        if part.pieces:
            self._listener.delivered(endpoint.name, part.pieces)
            self._parking.decided(each.single for each in part.pieces if each.single is not None)
        else:
            self._decided(endpoint, part, [(single, judgement) for single in part.singles])

    def _decided(
        self, endpoint: Endpoint, part: Part, events: Sequence[tuple[Single, Judgement]]
    ) -> None:
        self._listener.decided(endpoint.name, events, part.attempts)
        self._parking.decided(single for single, _ in events)

    def _one_by_one(
        self, endpoint: Endpoint, part: Part, judgement: Judgement, reply: Reply
    ) -> list[Part]:
        """Act on a reply that tells events apart, or that refuses some without saying which.

        Raises:
            ServiceRefused: it is fatal for one of them; the others are noted first.
        """
        singles = singles_in(endpoint, part)
        sent = len(singles)
        if judgement.parked or any(is_parked(each) for each in judgement.exceptions.values()):
            singles, judgement = self._without_parked(endpoint, singles, judgement)
        decided, open_still = sorted_out(singles, judgement)
        if decided:
            self._decided(endpoint, part, decided)
        rest = [single for single, _ in open_still]
        fatal = next((each for _, each in open_still if each.verdict is Verdict.FATAL), None)
        if fatal is not None:
            raise ServiceRefused(fatal.detail)
        if judgement.verdict is Verdict.REJECTED and len(rest) > 1:
            left, right = halves(rest)
            return [Part((), each, attempts=part.attempts) for each in (right, left)]
        again = first_retriable(judgement)
        if again is None or not rest:
            return []
        if again.again == AT_ONCE:
            if len(rest) < sent:
                return next_round(part, rest)
            # It names only what is not in the request: no wait without end would help.
            detail = f"{again.detail} It names no event of the request."
            again = replace(again, detail=detail, again=Again())
        if decided:
            part = Part(origin=part.request, attempts=part.attempts)
        return [self._again(replace(part, pieces=(), singles=rest), again, reply)]

    def _without_parked(
        self, endpoint: Endpoint, singles: Sequence[Single], judgement: Judgement
    ) -> tuple[list[Single], Judgement]:
        """Let events wait that a reply says so of; return the others and what it says of them."""
        others = self._parking.take_out(endpoint.name, singles, judgement)
        exceptions = {
            number: judgement.exceptions[place]
            for number, place in enumerate(others)
            if place in judgement.exceptions and not is_parked(judgement.exceptions[place])
        }
        return [*others.values()], replace(judgement, exceptions=exceptions, parked={})

    def _again(self, part: Part, judgement: Judgement, reply: Reply) -> Part:
        """Return a part with the pause before it is sent again.

        Raises:
            ServiceUnavailable: the tries that decided nothing were too many.
        """
        asked = retry_after_seconds(reply.headers, self._clock.now())
        if not judgement.again.is_counted:
            return replace(part, pause=self._patience(judgement, asked))
        failures = part.failures + 1
        if failures > self._max_retries:
            msg = (
                f"{judgement.detail} It was tried {part.attempts} times. Nothing is lost: start "
                "the same run again when the service is back."
            )
            raise ServiceUnavailable(msg)
        pause = self._backoff.wait(failures, asked)
        logger.warning(
            "%s Trying again in %.1f s (retry %d of %d).",
            judgement.detail,
            pause,
            failures,
            self._max_retries,
        )
        return replace(part, failures=failures, pause=pause)

    def _patience(self, judgement: Judgement, asked: float | None) -> float:
        """Return the pause after a reply that no number of retries ends; perhaps all have it."""
        pause = asked if asked is not None else judgement.again.after or 0.0
        if judgement.again.is_for_all:
            self._resumes = self._clock.monotonic() + pause
        logger.warning("%s Trying again in %.1f s.", judgement.detail, pause)
        return pause

    def _wait_for_turn(self, events: int) -> None:
        """Return when so many events may leave; the pace may change meanwhile.

        Raises:
            Stopped: the run stops meanwhile.
        """
        place = self._pace.book(events)
        self._go_on()
        while (seconds := self._pace.seconds_until(place)) > MOMENT:
            self._clock.sleep(min(seconds, LOOK))
            self._go_on()

    def _go_on(self) -> None:
        """Raise `Stopped` where the run stops."""
        if self.is_stopping:
            raise Stopped
