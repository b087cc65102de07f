"""What Mixpanel answers of a project's events: reports by day, profiles, the raw export.

One address plays both hosts, as `mixpanel.com` and `data.mixpanel.com` differ in their paths.
Sources: Mixpanel docs, "Query API" (openapi/query: events, segmentation, engage), "Raw Event
Export", "API Rate Limits" (60 queries an hour and 5 at once; exports 60 an hour and 3 a second),
"Manage Projects" (reports are in the project's zone, exports of new projects in UTC), "Event
Deduplication" (at query time); texts of refusals as public clients quote them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import orjson

from tests.fakes.http.exchanges import Exchange, Reply
from tests.fakes.mixpanel.http import Credentials, Refusal, json_reply
from tests.fakes.mixpanel_export.parameters import Asked, read
from tests.fakes.mixpanel_export.quota import EXPORT_LIMITS, QUERY_LIMITS, Quota
from tests.fakes.mixpanel_export.refusals import Refusal as ExportRefusal
from tests.fakes.mixpanel_export.refusals import as_json, too_many, too_many_queries
from tests.fakes.mixpanel_export.where import Where

EVENTS, SEGMENTATION, ENGAGE = (
    f"/api/query/{name}" for name in ("events", "segmentation", "engage")
)
EXPORT = "/api/2.0/export"
PATHS = (EVENTS, SEGMENTATION, ENGAGE, EXPORT)

PARAMETERS = {
    EVENTS: {"project_id", "event", "type", "unit", "from_date", "to_date", "limit", "format"},
    SEGMENTATION: {
        *("project_id", "event", "type", "unit", "from_date", "to_date", "where", "on", "limit"),
    },
    ENGAGE: {"project_id"},
}
LONGEST_ADDRESS = 8_192
TERMINATED = b"export terminated early\n"


class Holdings(Protocol):
    """What is asked about; the fake of the project."""

    credentials: Credentials
    now: Callable[[], datetime]

    @property
    def arrivals(self) -> Sequence[dict[str, Any]]: ...

    def stored(self) -> Sequence[dict[str, Any]]: ...

    def profiles(self) -> dict[str, dict[str, Any]]: ...


@dataclass(frozen=True)
class _Report:
    """A report that can be answered: days of the project, both included."""

    names: Sequence[str]
    first: date
    last: date
    where: Where | None


class QueryApi:
    """Answers questions about one project.

    Attributes:
        zone: Of the project, in which reports count days.
        plan: `free` answers 402 to queries; the export does not care.
        history: Days that the plan shows; None: all.
        hidden: Names that reports leave out.
        late: How many of the newest events each report does not see yet.
        broken: How many exports end early, behind a 200.
        queries: Requests of the query host that count.
    """

    def __init__(self, holdings: Holdings, clock: Callable[[], float] = time.monotonic) -> None:
        self._holdings = holdings
        self.zone = "UTC"
        self.plan: Literal["growth", "free"] = "growth"
        self.history: int | None = None
        self.hidden: set[str] = set()
        self.late: list[int] = []
        self.broken = 0
        self.queries = Quota(QUERY_LIMITS, clock)
        self.exports = Quota(EXPORT_LIMITS, clock)
        self._running = 0

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        """Answer one request as the query host or the export host does."""
        self._running += 1
        try:
            self._holdings.credentials.check_service_account(exchange.headers, exchange.query)
            if exchange.path == EXPORT:
                return self._export(exchange)
            return self._query(exchange, body)
        except Refusal as refusal:
            return as_json(exchange.path, "Invalid credentials", refusal.reply.status)
        except ExportRefusal as refusal:
            return refusal.reply
        finally:
            self._running -= 1

    @property
    def _today(self) -> date:
        """The project's day, by its clock: none later is answered, of an export neither."""
        return self._holdings.now().astimezone(ZoneInfo(self.zone)).date()

    # Reports --------------------------------------------------------------------------------

    def _query(self, exchange: Exchange, body: bytes) -> Reply:
        if self.plan == "free":
            return as_json(exchange.path, "Your plan does not allow API calls", 402)
        self._count(exchange)
        if exchange.path == ENGAGE:
            return self._engage(exchange, body)
        if exchange.method != "GET":
            return as_json(exchange.path, "Method Not Allowed", 405)
        report = self._read(exchange)
        values = self._values(report)
        span = (report.last - report.first).days + 1
        series = [str(report.first + timedelta(days=number)) for number in range(span)]
        data = {"series": series, "values": values}
        return json_reply(200, {"data": data, "legend_size": len(values)})

    def _count(self, exchange: Exchange) -> None:
        if self.queries.take(self._running) is not None:
            spent, project = self.queries.in_last_hour + 1, self._holdings.credentials.project_id
            reply = too_many_queries(exchange.path, int(project), self._running, spent, None)
            raise ExportRefusal(reply)

    def _read(self, exchange: Exchange) -> _Report:
        path, query = exchange.path, exchange.query
        unknown = query.keys() - PARAMETERS[path]
        if unknown:
            raise _wrong(path, f"unknown parameter: {min(unknown)}")
        if sum(len(each) for pair in query.items() for each in pair) > LONGEST_ADDRESS:
            raise ExportRefusal(Reply(414, b"URI Too Long"))
        if query.get("type") != "general" or query.get("unit") != "day":
            raise _wrong(path, "only type=general by unit=day is played")
        names = [query.get("event", "")] if path == SEGMENTATION else _listed(path, query)
        report = _Report(
            names,
            _day(path, query, "from_date"),
            _day(path, query, "to_date"),
            _where(path, query),
        )
        self._check_days(path, report)
        return report

    def _check_days(self, path: str, report: _Report) -> None:
        today = self._today
        if report.first > report.last:
            raise _wrong(path, "from_date must be before to_date")
        if report.last > today:
            raise _wrong(path, "to_date cannot be later than today")
        if self.history is not None and report.first < today - timedelta(days=self.history):
            text = f"Date range exceeds {self.history} days into the past"
            raise ExportRefusal(as_json(path, text, 403))

    def _values(self, report: _Report) -> dict[str, dict[str, int]]:
        """Count by day of the project; a day without any is left out, and so is such a name."""
        found: dict[str, Counter[str]] = {}
        events = [*self._holdings.stored()]
        hidden = self.late.pop(0) if self.late else 0
        zone = ZoneInfo(self.zone)
        for event in events[: len(events) - hidden]:
            name = event["event"]
            if name not in report.names or name in self.hidden:
                continue
            moment = datetime.fromtimestamp(event["time"] / 1_000, zone)
            seen = report.where is None or report.where.finds(event["properties"])
            if seen and report.first <= moment.date() <= report.last:
                found.setdefault(name, Counter())[str(moment.date())] += 1
        return {name: dict(days) for name, days in found.items()}

    def _engage(self, exchange: Exchange, body: bytes) -> Reply:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        unknown = form.keys() - {"where", "output_properties", "page", "session_id"}
        if exchange.method != "POST" or unknown:
            raise _wrong(exchange.path, "POST a form of documented fields")
        profiles = self._holdings.profiles()
        results = [{"$distinct_id": name, "$properties": {}} for name in [*profiles][:1_000]]
        answer = {"page": 0, "page_size": 1_000, "session_id": "1-a", "status": "ok"}
        return json_reply(200, {**answer, "total": len(profiles), "results": results})

    # Raw export -----------------------------------------------------------------------------

    def _export(self, exchange: Exchange) -> Reply:
        if exchange.method != "GET":
            return Reply(405, b"Method Not Allowed")
        if self.exports.take(self._running) is not None:
            return too_many(None)
        asked = read(exchange.query, self._today)
        lines = [
            _line(event, asked) for event in self._holdings.arrivals if _is_found(event, asked)
        ]
        body = b"".join(line + b"\n" for line in lines)
        if self.broken:
            self.broken -= 1
            body = b"".join(line + b"\n" for line in lines[: len(lines) // 2]) + TERMINATED
        headers = {"Content-Type": "text/plain", "Transfer-Encoding": "chunked"}
        return Reply(200, body, headers)


def _is_found(event: Mapping[str, Any], asked: Asked) -> bool:
    day = datetime.fromtimestamp(event["time"] / 1_000, timezone.utc).date()
    if not asked.first <= day <= asked.last:
        return False
    if asked.events is not None and event["event"] not in asked.events:
        return False
    return asked.where is None or asked.where.finds(event["properties"])


def _line(event: Mapping[str, Any], asked: Asked) -> bytes:
    properties = {
        "time": event["time"] if asked.in_ms else event["time"] // 1_000,
        "distinct_id": event["distinct_id"],
        "$insert_id": event["insert_id"],
        **event["properties"],
    }
    return orjson.dumps({"event": event["event"], "properties": properties})


def _listed(path: str, query: Mapping[str, str]) -> list[str]:
    try:
        names = orjson.loads(query.get("event", ""))
    except orjson.JSONDecodeError as error:
        raise _wrong(path, "event must be a JSON array of names") from error
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise _wrong(path, "event must be a JSON array of names")
    return names


def _day(path: str, query: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(query.get(name, ""))
    except ValueError as error:
        raise _wrong(path, f"{name} must be yyyy-mm-dd") from error


def _where(path: str, query: Mapping[str, str]) -> Where | None:
    if "where" not in query:
        return None
    try:
        return Where(query["where"])
    except ValueError as error:
        raise _wrong(path, f"where: {error}") from error


def _wrong(path: str, text: str) -> ExportRefusal:
    return ExportRefusal(as_json(path, text, 400))
