"""How much may be asked of a project.

Sources: Mixpanel docs, "API Rate Limits": raw export 60 an hour, 3 a second, 100 at once; Query API
60 an hour, 5 at once. Whether a request that was refused counts is not documented; here it does
not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

HOUR = 3600.0


@dataclass(frozen=True)
class Limits:
    """Of one host; None is no limit."""

    per_hour: int | None
    per_second: int | None
    at_once: int | None


EXPORT_LIMITS = Limits(per_hour=60, per_second=3, at_once=100)
QUERY_LIMITS = Limits(per_hour=60, per_second=None, at_once=5)
UNLIMITED = Limits(None, None, None)


class Quota:
    """Counts the requests of one project at one host; not safe for threads by itself.

    Args:
        limits: What the host allows.
        clock: Seconds.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self._clock = clock
        self._taken: list[float] = []

    @property
    def in_last_hour(self) -> int:
        """How many requests count at this moment."""
        self._forget()
        return len(self._taken)

    def take(self, at_once: int) -> float | None:
        """Count a request while so many are open, it included.

        Returns:
            None, or the seconds after which it is worth another try, when it is refused.
        """
        self._forget()
        now, limits = self._clock(), self.limits
        if limits.at_once is not None and at_once > limits.at_once:
            return 1.0
        for most, seconds in ((limits.per_hour, HOUR), (limits.per_second, 1.0)):
            within = [taken for taken in self._taken if now - taken < seconds]
            if most is not None and len(within) >= most:
                return within[-most] + seconds - now
        self._taken.append(now)
        return None

    def _forget(self) -> None:
        now = self._clock()
        self._taken = [taken for taken in self._taken if now - taken < HOUR]
