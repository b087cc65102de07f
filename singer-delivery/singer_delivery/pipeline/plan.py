"""What a run will do and cost, counted by a dry run: events by name and month, time, bill.

Numbers of people, links and groups are those of what would be sent. Requests are full ones, which a
run comes close to. The time is what the slowest of three takes: the pace that the destination asks
for, its replies at `REPLY` seconds each, and mapping at the speed of the dry run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from hashlib import blake2b
from heapq import nsmallest
from typing import Any

from singer_delivery.endpoint import Endpoint
from singer_delivery.io.compression import deflated
from singer_delivery.model import DEVICE, EVENT
from singer_delivery.pipeline.report import NAMES, OTHER
from singer_delivery.pipeline.settings import RunSettings
from singer_delivery.progress.words import duration, size_text

REPLY = 0.3
"""Seconds that a reply takes, for the estimate: a full request is answered in 0.1 to 0.5."""

CHUNK = 256 * 1024
"""Bytes that are compressed at once, as pieces of requests are."""

NO_TIME = "no time"
"""The month of what has none."""

EXACT = 100_000
"""People who are counted one by one; more of them are estimated, to about a third of a percent."""

_ALL = 2**64
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Distinct:
    """Counts different texts, in memory that does not grow with them.

    It keeps the least of their digests: where these lie says how many there are (Bar-Yossef et
    al., "Counting distinct elements in a data stream", 2002).
    """

    def __init__(self, exact: int = EXACT) -> None:
        self._exact = exact
        self._least: set[int] = set()
        self._below = _ALL

    def add(self, text: str) -> None:
        """Count a text."""
        digest = blake2b(text.encode(errors="replace"), digest_size=8).digest()
        number = int.from_bytes(digest, "big")
        if number < self._below:
            self._least.add(number)
            if len(self._least) >= 2 * self._exact:
                self._least = set(nsmallest(self._exact, self._least))
                self._below = max(self._least) + 1

    @property
    def is_exact(self) -> bool:
        """Whether the number is no estimate."""
        return self._below == _ALL

    def __len__(self) -> int:
        """Return how many there are, about."""
        if self.is_exact:
            return len(self._least)
        least = nsmallest(self._exact, self._least)
        return round((self._exact - 1) * _ALL / least[-1])


@dataclass
class Traffic:
    """What would be sent to one endpoint: events, bytes as JSON and as they travel, requests."""

    events: int = 0
    bytes: int = 0
    bytes_compressed: int = 0
    requests: int = 0


class _Endpoint:
    """Fills requests of one endpoint, and compresses what they carry."""

    def __init__(self, of: Endpoint) -> None:
        self._of, self.traffic = of, Traffic()
        self._events = self._size = 0
        self._chunk = bytearray()
        before, after, self._is_gzipped = of.envelope
        self._around = len(before) + len(after)

    def add(self, encoded: bytes) -> None:
        """Add an event."""
        content, traffic, limits = self._of.as_sent(encoded), self.traffic, self._of.limits
        size = len(content) + 1
        is_full = self._events >= limits.max_events or self._size + size > limits.max_bytes
        if not self._events or is_full:
            traffic.requests += 1
            traffic.bytes += self._around
            self._events = self._size = 0
        self._events += 1
        self._size += size
        traffic.events += 1
        traffic.bytes += size
        self._chunk += content
        if len(self._chunk) >= CHUNK:
            self.compress()

    def compress(self) -> None:
        """Count the bytes that travel."""
        if self._chunk:
            content = bytes(self._chunk)
            self._chunk.clear()
            sent = len(deflated(content).data) if self._is_gzipped else len(content)
            self.traffic.bytes_compressed += sent


class Plan:
    """Counts what a dry run writes.

    Args:
        endpoints: of the destination, by name.
        settings: of the run.

    Attributes:
        output_path: where the dry run writes.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint], settings: RunSettings) -> None:
        self.output_path = settings.output_path
        self._endpoints = {name: _Endpoint(each) for name, each in endpoints.items()}
        self._billing, self._sample = settings.billing, settings.sample
        self._pace = settings.max_events_per_second
        self._in_flight = settings.max_in_flight
        self._kinds: Counter[str] = Counter()
        self._months: dict[str, Counter[str]] = defaultdict(Counter)
        self._people = Distinct()

    def add(
        self, endpoint: str, kind: str, name: str, encoded: bytes, at: int | None, person: str
    ) -> None:
        """Count an event.

        Args:
            endpoint: that it would be sent to.
            kind: see `Event.kind`.
            name: its event name.
            encoded: its JSON.
            at: when it happened, in microseconds since 1970; None where nobody knows.
            person: whose it is; empty for nobody's.
        """
        self._kinds[kind] += 1
        self._endpoints[endpoint].add(encoded)
        if kind != EVENT:
            return
        known = name in self._months or len(self._months) < NAMES
        self._months[name if known else OTHER][month_of(at)] += 1
        if person:
            self._people.add(person)

    def as_dict(self, notes: Mapping[str, int], seconds: float) -> dict[str, Any]:
        """Return the plan as JSON values.

        Args:
            notes: what the run report counts besides.
            seconds: that the dry run took.
        """
        traffic = self._traffic()
        kinds, events = self._kinds, self._kinds[EVENT]
        bound_by, expected = self._expected(seconds)
        return {
            "events": events,
            "people": len(self._people),
            "people_exact": self._people.is_exact,
            "links": kinds["link"],
            "updates_of_people": kinds["person"] + kinds[DEVICE],
            "updates_of_groups": kinds["group"],
            "kinds": dict(kinds.most_common()),
            "months": self._by_month(),
            "names": {
                name: {"events": of.total(), "months": dict(sorted(of.items()))}
                for name, of in sorted(self._months.items(), key=lambda it: -it[1].total())
            },
            "bytes": sum(each.bytes for each in traffic.values()),
            "bytes_compressed": sum(each.bytes_compressed for each in traffic.values()),
            "requests": sum(each.requests for each in traffic.values()),
            "endpoints": {name: vars(each).copy() for name, each in traffic.items()},
            "seconds": round(expected, 1),
            "seconds_bound_by": bound_by,
            "max_events_per_second": self._pace,
            "billed": self._billed(notes),
            "sample_users": self._sample,
        }

    def _traffic(self) -> dict[str, Traffic]:
        for each in self._endpoints.values():
            each.compress()
        return {name: each.traffic for name, each in self._endpoints.items() if each.traffic.events}

    def _by_month(self) -> dict[str, int]:
        months = Counter[str]()
        for of in self._months.values():
            months.update(of)
        return dict(sorted(months.items()))

    def _expected(self, seconds: float) -> tuple[str, float]:
        """Return what takes longest, and how long."""
        requests = sum(each.traffic.requests for each in self._endpoints.values())
        ways = {
            "mapping on this machine": seconds,
            "replies of the destination": requests * REPLY / self._in_flight,
            "the pace the destination asks for": (
                self._kinds.total() / self._pace if self._pace else 0.0
            ),
        }
        return max(ways.items(), key=lambda way: way[1])

    def _billed(self, notes: Mapping[str, int]) -> dict[str, Any]:
        of, kinds = self._billing, self._kinds
        counted = kinds.total() if not of.kinds else sum(kinds[kind] for kind in of.kinds)
        return {
            "events": counted,
            "sentence": of.sentence,
            "warnings": [
                {"note": note, "events": notes[note], "sentence": sentence}
                for note, sentence in of.notes.items()
                if notes.get(note)
            ],
        }


def month_of(at: int | None) -> str:
    """Return the month of a time in UTC, such as 2024-03."""
    if at is None:
        return NO_TIME
    try:
        return (_EPOCH + timedelta(microseconds=at)).strftime("%Y-%m")
    except OverflowError:
        return NO_TIME


def lines(plan: Mapping[str, Any]) -> list[str]:
    """Return a plan as a table for the log: at most 20 rows."""
    sample = plan["sample_users"]
    head = "Plan: what a run of these settings sends"
    rows = [
        ("events", f"{plan['events']:,}", f"of {len(plan['names']):,} names"),
        ("people", ("" if plan["people_exact"] else "about ") + f"{plan['people']:,}", ""),
        ("links", f"{plan['links']:,}", "device to user"),
        ("updates", f"{plan['updates_of_people']:,}", "of people"),
        ("", f"{plan['updates_of_groups']:,}", "of groups"),
        ("requests", f"{plan['requests']:,}", size_text(plan["bytes_compressed"])),
        ("time", duration(plan["seconds"]), f"by {plan['seconds_bound_by']}"),
        ("billed", f"{plan['billed']['events']:,}", "events at most"),
        *((month, f"{count:,}", "events") for month, count in _largest(plan["months"])),
    ]
    width, numbers = (max(len(row[column]) for row in rows) for column in (0, 1))
    part = f", for {sample * 100:g} % of people" if sample < 1 else ""
    return [
        f"{head}{part}.",
        *(f"  {name:<{width}}  {count:>{numbers}}  {more}".rstrip() for name, count, more in rows),
        *(each["sentence"] for each in plan["billed"]["warnings"]),
    ]


_MONTHS = 10
"""Rows of the table for months: the rest is one row."""


def _largest(months: Mapping[str, int]) -> list[tuple[str, int]]:
    if len(months) <= _MONTHS:
        return [*months.items()]
    largest = sorted(months, key=lambda month: -months[month])[: _MONTHS - 1]
    rest = sum(count for month, count in months.items() if month not in largest)
    others = len(months) - len(largest)
    return [*((month, months[month]) for month in sorted(largest)), (f"{others} others", rest)]
