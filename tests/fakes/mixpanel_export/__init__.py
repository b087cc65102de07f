"""A stand-in for what Mixpanel gives out over HTTP: raw export and profiles (engage).

One address plays both hosts, as `data.mixpanel.com` and `mixpanel.com` differ in their paths. What
is refused is decided in `parameters`, `where` and `refusals`, what may be asked how often in
`quota`, what goes wrong on command in `faults`, what a row looks like in `rows`; the sources are
named there. Limits and texts are restated on purpose, apart from the code they test.
"""

from __future__ import annotations

import gzip
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo

import orjson

from tests.fakes.http.server import Delay, Exchange, FakeServer, Hold, Reply, Stall
from tests.fakes.mixpanel_export import questions
from tests.fakes.mixpanel_export.access import Access, Region, for_query_host
from tests.fakes.mixpanel_export.engage import (
    PATHS,
    Engage,
    Habits,
    Profile,
    is_follow_up,
    read_query,
)
from tests.fakes.mixpanel_export.faults import Spoiled
from tests.fakes.mixpanel_export.parameters import Asked, days_asked, read
from tests.fakes.mixpanel_export.quota import EXPORT_LIMITS, QUERY_LIMITS, Limits, Quota
from tests.fakes.mixpanel_export.refusals import (
    HTML,
    NO_PLAN,
    Refusal,
    plain,
    too_many,
    too_many_queries,
)
from tests.fakes.mixpanel_export.rows import EPOCH, MILLISECOND, Row, in_seconds

__all__ = ["PATH", "FakeMixpanelExport", "Habits", "Limits", "Profile", "Row"]

PATH = "/api/2.0/export"
GZIP_ABOVE = 1_400
"""Bytes above which a body is compressed, if the request allows it (Mixpanel docs)."""

DAY = timedelta(days=1)
HABITS = Habits()


class FakeMixpanelExport(FakeServer):
    """What one project gives out.

    A reading of a day is a whole answer with all its rows; those with an `event`, a `where` or a
    `limit` are counted apart. Late rows and changed ids appear by the number of the reading, or
    when a test calls `publish`.

    Args:
        rows: Of any days.
        profiles: Of users.
        group_profiles: Data group id -> profiles of its groups.
        cohorts: Id -> ids of its members.
        project_id: See `Access`, as for `username` to `refusal`.
        plan: Without the Query API, engage answers 402; the export does not care.
        habits: Of engage.
        project_timezone: IANA zone of the project; it decides what today is.
        retry_after: Of a 429 that a quota brings.
        stable: Hand out rows in the order in which they were published.
        seed: Of the order of rows.
        limits: Of the export.
        query_limits: Of the query host.
        now: The server's date and time.
        clock: Seconds by which quotas are counted.
        keep_bodies: See `FakeServer`.
    """

    def __init__(  # noqa: PLR0913 - a project has that many settings
        self,
        rows: Iterable[Row] = (),
        *,
        profiles: Iterable[Profile] = (),
        group_profiles: Mapping[str, Iterable[Profile]] = MappingProxyType({}),
        cohorts: Mapping[int, Iterable[str]] = MappingProxyType({}),
        project_id: int = 2195193,
        username: str = "exporter.1a2b3c.mp-service-account",
        secret: str = "mixpanel-secret",
        project_secret: str | None = None,
        region: Region = "us",
        project_region: Region = "us",
        lost_project: Literal["cluster", "page"] = "cluster",
        refusal: Literal[401, 400] = 401,
        plan: Literal["growth", "free"] = "growth",
        habits: Habits = HABITS,
        project_timezone: str = "UTC",
        retry_after: Literal["seconds", "date"] | None = "seconds",
        stable: bool = False,
        seed: int = 13,
        limits: Limits = EXPORT_LIMITS,
        query_limits: Limits = QUERY_LIMITS,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        clock: Callable[[], float] = time.monotonic,
        keep_bodies: bool = False,
    ) -> None:
        super().__init__(keep_bodies=keep_bodies)
        self.access = Access(
            project_id,
            username,
            secret,
            project_secret,
            region,
            project_region,
            lost_project,
            refusal,
        )
        self.plan = plan
        self.engage = Engage(profiles, group_profiles, cohorts, habits, seed)
        self.project_timezone = project_timezone
        self.retry_after = retry_after
        self.stable = stable
        self.sees_project = True
        self.seed = seed
        self.now = now
        self.quota = Quota(limits, clock)
        self.query_quota = Quota(query_limits, clock)
        self._days: defaultdict[date, list[Row]] = defaultdict(list)
        self._lines: dict[date, Sequence[bytes]] = {}
        self._readings: Counter[tuple[date, object]] = Counter()
        self.publish(rows)

    def publish(self, rows: Iterable[Row]) -> None:
        """Add rows, also while the server runs."""
        with self._changed:
            for row in rows:
                self._days[row.day].append(row)

    def publish_lines(self, day: date, lines: Sequence[bytes]) -> None:
        """Set what a day holds beside its rows: lines with `time` in milliseconds first.

        They are found whatever a request's `where` says, and cost no memory of their
        own: for exports of millions of rows.
        """
        with self._changed:
            self._lines[day] = lines

    @property
    def today(self) -> date:
        """The project's day at this moment."""
        return self.now().astimezone(ZoneInfo(self.project_timezone)).date()

    # What was asked -------------------------------------------------------------------------

    @property
    def asked(self) -> list[tuple[date, date]]:
        """(first day, last day) of every readable export, in order, whatever it was answered."""
        exports = [days_asked(exchange) for exchange in list(self.journal) if _is_export(exchange)]
        return [days for days in exports if days is not None]

    def days_served(self) -> Counter[date]:
        """How often all rows of a day were answered, in full and by the service."""
        served: Counter[date] = Counter()
        for exchange in list(self.journal):
            days = days_asked(exchange) if _is_export(exchange) else None
            filtered = exchange.query.keys() & {"event", "where", "limit"}
            if days and not filtered and exchange.is_answered and exchange.status == 200:
                served.update(_days_between(*days))
        return served

    # Requests -------------------------------------------------------------------------------

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        """Answer one request as the service does."""
        try:
            if _is_export(exchange):
                return self._export(exchange)
            if exchange.path in PATHS:
                return self._engage(exchange, body)
        except Refusal as refusal:
            return refusal.reply
        return Reply(404, b"<html><body>Not Found</body></html>", HTML.headers)

    def answer_question(self, exchange: Exchange, body: bytes) -> Reply:
        """Answer who asks before a run: rows and profiles as ever, and which projects are seen."""
        if (exchange.method, exchange.path) != ("GET", questions.ME):
            return self.answer(exchange, body)
        if not self.access.knows_account(exchange.headers):
            return questions.NO_LOGIN
        access = self.access
        return questions.me(
            access.project_id, self.project_timezone, sees_project=self.sees_project
        )

    def _export(self, exchange: Exchange) -> Reply:
        if exchange.method != "GET":
            raise Refusal(plain("Method Not Allowed", 405))
        refused = self.access.refused(exchange)
        if refused is not None:
            raise Refusal(refused)
        self._count(exchange)
        asked = read(exchange.query, self.today)
        lines = self._found(asked, is_whole=_is_whole(exchange))
        if not self.stable:
            random.Random(f"{self.seed} {exchange.number}").shuffle(lines)
        spoiled = exchange.act if isinstance(exchange.act, Spoiled) else Spoiled()
        return _reply(lines[: asked.limit], exchange, spoiled)

    def _count(self, exchange: Exchange) -> None:
        with self._changed:
            wait = self.quota.take(self._open(PATH))
        if wait is not None:
            raise Refusal(too_many(self._retry_after(wait)))

    def _engage(self, exchange: Exchange, body: bytes) -> Reply:
        asked = read_query(exchange, body)
        refused = self.access.refused(exchange)
        if refused is not None:
            raise Refusal(for_query_host(exchange.path, refused))
        if self.plan == "free":
            raise Refusal(NO_PLAN)
        with self._changed:
            if self.engage.habits.pages_count or not is_follow_up(asked):
                self._count_query(exchange)
            return self.engage.answer(exchange, asked)

    def _count_query(self, exchange: Exchange) -> None:
        running = self._open(*PATHS)
        wait = self.query_quota.take(running)
        if wait is not None:
            spent = self.query_quota.in_last_hour + 1
            project = self.access.project_id
            after = self._retry_after(wait)
            raise Refusal(too_many_queries(exchange.path, project, running, spent, after))

    def _open(self, *paths: str) -> int:
        return sum(other.finished is None for other in self.journal if other.path in paths)

    def _retry_after(self, wait: float) -> str | None:
        if self.retry_after == "date":
            then = self.now() + timedelta(seconds=wait)
            return f"{then.astimezone(timezone.utc):%a, %d %b %Y %H:%M:%S} GMT"
        return str(int(wait) + 1) if self.retry_after else None

    # Rows -----------------------------------------------------------------------------------

    def _found(self, asked: Asked, *, is_whole: bool) -> list[bytes]:
        lines: list[bytes] = []
        for day in _days_between(asked.first, asked.last):
            with self._changed:
                reading = self._reading(day, asked, is_whole=is_whole)
                rows = list(self._days.get(day, ()))
                given = self._lines.get(day, ())
            named = [line for line in given if _is_named(line, asked)]
            lines += named if asked.in_ms else map(in_seconds, named)
            lines += (
                row.line(reading, in_ms=asked.in_ms)
                for row in rows
                if row.appears <= reading and _is_found(row, reading, asked)
            )
        return lines

    def _reading(self, day: date, asked: Asked, *, is_whole: bool) -> int:
        filters = (day, (asked.events, asked.where, asked.limit))
        self._readings[filters] += is_whole
        return self._readings[filters] + (not is_whole)


def _is_export(exchange: Exchange) -> bool:
    return exchange.path == PATH


def _is_whole(exchange: Exchange) -> bool:
    """Whether the client gets all of the answer."""
    return isinstance(exchange.act, (Delay, Hold, Stall, type(None)))


def _is_named(line: bytes, asked: Asked) -> bool:
    """Tell whether a line is of an event that is asked for."""
    return asked.events is None or orjson.loads(line)["event"] in asked.events


def _is_found(row: Row, reading: int, asked: Asked) -> bool:
    if asked.events is not None and row.event not in asked.events:
        return False
    if asked.where is None:
        return True
    moment = EPOCH + row.time * MILLISECOND
    return asked.where.finds({**row.properties_at(reading), "$time": moment})


def _reply(lines: list[bytes], exchange: Exchange, spoiled: Spoiled) -> Reply:
    """Write the rows; compressed when asked for and worth it."""
    body = spoiled.body(lines)
    headers = {"Content-Type": "text/plain", "Transfer-Encoding": "chunked"}
    if len(body) > GZIP_ABOVE and _takes_gzip(exchange.headers):
        body = gzip.compress(body, 1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Reply(200, spoiled.encoded(body), headers)


def _takes_gzip(headers: Mapping[str, str]) -> bool:
    codings = headers.get("accept-encoding", "").lower().split(",")
    return any(coding.partition(";")[0].strip() == "gzip" for coding in codings)


def _days_between(first: date, last: date) -> Iterable[date]:
    while first <= last:
        yield first
        first += DAY
