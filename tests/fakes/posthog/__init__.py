"""A stand-in for PostHog: takes events over HTTP, refuses and swallows what PostHog does.

What a request gets is decided in `capture` (`/batch/`) and `capture_v1`, what becomes of persons
and groups in `people`; the sources are named there.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

from tests.fakes.http.arrivals import Arrivals
from tests.fakes.http.server import Exchange, FakeServer, Reply
from tests.fakes.posthog import questions
from tests.fakes.posthog.arrived import Arrival, Batch
from tests.fakes.posthog.capture import (
    SENT_AT,
    Captured,
    Refusal,
    Request,
    read_request,
)
from tests.fakes.posthog.capture_v1 import RequestV1, read_request_v1
from tests.fakes.posthog.events_v1 import Error
from tests.fakes.posthog.people import MERGES, People, Person, RefusedMerge
from tests.fakes.posthog.queries import QueryApi
from tests.fakes.posthog.sayings import Sayings
from tests.fakes.posthog.times import normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

__all__ = ["Batch", "FakePostHog", "Person", "RefusedMerge", "normalised"]

V0 = ("/batch", "/batch/")
V1 = ("/i/v1/analytics/events", "/i/v1/analytics/events/")
UNKNOWN_KEY = "unknown key"
OVER_QUOTA = "over quota"
NO_PERSONS = "invalid_event_when_process_person_profile_is_false"
BAD_GROUP_SET = "$group_set is no object"
DIVERTED = ("$performance_event", "$exception", "$$heatmap", "$$client_ingestion_warning")
"""Names that never become events: dropped, or taken by another pipeline of PostHog."""


class FakePostHog(FakeServer):
    """PostHog's capture, v0 and v1, and what its ingestion makes of the events.

    Args:
        known_keys: Project keys that exist; None: every key of a possible shape does. Events of an
            unknown key are answered 200 and not stored, as PostHog does.
        enforce_keys: Answer 401 to an unknown key instead (TOKEN_VALIDATION_MODE=enforce).
        has_v1: Whether there is a capture v1; where it cannot store events, its address is unknown.
        regions: Host -> project keys that exist there, where the fake is the proxy before them.
        now: The server's clock.
        keep_bodies: See `FakeServer`.

    Attributes:
        batches: Every request that reached the service, refused ones too.
        swallowed: Events that were answered 200 and are nowhere, by reason.
        is_over_quota: Whether the project has used up what it pays for: v0 answers 200 and stores
            nothing, v1 says so.
        queries: What the application answers of what is stored.
    """

    def __init__(
        self,
        *,
        known_keys: Collection[str] | None = None,
        enforce_keys: bool = False,
        has_v1: bool = True,
        regions: Mapping[str, Collection[str]] = MappingProxyType({}),
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        keep_bodies: bool = False,
    ) -> None:
        super().__init__(keep_bodies=keep_bodies)
        self.known_keys = known_keys
        self.enforce_keys = enforce_keys
        self.has_v1 = has_v1
        self.is_over_quota = False
        self.regions = regions
        self.now = now
        self.batches: list[Batch] = []
        self.swallowed: Counter[str] = Counter()
        self.queries = QueryApi(self)
        self._packed: list[Arrival] = []
        self._sayings = Sayings()
        self._people = People()
        self._applied = 0

    # What arrived ---------------------------------------------------------------------------

    @property
    def arrivals(self) -> Arrivals:
        """Every accepted event in order of arrival, duplicates too.

        Each is a dict: uuid, event, distinct_id, timestamp (as `normalised` writes it), properties,
        request (number of the exchange), historical.
        """
        return Arrivals(self._packed)

    def stored(self) -> Arrivals:
        """Events after deduplication: same uuid, event, timestamp and distinct_id, the last wins.

        So ClickHouse does when it merges (PostHog docs, "Events").
        """
        last: dict[tuple[str, str, str, str], Arrival] = {}
        for arrival in list(self._packed):
            kept = arrival.captured
            last[kept.uuid, kept.event, kept.timestamp, kept.distinct_id] = arrival
        return Arrivals(list(last.values()))

    def people(self) -> list[Person]:
        """Person profiles as they stand after all that arrived."""
        return self._ingested().persons()

    def person(self, distinct_id: str) -> Person | None:
        """The profile an id belongs to, if it has one."""
        return self._ingested().by_id.get(distinct_id)

    @property
    def refused_merges(self) -> list[RefusedMerge]:
        """Merges that were asked for and refused, in order of arrival."""
        return self._ingested().refused_merges

    def groups(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(type, key) -> properties."""
        return self._ingested().groups

    @property
    def group_types(self) -> list[str]:
        """The group types of the project, at most five, in order of arrival."""
        return self._ingested().group_types

    def _ingested(self) -> People:
        with self._changed:
            for arrival in self._packed[self._applied :]:
                kept = arrival.captured
                self._people.apply(kept.uuid, kept.event, kept.distinct_id, kept.properties())
            self._applied = len(self._packed)
            return self._people

    # What happens behind the sender's back ----------------------------------------------------

    def lose(self, lost: Callable[[dict[str, Any]], bool]) -> int:
        """Forget stored events, as if they had been dropped after they were accepted."""
        with self._changed:
            kept = [arrival for arrival in self._packed if not lost(arrival.as_stored())]
            count = len(self._packed) - len(kept)
            self._packed[:] = kept
            self._people, self._applied = People(), 0
        return count

    def plant(self, event: str, timestamp: str, *, uuid: str, lib: str | None = "web") -> None:
        """Store an event that somebody else sent; `lib` is the software's name, if it has one."""
        properties = {} if lib is None else {"$lib": lib}
        data = orjson.dumps({"event": event, "properties": properties})
        captured = Captured(uuid, event, "somebody", normalised(timestamp), data)
        with self._changed:
            self._packed.append(Arrival(captured, 0, historical=False))

    def repeat(self, chosen: Callable[[dict[str, Any]], bool]) -> int:
        """Store events a second time, as a request that was lost and sent again does."""
        with self._changed:
            again = [arrival for arrival in self._packed if chosen(arrival.as_stored())]
            self._packed += again
        return len(again)

    # Requests -------------------------------------------------------------------------------

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        """Answer one request as capture does."""
        if exchange.path.startswith("/api/projects/"):
            return self.queries.answer(exchange, body)
        if exchange.path in V1 and self.has_v1:
            return self._answer_v1(exchange, body)
        if exchange.path not in V0:
            return Reply(404, b"")
        if exchange.method != "POST":
            return Reply(405, b"")
        try:
            request = read_request(body, exchange.headers, exchange.query, self.now())
        except Refusal as refusal:
            self._enter(exchange, refusal.status, len(body))
            return Reply(refusal.status, refusal.text.encode())
        exchange.notes |= request.notes
        return self._take(exchange, request)

    def answer_question(self, exchange: Exchange, body: bytes) -> Reply:
        """Answer who asks for a key; a key of another region is not known at this host."""
        if exchange.path.startswith("/api/projects/"):
            return self.queries.answer(exchange, body)
        host = exchange.headers.get("host", "")
        here = self.regions.get(host)
        return questions.answer(
            exchange, body, lambda key: self._knows(key) if here is None else key in here
        )

    def _knows(self, key: str) -> bool:
        return self.known_keys is None or key in self.known_keys

    def _take(self, exchange: Exchange, request: Request) -> Reply:
        reply = Reply(200, b'{"status":"Ok"}', {"Content-Type": "application/json"})
        known = self._knows(request.token)
        with self._changed:
            if known and self.is_over_quota:
                self.swallowed[OVER_QUOTA] += len(request.events)
            elif known:
                reply = self._store(exchange, request) or reply
            elif self.enforce_keys:
                reply = Reply(401, b"API key is not valid: unknown")
            else:
                self.swallowed[UNKNOWN_KEY] += len(request.events)
            self._enter(exchange, reply.status, request.size, request)
        return reply

    def _store(self, exchange: Exchange, request: Request) -> Reply | None:
        """Store the events in order up to the first that is too big; those before it stay."""
        for captured in request.events:
            if captured.is_too_big():
                return Reply(413, f"maximum event size exceeded: {len(captured.data)}".encode())
            self._keep(captured, exchange, historical=request.historical)
        return None

    def _keep(self, captured: Captured, exchange: Exchange, *, historical: bool) -> None:
        reason = _swallowed_because(captured)
        if reason:
            self.swallowed[reason] += 1
        else:
            self._packed.append(Arrival(captured, exchange.number, historical))

    # Capture v1 -----------------------------------------------------------------------------

    def say(
        self,
        result: str,
        details: str | None = None,
        *,
        when: Callable[[Captured], bool] = lambda _: True,
        times: int = 1,
    ) -> None:
        """Say this of the next `times` events for which `when` is true, instead of ok.

        They are stored only where the result is ok or warning.
        """
        with self._changed:
            self._sayings.add(result, details, when, times)

    def _answer_v1(self, exchange: Exchange, body: bytes) -> Reply:
        if exchange.method != "POST":
            return Reply(405, b"")
        try:
            request = read_request_v1(body, exchange.headers, self.now())
            with self._changed:
                reply = self._take_v1(exchange, request)
        except Error as error:
            self._enter(exchange, error.status, len(body))
            return Reply(error.status, error.body(), {"Content-Type": "application/json"})
        exchange.notes |= request.notes
        return reply

    def _take_v1(self, exchange: Exchange, request: RequestV1) -> Reply:
        is_known = self._knows(request.token)
        if not is_known and self.enforce_keys:
            raise Error(401, "invalid_api_token")
        events = [self._sayings.of(each) for each in request.events]
        if self.is_over_quota and any(each.captured for each in events):
            raise Error(402, "billing_limit_exceeded")
        for each in events:
            if each.captured is not None and is_known:
                self._keep(each.captured, exchange, historical=request.historical)
        self.swallowed[UNKNOWN_KEY] += 0 if is_known else len(events)
        self._enter(exchange, 200, request.size, request)
        headers = {"Content-Type": "application/json"}
        if any(each.result == "retry" for each in events):
            headers["Retry-After"] = "1"
        results = {each.uuid: each.said() for each in events}
        return Reply(200, orjson.dumps({"results": results}), headers)

    def _enter(
        self,
        exchange: Exchange,
        status: int,
        size: int,
        request: Request | RequestV1 | None = None,
    ) -> None:
        batch = Batch(
            request=exchange.number,
            events=len(request.events) if request else 0,
            bytes=size,
            status=status,
            historical=request.historical if request else False,
            sent_at=SENT_AT in exchange.notes,
        )
        with self._changed:
            self.batches.append(batch)


def _swallowed_because(captured: Captured) -> str | None:
    """Say why an event that was answered 200 never shows up; None if it does.

    Sources: PostHog repository, normalize-process-person-flag-step.ts; PostHog docs, "Ingestion
    warnings".
    """
    if captured.event in DIVERTED:
        return captured.event
    if captured.event in MERGES or captured.event == "$groupidentify":
        properties = captured.properties()
        if properties.get("$process_person_profile") is False:
            return NO_PERSONS
        if not isinstance(properties.get("$group_set"), (dict, type(None))):
            return BAD_GROUP_SET
    return None
