"""A stand-in for Amplitude's Batch Event Upload over HTTP: stores, refuses and hides what it does.

What a request gets is decided in `http`, `events` and `pace`, what an import must not send although
it is taken in `violations`, what becomes of people and groups in `identity`, `properties` and
`people`; the sources are named there. What there is to look at afterwards is in `project`.

Whatever is not answered 200 was not stored, nothing of it. Assumed are the reading that a request
with one bad event is refused as a whole, and all that the arguments of `FakeAmplitudeBatch` can
switch. Not played: caps of a whole project (script `RATE_LIMITED`), plans, schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from tests.fakes.amplitude_batch import questions
from tests.fakes.amplitude_batch.events import Accepted, accepted, faults, refusal
from tests.fakes.amplitude_batch.http import (
    BODY_LIMIT,
    BROKEN,
    BUSY,
    EVENTS_LIMIT,
    FORBIDDEN,
    PAGE,
    RATE_LIMITED,
    TOO_LARGE,
    Refusal,
    Request,
    bad,
    json_reply,
    plain_body,
    read_request,
)
from tests.fakes.amplitude_batch.pace import (
    DAILY_QUOTA,
    EPS_THRESHOLD,
    Excess,
    Pace,
    counts_of,
    named_events,
    named_ids,
    throttled,
)
from tests.fakes.amplitude_batch.people import Person
from tests.fakes.amplitude_batch.project import Arrival, Batch, Project, Violation
from tests.fakes.amplitude_batch.violations import violations
from tests.fakes.http.server import Exchange, Reply

__all__ = [
    "BROKEN",
    "BUSY",
    "FORBIDDEN",
    "PAGE",
    "RATE_LIMITED",
    "TOO_LARGE",
    "Batch",
    "FakeAmplitudeBatch",
    "Person",
    "Violation",
]

PATH = "/batch"
MEMORY = timedelta(days=7)
"""How long Amplitude knows an event again; docs, "HTTP V2 API", Event deduplication."""

FOREIGN_PATH = "another address was called"
BLOCKED = "blocked event type"


class FakeAmplitudeBatch(Project):
    """One project of Amplitude in one region: `/batch`.

    Args:
        api_key: Of the project; a key of another region is an unknown one.
        named: Whether a refusal names all bad events, or the first of each field.
        no_id_field: What is missing of an event that has neither id.
        unzips: Whether gzip is taken.
        counts_duplicates: Whether `events_ingested` has duplicates in it.
        eps_threshold: Events a second of one id, as a mean of 30 seconds.
        daily_quota: Events of one id in 24 hours.
        max_events: Above it a request is answered 413.
        max_body_bytes: The same for its JSON, decompressed.
        firewall: Texts because of which a request is answered 403.
        blocked: Names of events that are answered 200 and go nowhere.
        elsewhere: Device -> user that other projects of the organisation know it with.
        now: The server's clock.
        keep_bodies: See `FakeServer`.

    Attributes:
        silenced: Ids of devices whose requests are refused; may be changed at any time.
    """

    def __init__(  # noqa: PLR0913 - the documents leave that much open
        self,
        *,
        api_key: str = "f00dfeed0badcafe0123456789abcdef",
        named: Literal["all", "first"] = "all",
        no_id_field: str = "user_id",
        unzips: bool = True,
        counts_duplicates: bool = True,
        eps_threshold: int = EPS_THRESHOLD,
        daily_quota: int = DAILY_QUOTA,
        max_events: int = EVENTS_LIMIT,
        max_body_bytes: int = BODY_LIMIT,
        firewall: Collection[str] = (),
        blocked: Collection[str] = (),
        elsewhere: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        keep_bodies: bool = False,
    ) -> None:
        super().__init__(elsewhere=elsewhere or {}, keep_bodies=keep_bodies)
        self.api_key = api_key
        self.named: Literal["all", "first"] = named
        self.no_id_field = no_id_field
        self.unzips = unzips
        self.counts_duplicates = counts_duplicates
        self.eps_threshold = eps_threshold
        self.max_events = max_events
        self.max_body_bytes = max_body_bytes
        self.firewall = firewall
        self.blocked = blocked
        self.now = now
        self.silenced: set[str] = set()
        self._devices = Pace(eps_threshold, daily_quota)
        self._users = Pace(eps_threshold, daily_quota)
        self._known: dict[tuple[Any, ...], int] = {}

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        """Answer one request as the service does."""
        try:
            request = self._read(exchange, body)
        except Refusal as refused:
            self._enter(exchange, refused.reply, len(body))
            return refused.reply
        with self._changed:
            reply = self._refused(request) or self._taken(exchange, request)
            self._enter(exchange, reply, request.size, len(request.events))
        return reply

    def answer_question(self, exchange: Exchange, body: bytes) -> Reply:
        """Answer a request without events; nothing is stored, nor counted as a request."""
        try:
            return questions.answer(self._read(exchange, body), self.now())
        except Refusal as refused:
            return refused.reply

    def _read(self, exchange: Exchange, body: bytes) -> Request:
        if (exchange.method, exchange.path) != ("POST", PATH):
            self.violations.append(Violation(FOREIGN_PATH, exchange.number))
            raise Refusal(bad("Invalid request path"))
        plain = plain_body(body, exchange.headers, self.max_body_bytes, unzips=self.unzips)
        if any(text.encode() in plain for text in self.firewall):
            raise Refusal(FORBIDDEN)
        return read_request(plain, self.api_key, self.max_events)

    # Refusals -------------------------------------------------------------------------------

    def _refused(self, request: Request) -> Reply | None:
        found = {
            index: wrong
            for index, sent in enumerate(request.events)
            if (wrong := faults(sent, request.min_id_length, self.no_id_field))
        }
        if found:
            return refusal(found, self.named)
        ids = [(event.get("device_id"), event.get("user_id")) for event in request.events]
        devices, users = self._excess(ids)
        silenced = self._silenced(ids, devices, users)
        return silenced or throttled(ids, devices, users, self.eps_threshold)

    def _excess(self, ids: Sequence[tuple[str | None, str | None]]) -> tuple[Excess, Excess]:
        now = self.now().timestamp()
        return (
            self._devices.excess(counts_of(device for device, _ in ids), now),
            self._users.excess(counts_of(user for _, user in ids), now),
        )

    def _silenced(
        self, ids: Sequence[tuple[str | None, str | None]], devices: Excess, users: Excess
    ) -> Reply | None:
        events = [index for index, (device, _) in enumerate(ids) if device in self.silenced]
        if not events:
            return None
        return bad(
            "Events silenced for device_id",
            silenced_devices=sorted({str(ids[index][0]) for index in events}),
            silenced_events=events,
            throttled_events=named_events(ids, devices, users),
            **named_ids(devices, users, self.eps_threshold),
        )

    # Storing --------------------------------------------------------------------------------

    def _taken(self, exchange: Exchange, request: Request) -> Reply:
        self._remark(exchange, request)
        at = self.now().timestamp()
        taken = [accepted(sent, exchange.notes) for sent in request.events]
        self._devices.count(counts_of(event.device_id for event in taken), at)
        self._users.count(counts_of(event.user_id for event in taken), at)
        new = sum(self._store(event, exchange.number, int(at * 1_000)) for event in taken)
        return json_reply(
            200,
            events_ingested=len(taken) if self.counts_duplicates else new,
            payload_size_bytes=request.size,
            server_upload_time=int(at * 1_000),
        )

    def _remark(self, exchange: Exchange, request: Request) -> None:
        self.violations += [Violation(what, exchange.number) for what in request.violations]
        self.violations += [
            Violation(what, exchange.number, index, sent["event_type"])
            for index, sent in enumerate(request.events)
            for what in violations(sent)
        ]

    def _store(self, event: Accepted, request: int, at_ms: int) -> bool:
        """Store an event; False if Amplitude drops it as one it knows."""
        if event.event_type in self.blocked:
            self.swallowed[BLOCKED] += 1
            return True
        is_duplicate = self._is_known(event, at_ms)
        self._packed.append(Arrival(event, request, at_ms, is_duplicate))
        return not is_duplicate

    def _is_known(self, event: Accepted, at_ms: int) -> bool:
        keys: list[tuple[Any, ...]] = []
        if event.insert_id is not None:
            keys.append((event.derived_device, event.insert_id))
        if event.event_id is not None:
            keys.append((event.event_id, event.time, event.derived_device))
        oldest = at_ms - MEMORY.total_seconds() * 1_000
        if any(self._known.get(key, -1) >= oldest for key in keys):
            return True
        self._known.update(dict.fromkeys(keys, at_ms))
        return False

    def _enter(self, exchange: Exchange, reply: Reply, size: int, events: int = 0) -> None:
        taken = events if reply.status == 200 else 0
        batch = Batch(exchange.number, exchange.path, events, taken, size, reply.status)
        with self._changed:
            self.batches.append(batch)
