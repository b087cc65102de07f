"""How quick a run is, and how long it still takes. Pure: whoever asks says what time it is."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

WINDOW = 30.0
"""Seconds that a rate is the mean of: the interval between two lines, unless it is another one."""

SOON = 1.0
"""Seconds from the start on before which there is no rate: a moment says nothing."""

MOST_STEPS = 40
"""Changes of the share that the time left is told by: the newest, since a run may slow down."""


class Meter:
    """Remembers how much was done when.

    Args:
        started: when the run began, in seconds of a clock that is never set back.
        window: seconds that a rate is the mean of.
    """

    def __init__(self, started: float, window: float = WINDOW) -> None:
        self._started = started
        self._window = max(window, SOON)
        self._counts: deque[tuple[float, int]] = deque([(started, 0)])
        self._shares: deque[tuple[float, float]] = deque(maxlen=MOST_STEPS)

    def note(self, now: float, count: int, share: float | None) -> None:
        """Take note of what is done now."""
        self._counts.append((now, count))
        while len(self._counts) > 2 and self._counts[1][0] <= now - self._window:
            self._counts.popleft()
        if share is None:
            return
        last = self._shares[-1][1] if self._shares else None
        if last is not None and share < last:
            self._shares.clear()  # another range
        if share != last:
            self._shares.append((now, share))

    def rate(self) -> float | None:
        """Return how much was done a second within the window; None right after the start."""
        (first, before), (now, count) = self._counts[0], self._counts[-1]
        return max(0.0, (count - before) / (now - first)) if now - first >= SOON else None

    def mean(self) -> float | None:
        """Return how much was done a second since the start."""
        now, count = self._counts[-1]
        return count / (now - self._started) if now > self._started else None

    def seconds_left(self, now: float) -> float | None:
        """Return the seconds until all is done, by how the share grew; None while it is not known.

        A share grows in steps, such as a day. Between two of them the time left goes down; where
        the next is late, it grows.
        """
        if len(self._shares) < 2 or self._shares[-1][1] >= 1.0:
            return None
        (first, low), (last, high) = self._shares[0], self._shares[-1]
        longest_step = max(later - sooner for (sooner, _), (later, _) in pairwise(self._shares))
        if now - last <= longest_step:
            return max(0.0, (1 - high) * (last - first) / (high - low) - (now - last))
        return (1 - high) * (now - first) / (high - low)
