"""Keeps to the number of requests that Mixpanel takes of a project, and waits after failures.

Raw exports: 60 an hour and 3 a second, of all programs together (Mixpanel docs, API Rate Limits).
One vendor describes the hour as sliding, so any hour counts here.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import nullcontext

from singer_delivery.io.retry import Backoff, Clock
from singer_delivery.tap.errors import AnswerNotUsable, TryAgain
from singer_delivery.tap.progress import Waiting

from tap_mixpanel.errors import Throttled

HOUR = 3600.0
APART = 0.35
"""Seconds between two requests: less than three a second."""

WORTH_TELLING = 5.0
"""Seconds. A longer wait is logged."""

WAITS = Backoff(first=2.0, cap=300.0)
WAITS_FOR_THE_HOUR = Backoff(first=60.0, cap=3600.0, jitter=lambda most: most)
"""Nobody else waits for the same moment, so these are not shortened at random."""


def seconds_to_wait(attempt: int, error: AnswerNotUsable) -> float:
    """Return the seconds to wait after failed attempt number `attempt`, counted from 1."""
    asked = error.retry_after if isinstance(error, TryAgain) else None
    if isinstance(error, Throttled):
        return WAITS_FOR_THE_HOUR.wait(attempt) if asked is None else asked
    return WAITS.wait(attempt, asked)


class Budget:
    """The requests of a run at one host. Threads may share it.

    Args:
        most: how many may begin in any hour.
        clock: used for every wait.
        logger: told of long waits.
        setting: the one that says `most`, for the log.
        waiting: surrounds each wait, told for what.
    """

    def __init__(
        self,
        most: int,
        clock: Clock,
        logger: logging.Logger,
        setting: str = "max_requests_per_hour",
        waiting: Waiting = nullcontext,
    ) -> None:
        self._most = most
        self._clock = clock
        self._logger = logger
        self._setting = setting
        self._waiting = waiting
        self._begun: deque[float] = deque(maxlen=most)
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when a request may begin, and count it."""
        with self._lock:
            seconds = self._seconds(self._clock.monotonic())
            if seconds > WORTH_TELLING:
                self._logger.info(
                    "%d requests were sent within an hour, the most that %s allows. Waiting %.0f "
                    "min %.0f s for the next.",
                    self._most,
                    self._setting,
                    *divmod(seconds, 60),
                )
            if seconds > 0:
                with self._waiting(f"{self._most} requests an hour, {self._setting}"):
                    self._clock.sleep(seconds)
            self._begun.append(self._clock.monotonic())

    def _seconds(self, now: float) -> float:
        if not self._begun:
            return 0.0
        free = self._begun[0] + HOUR if len(self._begun) == self._most else now
        return max(free, self._begun[-1] + APART) - now
