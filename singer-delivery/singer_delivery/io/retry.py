"""How long to wait before trying again. Pure, but for the clock that is handed in."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timezone
from email.utils import parsedate_to_datetime

LONGEST_RETRY_AFTER = 600.0
"""Seconds. A service that asks for more than ten minutes is asked again after ten."""


class Clock:
    """The time and the passing of it; a test hands in one of its own."""

    def now(self) -> float:
        """Return seconds since 1970, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since some moment; unlike `now` it is never set back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Backoff:
    """Waits that double from `first` to `cap` seconds, each shortened by chance by up to half.

    Chance keeps lanes that failed together from coming back together.
    """

    first: float = 1.0
    cap: float = 60.0
    chance: random.Random = field(default_factory=random.Random)

    def wait(self, attempt: int, retry_after: float | None = None) -> float:
        """Return the seconds to wait after failed attempt number `attempt`, counted from 1.

        What the service asked for in `retry_after` is a minimum, never shortened.
        """
        longest = min(self.cap, self.first * 2.0 ** min(attempt - 1, 32))
        return max(longest * (0.5 + self.chance.random() / 2), retry_after or 0.0)


def retry_after_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """Read the `Retry-After` header, seconds or a date (RFC 9110, 10.2.3); None when unreadable."""
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
    if seconds != seconds:  # noqa: PLR0124 - "nan" is a float and orders with nothing
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
