"""Keeps each id below a number of events a second, as a mean of half a minute."""

from __future__ import annotations

from collections import deque

WINDOW = 30.0
"""Seconds over which the mean is taken."""

FEW = 15
"""Events of an id in one request that are not counted: what so few come to is far below any limit,
and most ids never have more."""

KEPT = 1_000
"""Ids after which those are looked for that have rested for a window."""


class IdPace:
    """Says whether events of an id may leave now. Not safe for threads by itself.

    Args:
        per_second: events of one id; 0 for no limit.
    """

    def __init__(self, per_second: float) -> None:
        self._most = per_second * WINDOW
        self._left: dict[str, deque[tuple[float, int]]] = {}
        self._sums: dict[str, int] = {}
        self._due = KEPT

    def __bool__(self) -> bool:
        return self._most > 0

    def take(self, id_: str, events: int, now: float) -> bool:
        """Count events that leave now; False, and nothing counted, where they are too many.

        More than a window takes leave where none left before: they could never leave else.
        """
        total = self._sum(id_, now)
        if total and total + events > self._most:
            return False
        self._left.setdefault(id_, deque()).append((now, events))
        self._sums[id_] = total + events
        if len(self._left) > self._due:
            self._forget(now)
        return True

    def room(self, id_: str, now: float) -> int:
        """Return how many events of an id may leave now."""
        return max(0, int(self._most) - self._sum(id_, now))

    def _sum(self, id_: str, now: float) -> int:
        """Return how many left within the last window."""
        left = self._left.get(id_)
        if left is None:
            return 0
        while left and left[0][0] <= now - WINDOW:
            self._sums[id_] -= left.popleft()[1]
        return self._sums[id_]

    def _forget(self, now: float) -> None:
        for id_ in [*self._left]:
            if not self._sum(id_, now):
                del self._left[id_], self._sums[id_]
        self._due = max(KEPT, 2 * len(self._left))
