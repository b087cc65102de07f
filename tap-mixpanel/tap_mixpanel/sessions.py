"""Works out which session a row is in, by Mixpanel's default rule. Pure.

Mixpanel stores no sessions and computes them when it is asked: rows of one person no more than 30
minutes apart are one, and midnight in the zone of the project ends it (Mixpanel docs, Sessions).
Here a session is one device's, since the person of a row may change later and its device does not.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MINUTE = 60_000
MOST_DEVICES = 200_000
"""How many sessions are remembered at once, of those that may go on. At some 300 bytes each they
are 60 MB; a day of 50 million rows has as many only where most rows are a device's first."""


@dataclass
class _Session:
    start: int
    last: int
    midnight: int


class Sessions:
    """The sessions that may go on. Take rows in the order of their times.

    Args:
        timeout_minutes: the longest pause within a session; 0 works out none at all.
        midnight_after: returns the first midnight of the project after a moment.
        by_value: whether the value of a property makes a session, and no pause ends it.
        most: how many sessions are remembered; the one that paused longest is forgotten first.
    """

    def __init__(
        self,
        timeout_minutes: int,
        midnight_after: Callable[[int], int],
        *,
        by_value: bool = False,
        most: int = MOST_DEVICES,
    ) -> None:
        self._timeout = timeout_minutes * MINUTE
        self._midnight_after = midnight_after
        self._by_value = by_value
        self._most = most
        self._midnight = 0  # the one after the last row
        self._open: OrderedDict[Any, _Session] = OrderedDict()

    @property
    def is_off(self) -> bool:
        """Whether no row has a session."""
        return self._timeout == 0

    def __len__(self) -> int:
        """Return how many sessions are remembered."""
        return len(self._open)

    def start_of(self, device: str | None, moment: int, value: Any = None) -> int | None:
        """Return when the session of a row began; None when it is in none.

        Args:
            device: of the row; None when it names none.
            moment: when it happened. Milliseconds since 1970, UTC, as is the answer.
            value: what the property that makes sessions holds; None where it is missing.
        """
        if self.is_off or device is None or (self._by_value and value in (None, "")):
            return None
        self._forget(moment)
        key = (device, repr(value)) if self._by_value else device
        session = self._open.get(key)
        if session is None or not self._goes_on(session, moment):
            session = _Session(moment, moment, self._midnight)
            self._open[key] = session
        session.last = max(session.last, moment)
        self._open.move_to_end(key)
        return session.start

    def _goes_on(self, session: _Session, moment: int) -> bool:
        return moment < session.midnight and (
            self._by_value or moment - session.last <= self._timeout
        )

    def _forget(self, moment: int) -> None:
        """Forget sessions that are over, so that only those of the last minutes are kept."""
        if moment >= self._midnight:
            self._open.clear()
            self._midnight = self._midnight_after(moment)
        while self._open:
            paused = self._open[next(iter(self._open))]
            if self._goes_on(paused, moment) and len(self._open) < self._most:
                return
            self._open.popitem(last=False)
