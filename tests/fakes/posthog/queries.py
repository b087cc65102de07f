"""PostHog's query endpoint over what the stand-in holds, with its limits.

Sources: PostHog docs, "API queries", "API overview" (240 a minute, 2,400 an hour, 3 at once for
queries), "Personal API keys" (scopes); posthog/api/query.py, posthog/exceptions.py. The texts of
refusals are PostHog's where `details` has them in public code.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal, Protocol
from zoneinfo import ZoneInfo

import orjson

from tests.fakes.http.exchanges import Exchange, Reply
from tests.fakes.posthog.hogql import Frame, HogQLError, parsed, time_of

if TYPE_CHECKING:
    from tests.fakes.posthog.people import Person

REFRESHES = {
    *("blocking", "force_blocking", "async", "force_async", "lazy_async", "force_cache"),
    "async_except_on_cache_miss",
}
FORCED = {"force_blocking"}
FIELDS = {"query", "refresh", "name", "client_query_id", "filters_override", "variables_override"}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
DENIED = "API key missing required scope 'query:read'"


class Holdings(Protocol):
    """What the queries are about; the fake of the project."""

    @property
    def arrivals(self) -> Sequence[dict[str, Any]]: ...

    def stored(self) -> Sequence[dict[str, Any]]: ...

    def people(self) -> list[Person]: ...

    def groups(self) -> dict[tuple[str, str], dict[str, Any]]: ...

    @property
    def group_types(self) -> list[str]: ...


@dataclass
class QueryLimits:
    """How much may be asked."""

    per_minute: int = 240
    per_hour: int = 2_400
    at_once: int = 3


class QueryApi:
    """Answers `POST /api/projects/{id}/query/`.

    Attributes:
        project_id: Of the project that the key sees.
        personal_key: That may ask.
        scopes: Of the key.
        zone: Of the project: HogQL's times are in it, unless a modifier says otherwise.
        plan: `over` answers 402.
        longest: Days of a range from which a query is refused as too long, with `refusal`.
        refusal: 512 (estimated too long) or 504 (out of time).
        merges_at: The reading of events from which duplicates are gone.
        late: How many of the newest events each reading of events does not see yet.
        asked: Each query that was answered, as text.
    """

    def __init__(self, holdings: Holdings, clock: Callable[[], float] = time.monotonic) -> None:
        self._holdings, self._clock = holdings, clock
        self.project_id = "12345"
        self.personal_key = "phx_personal_key_of_a_test"
        self.scopes: Collection[str] = ("query:read",)
        self.zone = "UTC"
        self.plan: Literal["fine", "over"] = "fine"
        self.longest: int | None = None
        self.refusal: Literal[504, 512] = 512
        self.merges_at = 1
        self.late: deque[int] = deque()
        self.limits = QueryLimits()
        self.asked: list[str] = []
        self._readings = 0
        self._taken: deque[float] = deque()
        self._running = 0
        self._cache: dict[bytes, list[list[Any]]] = {}

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        """Answer one request as PostHog's application does."""
        self._running += 1
        try:
            return self._refused(exchange) or self._answered(body)
        finally:
            self._running -= 1

    def _refused(self, exchange: Exchange) -> Reply | None:
        if exchange.headers.get("authorization") != f"Bearer {self.personal_key}":
            text = "Invalid personal API key."
            return error(401, "authentication_error", "authentication_failed", text)
        if exchange.path != f"/api/projects/{self.project_id}/query/":
            return error(404, "invalid_request", "not_found", "Project not found.")
        if exchange.method != "POST":
            return error(405, "invalid_request", "method_not_allowed", "Method not allowed.")
        if "query:read" not in self.scopes:
            return error(403, "authentication_error", "permission_denied", DENIED)
        if self.plan == "over":
            return error(402, "quota_limited", "quota_limit_exceeded", "You are over your quota.")
        return self._throttled()

    def _throttled(self) -> Reply | None:
        now = self._clock()
        if self._running > self.limits.at_once:
            return error(429, "throttled_error", "throttled", "Too many queries at once.")
        for most, seconds in ((self.limits.per_minute, 60.0), (self.limits.per_hour, 3600.0)):
            within = [taken for taken in self._taken if now - taken < seconds]
            if len(within) >= most:
                wait = int(within[-most] + seconds - now) + 1
                text = f"Request was throttled. Expected available in {wait} seconds."
                return error(429, "throttled_error", "throttled", text)  # no Retry-After
        self._taken.append(now)
        return None

    def _answered(self, body: bytes) -> Reply:
        try:
            asked = _read(body)
            values, modifiers = asked.get("values") or {}, asked.get("modifiers") or {}
            converts = modifiers.get("convertToProjectTimezone", True)
            frame = Frame(values, ZoneInfo(self.zone if converts else "UTC"))
            query = parsed(asked["query"], frame)
            if self._is_too_long(values):
                return self._too_long()
            refresh = asked["refresh"]
            key = orjson.dumps([asked["query"], values, converts], option=orjson.OPT_SORT_KEYS)
            cached = key in self._cache and refresh not in FORCED
            if not cached:
                self._cache[key] = query.rows(self._rows(query.table))
            self.asked.append(asked["query"])
        except HogQLError as wrong:
            return error(400, "validation_error", "invalid_input", str(wrong))
        rows = self._cache[key]
        document = {
            "results": rows,
            "columns": [name for name, _ in query.columns],
            "types": [],
            "hasMore": len(rows) == query.limit,
            "limit": query.limit,
            "is_cached": cached,
            "cache_key": "cache_1",
        }
        return Reply(200, orjson.dumps(document), {"Content-Type": "application/json"})

    def _is_too_long(self, values: dict[str, Any]) -> bool:
        texts = [value for value in values.values() if isinstance(value, str)]
        times = [datetime.fromisoformat(text) for text in texts if _MOMENT.fullmatch(text)]
        longest = self.longest
        return bool(longest and times) and max(times) - min(times) > timedelta(days=longest or 0)

    def _too_long(self) -> Reply:
        if self.refusal == 512:
            return error(512, "server_error", "estimated_too_long", "Estimated to take too long.")
        return error(504, "server_error", "timeout", "Query has hit the max execution time.")

    # Rows -----------------------------------------------------------------------------------

    def _rows(self, table: str) -> Iterator[dict[str, Any]]:
        if table == "events":
            yield from self._events()
        elif table == "persons":
            for number, person in enumerate(self._holdings.people()):
                yield {"id": f"person-{number}", "properties": person.properties}
        elif table == "person_distinct_ids":
            for number, person in enumerate(self._holdings.people()):
                for name in person.distinct_ids:
                    yield {"distinct_id": name, "person_id": f"person-{number}"}
        else:
            types = self._holdings.group_types
            for (kind, key), properties in self._holdings.groups().items():
                yield {"index": types.index(kind), "key": key, "properties": properties}

    def _events(self) -> Iterator[dict[str, Any]]:
        self._readings += 1
        merged = self._readings >= self.merges_at
        events = [*(self._holdings.stored() if merged else self._holdings.arrivals)]
        hidden = self.late.popleft() if self.late else 0
        now = datetime.now(timezone.utc)
        for event in events[: len(events) - hidden]:
            yield {**event, "timestamp": time_of(event["timestamp"]), "created_at": now}


def _read(body: bytes) -> dict[str, Any]:
    """Return the HogQL query of a request, with its `refresh`.

    Raises:
        HogQLError: it is no such request.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as wrong:
        msg = "JSON parse error"
        raise HogQLError(msg) from wrong
    if not isinstance(document, dict) or not isinstance(document.get("query"), dict):
        msg = "query: this field is required"
        raise HogQLError(msg)
    query, refresh = document["query"], document.get("refresh", "blocking")
    unknown = document.keys() - FIELDS
    if unknown:
        msg = f"Unknown field: {min(unknown)}"
        raise HogQLError(msg)
    if query.get("kind") != "HogQLQuery" or not isinstance(query.get("query"), str):
        msg = "query: only a HogQLQuery is played"
        raise HogQLError(msg)
    extra = query.keys() - {"kind", "query", "values", "modifiers"}
    if extra or refresh not in REFRESHES:
        msg = f"query: extra fields or refresh not permitted: {sorted(extra)} {refresh}"
        raise HogQLError(msg)
    return {**query, "refresh": refresh}


def error(status: int, kind: str, code: str, detail: str) -> Reply:
    """Build a refusal in PostHog's shape."""
    document = {"type": kind, "code": code, "detail": detail, "attr": None}
    return Reply(status, orjson.dumps(document), {"Content-Type": "application/json"})
