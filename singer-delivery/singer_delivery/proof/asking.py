"""Sends questions within a service's limits, and again after failures that pass."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol

import requests

from singer_delivery.endpoint import Reply, Request
from singer_delivery.io.addresses import host_of
from singer_delivery.io.retry import Backoff, Clock, retry_after_seconds
from singer_delivery.io.transport import CONNECT_TIMEOUT, Transport, no_reply
from singer_delivery.proof.counting import CannotAsk

MOST_TRIES = 8
WORTH_TELLING = 5.0
"""Seconds. A longer wait is told."""

LONGEST_WAIT = 3600.0
"""Seconds for which a service may ask: an hour is the longest of the limits known."""

FIRST_BYTE_TIMEOUT = 300.0
"""Seconds. Large answers are prepared for minutes before their first byte."""

REFUSAL_BYTES = 65_536
"""No more of a refusal's body is read."""

TRIED_AGAIN = frozenset({0, 408, 429, 500, 502, 503})

_SECONDS = re.compile(rb"in (\d+(?:\.\d+)?) second")


class Allowed(NamedTuple):
    """So many requests within so many seconds."""

    requests: int
    seconds: float


class Sends(Protocol):
    """What sends one request: `Questions`, or a test's."""

    def send(self, request: Request) -> Reply:
        """Return the reply, or one of status 0."""

    def streamed(self, request: Request) -> AbstractContextManager[tuple[Reply, Iterator[bytes]]]:
        """Return the reply without its body, and the lines of its body as they come."""


class Questions(Transport):
    """Sends questions, whose answers may be longer than memory."""

    @contextmanager
    def streamed(self, request: Request) -> Iterator[tuple[Reply, Iterator[bytes]]]:
        """Return the reply without its body, and the lines of its body as they come.

        The body of a refusal is in the reply. Lines raise `BrokenOff` where the answer ends early.
        """
        try:
            response = self._session().request(
                request.method,
                request.url,
                headers=dict(request.headers),
                timeout=(CONNECT_TIMEOUT, FIRST_BYTE_TIMEOUT),
                allow_redirects=False,
                stream=True,
            )
        except (requests.RequestException, OSError) as error:
            yield no_reply(error, FIRST_BYTE_TIMEOUT), iter(())
            return
        with response:
            body = b"" if response.status_code == 200 else _refusal(response)
            yield Reply(response.status_code, body, response.headers), _lines(response)


class BrokenOff(Exception):  # noqa: N818 - what happened
    """An answer ended before its end."""


def _lines(response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_lines(1 << 16)
    except (requests.RequestException, OSError) as error:
        raise BrokenOff from error


def _refusal(response: requests.Response) -> bytes:
    try:
        return next(response.iter_content(REFUSAL_BYTES), b"")
    except (requests.RequestException, OSError):
        return b""


class Asker:
    """Asks one question after the other.

    Args:
        transport: sends.
        allowed: the limits, each of which holds.
        service: its name, for people.
        clock: of every wait.
        tell: is told of long waits.
    """

    def __init__(
        self,
        transport: Sends,
        allowed: Sequence[Allowed],
        service: str,
        clock: Clock,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.tell = tell
        self.requests = 0
        self._transport, self._allowed, self._service = transport, allowed, service
        self._clock, self._backoff = clock, Backoff(first=2.0)
        self._begun: deque[float] = deque(
            maxlen=max((each.requests for each in allowed), default=1)
        )

    def ask(self, request: Request, *, again: frozenset[int] = TRIED_AGAIN) -> Reply:
        """Return the answer.

        Args:
            request: the question.
            again: statuses after which it is asked once more.

        Raises:
            CannotAsk: no answer came within the tries.
        """
        reply = Reply(0)
        for attempt in range(1, MOST_TRIES + 1):
            self._keep_pace()
            self.requests += 1
            reply = self._transport.send(request)
            if reply.status not in again or reply.is_hopeless:
                break
            if attempt < MOST_TRIES:
                self._wait_after(reply, attempt)
        if reply.status == 0:
            raise CannotAsk(self._unreached(request, reply))
        return reply

    @contextmanager
    def lines(self, request: Request) -> Iterator[tuple[Reply, Iterator[bytes]]]:
        """Return an answer whose body is read as it comes: once, and not asked for again.

        Refusals that pass are asked again first, as `ask` does.

        Raises:
            CannotAsk: no answer came within the tries.
        """
        for attempt in range(1, MOST_TRIES + 1):
            self._keep_pace()
            self.requests += 1
            with self._transport.streamed(request) as (reply, lines):
                is_last = reply.is_hopeless or attempt == MOST_TRIES
                if reply.status not in TRIED_AGAIN or is_last:
                    if reply.status == 0:
                        raise CannotAsk(self._unreached(request, reply))
                    yield reply, lines
                    return
            self._wait_after(reply, attempt)

    def _unreached(self, request: Request, reply: Reply) -> str:
        return f"{self._service} at {host_of(request.url)} was not reached: {reply.error}."

    def _wait_after(self, reply: Reply, attempt: int) -> None:
        asked = retry_after_seconds(reply.headers, self._clock.now())
        found = _SECONDS.search(reply.body) if reply.status == 429 else None
        if asked is None and found is not None:
            asked = min(float(found[1]) + 1.0, LONGEST_WAIT)
        seconds = self._backoff.wait(attempt, asked)
        what = f"answers {reply.status}" if reply.status else f"was not reached ({reply.error})"
        self._sleep(seconds, f"{self._service} {what}")

    def _keep_pace(self) -> None:
        now = self._clock.monotonic()
        free, limit = now, 0
        for most, seconds in self._allowed:
            if len(self._begun) >= most and self._begun[-most] + seconds > free:
                free, limit = self._begun[-most] + seconds, most
        if free > now:
            self._sleep(free - now, f"{self._service} allows {limit:,} requests in this time")
        self._begun.append(self._clock.monotonic())

    def _sleep(self, seconds: float, why: str) -> None:
        if seconds >= WORTH_TELLING:
            self.tell(f"{why}: waiting {seconds:,.0f} s.")
        self._clock.sleep(seconds)
