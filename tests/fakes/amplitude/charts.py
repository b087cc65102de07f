"""Amplitude's event counts by day, over the lines that the stand-in exports.

Source: Amplitude docs, "Dashboard REST API" (event segmentation, rate limits): `m` is uniques
unless it is said otherwise, at most two events, daily figures of at most 365 days, days of the
project's zone by event_time, a cost of days times events and at most 1,000 of it in five minutes.
An unknown event is a 400. The texts are public clients' quotes where they are known.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import orjson

from tests.fakes.http.exchanges import Exchange, Reply

PATH = "/api/2/events/segmentation"
PARAMETERS = {"e", "e2", "start", "end", "m", "i", "g", "limit"}
ALL = "_all"
MOST_DAYS = 365
COST_LIMIT = 1_000
FIVE_MINUTES = 300.0
DAY = timedelta(days=1)
UNKNOWN = "Unable to create definition from arguments"


class Charts:
    """Counts.

    Attributes:
        zone: Of the project.
        hidden: Names that charts leave out, also of all events.
    """

    def __init__(self) -> None:
        self.zone = "UTC"
        self.hidden: set[str] = set()
        self.clock: Callable[[], float] = time.monotonic
        self._spent: deque[tuple[float, int]] = deque()

    def answer(self, exchange: Exchange, lines: Iterable[bytes]) -> Reply:
        """Answer a request whose keys are right."""
        query = exchange.query
        try:
            if exchange.method != "GET" or query.keys() - PARAMETERS:
                return _wrong("Unknown parameters")
            names = [orjson.loads(query[key])["event_type"] for key in ("e", "e2") if key in query]
            first, last = (
                datetime.strptime(query[key], "%Y%m%d").replace(tzinfo=timezone.utc).date()
                for key in ("start", "end")
            )
        except (KeyError, TypeError, ValueError):
            return _wrong("Missing or unreadable e, start or end")
        days = (last - first).days + 1
        if not names or not 1 <= days <= MOST_DAYS or query.get("i", "1") != "1":
            return _wrong("Invalid date range or interval")
        return self._throttled(days * len(names)) or self._series(
            query, names, (first, last), lines
        )

    def _throttled(self, cost: int) -> Reply | None:
        now = self.clock()
        self._spent = deque(each for each in self._spent if now - each[0] < FIVE_MINUTES)
        if sum(each for _, each in self._spent) + cost > COST_LIMIT:
            return Reply(429, b'{"error":"Exceeded cost limit of 1000 in 5 minutes"}')
        self._spent.append((now, cost))
        return None

    def _series(
        self,
        query: Mapping[str, str],
        names: list[str],
        days: tuple[date, date],
        lines: Iterable[bytes],
    ) -> Reply:
        rows = [*self._rows(lines)]
        known = {name for name, _, _ in rows} | {ALL}
        if any(name not in known for name in names):
            return _wrong(UNKNOWN)
        length = (days[1] - days[0]).days + 1
        found: list[list[list[str]]] = [[[] for _ in range(length)] for _ in names]
        for name, day, who in rows:
            for place, asked in enumerate(names):
                if asked in (name, ALL) and days[0] <= day <= days[1]:
                    found[place][(day - days[0]).days].append(who)
        totals = query.get("m", "uniques") == "totals"
        series = [[len(each) if totals else len(set(each)) for each in line] for line in found]
        data = {
            "series": series if any(map(any, series)) else [],
            "seriesLabels": [*range(len(names))],
            "xValues": [str(days[0] + DAY * number) for number in range(length)],
        }
        return Reply(200, orjson.dumps({"data": data}), {"Content-Type": "application/json"})

    def _rows(self, lines: Iterable[bytes]) -> Iterator[tuple[str, date, str]]:
        for line in lines:
            row = orjson.loads(line)
            name, happened = row.get("event_type"), row.get("event_time")
            if not isinstance(happened, str) or not isinstance(name, str) or name in self.hidden:
                continue  # an odd row: no chart has it
            moment = datetime.fromisoformat(happened).replace(tzinfo=timezone.utc)
            day = moment.astimezone(ZoneInfo(self.zone)).date()
            yield name, day, str(row.get("amplitude_id"))


def _wrong(text: str) -> Reply:
    return Reply(400, orjson.dumps({"error": {"http_code": 400, "message": text}}))
