"""Keeps a run below a number of events a second."""

from __future__ import annotations

import threading

from singer_delivery.io.retry import Clock


class Pace:
    """Spreads events evenly: no more than `per_second` leave, over all lanes together.

    Zero means no limit. Time that went by unused is not made up for, so a pause is never followed
    by a burst.
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._per_second = per_second
        self._clock = clock
        self._free_at = 0.0
        self._lock = threading.Lock()

    def wait_for(self, events: int) -> float:
        """Book a place for `events` and return the seconds until it comes."""
        if not self._per_second:
            return 0.0
        with self._lock:
            now = self._clock.monotonic()
            start = max(now, self._free_at)
            self._free_at = start + events / self._per_second
            return start - now
