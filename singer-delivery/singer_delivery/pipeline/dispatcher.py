"""Sends pieces until each of their events is decided: delivered, dead, or left for the next run.

The order of durable writes, each step finished before the next begins:

    claims on disk → request → reply → dead letters on disk → ledger on disk → STATE

The first three are kept here and in `requests`, the rest by `checkpoints`. A run that is killed
between any two of them is simply run again: ids are stable, so what arrives twice is one.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from singer_delivery.endpoint import Endpoint
from singer_delivery.errors import DeliveryError, Interrupted
from singer_delivery.io.retry import LOOK
from singer_delivery.pipeline.lanes import Lanes, Load
from singer_delivery.pipeline.packing import LANES
from singer_delivery.pipeline.pieces import Piece
from singer_delivery.pipeline.requests import Requests, Stopped

logger = logging.getLogger(__name__)

LINGER = 1.0
"""Seconds that a request may wait for more events before it leaves as it is."""

SPREAD = 16
"""The spread that a run begins with, unless fewer requests may be in flight. A quick service gets
full requests all the same; a slow one need not wait until the spread has grown."""

WIDER = 4
"""By how much the spread grows when requests have to wait for each other."""


class Finished(Protocol):
    """Learns that every event of some pieces is decided."""

    def finished(self, pieces: Iterable[Piece]) -> None:
        """Take note of it. Called from the threads that send."""


class Dispatcher:
    """Carries pieces to their endpoints, at most `max_in_flight` requests at a time.

    Args:
        endpoints: by the name that pieces give.
        requests: sends the pieces of one request until they are decided.
        listener: learns which pieces are through.
        max_in_flight: requests in flight at once, at most.
        linger: seconds that a request may wait for more events before it leaves as it is.

    Attributes:
        spread: into how many groups of lanes the next block's events are to be packed. It
            grows while the service is so slow that more requests must be in flight.
        undecided: how many pieces are not decided.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        requests: Requests,
        listener: Finished,
        *,
        max_in_flight: int,
        linger: float = LINGER,
    ) -> None:
        self._endpoints = endpoints
        self._requests = requests
        self._listener = listener
        self._linger = linger
        self._lock = threading.RLock()
        self._ready = threading.Condition(self._lock)
        self._progress = threading.Condition(self._lock)
        self._lanes = {name: Lanes() for name in endpoints}
        self.undecided = 0
        self._in_flight = 0
        self._most = max_in_flight
        self.spread = min(SPREAD, max_in_flight)
        self._hurried = -1.0
        self._exit_code: int | None = None
        self._failure: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._work, name=f"sender-{number}", daemon=True)
            for number in range(max_in_flight)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, pieces: Iterable[Piece]) -> None:
        """Queue pieces in their order.

        Raises:
            DeliveryError: an earlier event stopped the run.
            Interrupted: the run is to stop.
        """
        now = time.monotonic()
        with self._lock:
            self.raise_if_over()
            self._widen()
            for piece in pieces:
                piece.since = now
                self._lanes[piece.endpoint].add(piece)
                self.undecided += 1
            self._ready.notify()

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Return when something is so that progress brings about. Raises as `submit` does.

        What waits for more events leaves meanwhile: nothing more comes.
        """
        with self._lock:
            while not is_so():
                self.raise_if_over()
                self._widen()
                self.hurry()
                self._progress.wait(LOOK)
            self.raise_if_over()

    def drain(self) -> None:
        """Return when every piece is decided. Raises as `submit` does."""
        self.wait_until(lambda: not self.undecided)

    def hurry(self) -> None:
        """Let what waits leave now, without waiting for more."""
        with self._lock:
            self._hurried = time.monotonic()
            self._ready.notify_all()

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
        """Let requests in flight finish for `within` seconds at most; nothing new is sent.

        What is then still in flight counts as undecided, whatever its reply.
        """
        self._requests.stop()
        with self._lock:
            self._ready.notify_all()
        deadline = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._requests.is_over = True

    @property
    def is_idle(self) -> bool:
        """Whether no request is in flight."""
        return not any(thread.is_alive() for thread in self._threads)

    def _widen(self) -> None:
        """Spread people over more groups, when requests wait though more could be in flight."""
        is_blocked = any(not lanes.is_empty for lanes in self._lanes.values())
        if is_blocked and self.spread <= self._in_flight < self._most and self.spread < LANES:
            self.spread *= WIDER

    def _work(self) -> None:
        try:
            while (found := self._next_load()) is not None:
                endpoint, load = found
                self._requests.deliver(endpoint, load.pieces)
                self._listener.finished(load.pieces)
                self._release(endpoint, load)
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - the run must learn of it, whatever it is
            self.fail(error)

    def _next_load(self) -> tuple[str, Load] | None:
        """Wait for the pieces of the next request; None when the run stops."""
        with self._lock:
            while not self._requests.is_stopping:
                loads, patience = self._loads()
                if loads:
                    name, load = max(loads, key=self._precedence)
                    self._lanes[name].take(load)
                    self._in_flight += 1
                    self._ready.notify()  # there may be more for another thread
                    return name, load
                self._ready.wait(patience)
        return None

    def _loads(self) -> tuple[list[tuple[str, Load]], float]:
        """Return what may leave now, for each endpoint; and the seconds until more may."""
        loads: list[tuple[str, Load]] = []
        patience = self._linger
        for name, lanes in self._lanes.items():
            if not lanes.is_empty:
                load = lanes.next_load(self._endpoints[name].limits)
                wait = self._patience(load)
                patience = min(patience, wait)
                if wait <= 0:
                    loads.append((name, load))
        return loads, patience

    def _precedence(self, of: tuple[str, Load]) -> tuple[bool, float]:
        """Let the fullest go first, so that a few events take no request of their own each time.

        What has lingered goes before, so that it leaves at all.
        """
        pieces = of[1].pieces
        since = pieces[0].since
        has_lingered = since + self._linger <= time.monotonic()
        return has_lingered, -since if has_lingered else sum(piece.count for piece in pieces)

    def _patience(self, load: Load) -> float:
        """Return the seconds that a load may still wait for more events."""
        if not load.pieces:
            return self._linger
        since = load.pieces[0].since
        if load.is_full or since <= self._hurried:
            return 0.0
        return since + self._linger - time.monotonic()

    def _release(self, endpoint: str, load: Load) -> None:
        with self._lock:
            self._lanes[endpoint].release(load.pieces)
            self.undecided -= len(load.pieces)
            self._in_flight -= 1
            self._ready.notify()
            self._progress.notify()

    def fail(self, error: BaseException) -> None:
        """Stop the run by an error: `submit` and `drain` raise it from now on."""
        if not isinstance(error, DeliveryError):
            # Not the error's own text, which may quote a record.
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("A sending thread stopped: %s.\n%s", type(error).__name__, where)
        self._requests.stop()
        with self._lock:
            self._failure = self._failure or error
            self._ready.notify_all()
            self._progress.notify_all()
