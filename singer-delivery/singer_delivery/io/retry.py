"""How long to wait before trying again. Pure, but for the clock that a caller passes in."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from itertools import islice

from backoff import expo, full_jitter

LONGEST_RETRY_AFTER = 600.0
"""Seconds. A service that asks for more than ten minutes is asked again after ten."""

LOOK = 0.25
"""Seconds between two looks at whether a run is to stop, while it waits for anything."""


class Clock:
    """The time and the passing of it; a test passes in one of its own."""

    def now(self) -> float:
        """Return seconds since 1970, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since some moment; unlike `now` it is never set back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed."""
        time.sleep(seconds)


def pause(clock: Clock, seconds: float, check: Callable[[], object]) -> None:
    """Return when the time has passed; `check` is called every now and then, and may raise."""
    while True:
        check()
        if seconds <= 0:
            return
        nap = min(seconds, LOOK)
        clock.sleep(nap)
        seconds -= nap


@dataclass(frozen=True)
class Backoff:
    """Waits that double from `first` to `cap` seconds, each shortened at random by up to half.

    Lanes that fail together must not come back together; hence the random part.

    Attributes:
        first: the longest first wait, in seconds.
        cap: the longest wait, in seconds.
        jitter: returns a random number from 0 to its argument.
    """

    first: float = 1.0
    cap: float = 60.0
    jitter: Callable[[float], float] = full_jitter

    def wait(self, attempt: int, retry_after: float | None = None) -> float:
        """Return the seconds to wait after failed attempt number `attempt`, counted from 1.

        `retry_after`, the seconds that the service asks for, is a minimum and is never shortened.
        """
        # Item 0 of `expo` is no wait: it starts the generator.
        longest = next(islice(expo(factor=self.first, max_value=self.cap), attempt, None))
        return max(longest / 2 + self.jitter(longest / 2), retry_after or 0.0)


def retry_after_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """Read the `Retry-After` header: seconds, or a date (RFC 9110, 10.2.3).

    Fractions of a second count. urllib3's `Retry.parse_retry_after` does not fit: it refuses them,
    and it compares a date with the time of the machine, not with `now`.

    Args:
        headers: of the reply; their names must be found in any case of letters.
        now: seconds since 1970, UTC.

    Returns:
        Seconds from 0 to `LONGEST_RETRY_AFTER`; None when the header is absent or unreadable.
    """
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        seconds = date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp() - now
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
