"""How many events of one id Amplitude takes: by seconds and by day.

Source: Amplitude docs, "Batch Event Upload API": 1,000 events a second for a device and for a user,
as a mean of 30 seconds; 500,000 in 24 hours, which roll on in steps of an hour. The clock is given.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.amplitude_batch.http import json_reply
from tests.fakes.http.exchanges import Reply

SPAN_S = 30
EPS_THRESHOLD = 1_000
DAILY_QUOTA = 500_000
HOUR_S = 3_600
DAY_HOURS = 24


@dataclass
class Excess:
    """Which ids of a request are over their pace.

    Attributes:
        throttled: id -> events a second, with this request.
        over_quota: id -> events in 24 hours, with this request.
    """

    throttled: dict[str, int] = field(default_factory=dict)
    over_quota: dict[str, int] = field(default_factory=dict)

    def __contains__(self, name: object) -> bool:
        return name in self.throttled or name in self.over_quota


class Pace:
    """What arrived of each id of one kind: device or user."""

    def __init__(self, eps_threshold: int, daily_quota: int) -> None:
        self._most = eps_threshold * SPAN_S
        self._quota = daily_quota
        self._lately: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)
        self._hours: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def excess(self, counts: Mapping[str, int], now: float) -> Excess:
        """Return which ids would be over with so many events more; nothing is counted yet."""
        excess = Excess()
        for name, count in counts.items():
            lately = count + self._of_the_span(name, now)
            today = count + self._of_the_day(name, now)
            if lately > self._most:
                excess.throttled[name] = lately // SPAN_S
            if today > self._quota:
                excess.over_quota[name] = today
        return excess

    def count(self, counts: Mapping[str, int], now: float) -> None:
        """Count events that were stored."""
        for name, count in counts.items():
            self._lately[name].append((now, count))
            self._hours[name][int(now // HOUR_S)] += count

    def _of_the_span(self, name: str, now: float) -> int:
        lately = self._lately.get(name)
        if lately is None:
            return 0
        while lately and lately[0][0] <= now - SPAN_S:
            lately.popleft()
        return sum(count for _, count in lately)

    def _of_the_day(self, name: str, now: float) -> int:
        first = int(now // HOUR_S) - DAY_HOURS
        hours = self._hours.get(name, Counter())
        return sum(count for hour, count in hours.items() if hour > first)


def counts_of(ids: Iterable[str | None]) -> Counter[str]:
    """Count the events of each id."""
    return Counter(name for name in ids if name is not None)


def throttled(
    ids: Sequence[tuple[str | None, str | None]], devices: Excess, users: Excess, threshold: int
) -> Reply | None:
    """Build the 429 that names who is over the pace; None if nobody is.

    Args:
        ids: (device, user) of each event of the request.
        devices: Which of them are over.
        users: The same.
        threshold: Events a second.
    """
    events = named_events(ids, devices, users)
    if not events:
        return None
    return json_reply(
        429,
        error="Too many requests for some devices and users",
        throttled_events=events,
        **named_ids(devices, users, threshold),
    )


def named_events(
    ids: Sequence[tuple[str | None, str | None]], devices: Excess, users: Excess
) -> list[int]:
    """Return the places of the events whose device or user is over the pace."""
    return [index for index, (device, user) in enumerate(ids) if device in devices or user in users]


def named_ids(devices: Excess, users: Excess, threshold: int) -> dict[str, Any]:
    """Return the part of a reply that names ids."""
    return {
        "eps_threshold": threshold,
        "throttled_devices": devices.throttled,
        "throttled_users": users.throttled,
        "exceeded_daily_quota_devices": devices.over_quota,
        "exceeded_daily_quota_users": users.over_quota,
    }
