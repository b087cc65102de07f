"""The figures of a project's own charts, to be set beside the books.

Source: Amplitude docs, "Dashboard REST API": event segmentation, `_all` for any event, days of the
project's time zone by event_time, which no API tells; a cost of days times events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from singer_delivery.endpoint import Reply, Request
from singer_delivery.io.retry import Clock
from singer_delivery.io.secrets import login_of
from singer_delivery.proof.asking import Allowed, Asker, Questions
from singer_delivery.proof.counting import CannotAsk, day_number, day_of

from tap_amplitude.account import HOSTS, Account

PATH = "/api/2/events/segmentation"
ALL = "_all"
DAYS_A_REQUEST = 365
COST_ALLOWED = 1_000
FIVE_MINUTES = 300.0
"""Seconds in which a cost of 1,000 is allowed; a request costs its days."""

MOST_NAMES = 10
ALLOWED = (Allowed(5, 1.0),)
UNKNOWN_EVENT = b"Unable to create definition"


class AmplitudeSourceCounter:
    """Asks charts; a `SourceCounter`.

    Args:
        account: whom to ask.
        asker: sends.
        clock: of the waits for the cost.
        zone: IANA name of the project's time zone.
    """

    source = "Amplitude"

    def __init__(self, account: Account, asker: Asker, clock: Clock, zone: str) -> None:
        self.time_zone = zone
        self._account, self._asker, self._clock = account, asker, clock
        self._spent: deque[tuple[float, int]] = deque()

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return self._asker.requests

    def affordable(self, days: int) -> int:
        """Return of how many names so many days fit into five minutes, beside all events."""
        return max(min(COST_ALLOWED // (days + 2) - 1, MOST_NAMES), 0)

    def days(self, first: int, last: int, name: str | None = None) -> Mapping[int, int]:
        """Return events by day of the project: of a name, or of all.

        Raises:
            CannotAsk: it is not answered.
        """
        found: dict[int, int] = {}
        for start in range(first, last + 1, DAYS_A_REQUEST):
            end = min(start + DAYS_A_REQUEST - 1, last)
            found |= self._asked(start, end, name or ALL)
        return found

    def _asked(self, first: int, last: int, name: str) -> dict[int, int]:
        self._afford(last - first + 1)
        query = {
            "e": orjson.dumps({"event_type": name}).decode(),
            "start": f"{day_of(first):%Y%m%d}",
            "end": f"{day_of(last):%Y%m%d}",
            "m": "totals",
            "i": "1",
        }
        account = self._account
        url = f"{account.base_url}{PATH}?{urlencode(query)}"
        headers = {"Authorization": f"Basic {login_of(account.api_key, account.secret_key)}"}
        reply = self._asker.ask(Request(url, b"", headers, "GET"))
        if reply.status == 400 and UNKNOWN_EVENT in reply.body:
            return {}  # so it says that there is no such event
        if reply.status != 200:
            raise CannotAsk(_refused(reply))
        return _by_day(reply)

    def _afford(self, cost: int) -> None:
        """Wait until a request of this cost is allowed."""
        now = self._clock.monotonic()
        while self._spent and now - self._spent[0][0] >= FIVE_MINUTES:
            self._spent.popleft()
        while self._spent and sum(each for _, each in self._spent) + cost > COST_ALLOWED:
            begun, _ = self._spent.popleft()
            wait = begun + FIVE_MINUTES - self._clock.monotonic()
            if wait > 0:
                self._asker.tell(f"Amplitude allows 1,000 days in five minutes: {wait:,.0f} s.")
                self._clock.sleep(wait)
        self._spent.append((self._clock.monotonic(), cost))


def counter_of(
    config: Mapping[str, Any],
    user_agent: str,
    clock: Clock,
    tell: Callable[[str], None],
    zone: str | None,
) -> AmplitudeSourceCounter:
    """Return a counter by the settings of the tap.

    Raises:
        CannotAsk: they hold no keys, or the zone is not known.
    """
    keys = [str(config.get(name) or "").strip() for name in ("api_key", "secret_key")]
    if not all(keys):
        msg = "Amplitude's charts need `api_key` and `secret_key`, also where an archive is read."
        raise CannotAsk(msg)
    if not zone:
        msg = (
            "Amplitude's charts count days in the project's time zone, which no API tells: name it "
            "with --source-timezone, such as UTC or America/Los_Angeles (Settings > Projects)."
        )
        raise CannotAsk(msg)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        msg = "--source-timezone must be a zone such as America/Los_Angeles."
        raise CannotAsk(msg) from error
    region = config.get("region") or "us"
    base_url = str(config.get("base_url") or HOSTS[region]).rstrip("/")
    asker = Asker(Questions(user_agent), ALLOWED, "Amplitude", clock, tell)
    return AmplitudeSourceCounter(Account(base_url, region, *keys), asker, clock, zone)


def _by_day(reply: Reply) -> dict[int, int]:
    """Return counts by day: by xValues, since labels and positions have changed before."""
    try:
        data = orjson.loads(reply.body)["data"]
        days = [day_number(date.fromisoformat(text[:10])) for text in data["xValues"]]
        counts = data["series"][0] if data["series"] else [0] * len(days)
        return {day: int(count) for day, count in zip(days, counts, strict=True)}
    except (KeyError, TypeError, ValueError) as error:
        msg = "Amplitude answered with something else than a chart. Try again later."
        raise CannotAsk(msg) from error


def _refused(reply: Reply) -> str:
    if reply.status == 403:
        return (
            "Amplitude refused the keys (403): check `api_key`, `secret_key` and `region`, and "
            "that the plan has charts by API."
        )
    if reply.status == 429:
        return "Amplitude answers no more charts for now (429). Ask again in an hour."
    return f"Amplitude did not answer a chart ({reply.status}). Ask again later."
