"""Keeps a run below a number of events a second; the number may change, and the run may pause."""

from __future__ import annotations

import math
import threading

from singer_delivery.io.retry import Clock


class Pace:
    """Spreads events evenly: no more than `per_second` leave, over all lanes together.

    Zero means no limit. Time that went by unused is not made up for, so a pause is never followed
    by a burst. Whoever has booked a place asks again how far it is: what changes holds for those
    who wait already.
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._per_second = per_second
        self._clock = clock
        self._is_paused = False
        # Events, counted since the start: those that have a place, and those whose time has come.
        self._booked = 0.0
        self._passed = 0.0
        self._at = clock.monotonic()
        self._lock = threading.Lock()

    @property
    def per_second(self) -> float:
        """The limit; 0 for none."""
        return self._per_second

    @property
    def is_paused(self) -> bool:
        """Whether nothing leaves."""
        return self._is_paused

    def change(self, per_second: float, *, is_paused: bool = False) -> None:
        """Set another limit, and whether nothing leaves at all; both hold from now on."""
        with self._lock:
            self._pass_time()
            self._per_second, self._is_paused = per_second, is_paused

    def book(self, events: int) -> float:
        """Book a place for `events`, and return it."""
        with self._lock:
            self._pass_time()
            place = self._booked
            self._booked += events
            return place

    def seconds_until(self, place: float) -> float:
        """Return the seconds until a place comes, as things are: without end in a pause."""
        if self._is_paused:
            return math.inf
        with self._lock:
            self._pass_time()
            left = max(0.0, place - self._passed)
            return left / self._per_second if self._per_second else 0.0

    def _pass_time(self) -> None:
        """Let the places pass whose time has come."""
        now = self._clock.monotonic()
        gone = 0.0 if self._is_paused else (now - self._at) * self._per_second
        self._at = now
        self._passed = min(self._passed + gone, self._booked) if self._per_second else self._booked
