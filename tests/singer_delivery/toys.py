"""A clock that never waits, an endpoint, a mapping and a sender that do as they are asked.

Other processes import this module too: it must stay quick to import.
"""

from __future__ import annotations

import faulthandler
import gzip
import json
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from singer_delivery.endpoint import Envelope, Judgement, Limits, Reply, Request, Verdict
from singer_delivery.io.retry import Clock
from singer_delivery.model import (
    Decision,
    Delivery,
    Effects,
    Event,
    Fact,
    Facts,
    Mapped,
    Note,
    Unmappable,
)

LATEST = 15.0
"""Seconds after which a test that hangs is given up, with a look at its threads."""

OK = Reply(200)


class PlayedClock(Clock):
    """Time that passes when someone sleeps, at once."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._time = start
        self._lock = threading.Lock()
        self.naps: list[float] = []

    def now(self) -> float:
        return self._time

    def monotonic(self) -> float:
        return self._time

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.naps.append(seconds)
            self._time += seconds


def within(body: Callable[[], None], seconds: float = LATEST) -> None:
    """Run `body` in a thread of its own; fail with a dump of all threads when it hangs."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            body()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        with tempfile.TemporaryFile("w+") as dump:
            faulthandler.dump_traceback(dump)
            dump.seek(0)
            msg = f"It hung.\n{dump.read()}"
            raise AssertionError(msg)
    if raised:
        raise raised[0]


@contextmanager
def restless_threads() -> Iterator[None]:
    """Switch threads as often as Python can, so that races show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


PACKED, PLAIN = Envelope(b"[", b"]", is_gzipped=True), Envelope(b"[", b"]", is_gzipped=False)


@dataclass
class ToyEndpoint:
    """A JSON list of events. A reply's body may name verdicts: `{"2": "rejected"}`."""

    name: str = "toy"
    limits: Limits = field(default_factory=lambda: Limits(max_events=3, max_bytes=10_000))
    is_packed: bool = True
    envelope: Envelope = PACKED
    url: str = ""

    def encode(self, event: Event) -> bytes:
        if "unsayable" in event.body:
            reason = "unsayable"
            raise Unmappable(reason, "it cannot be said")
        return json.dumps(event.body).encode()

    def as_sent(self, encoded: bytes) -> bytes:
        """Add a token to what is not packed, as real endpoints do."""
        return encoded if self.is_packed else b'{"token":1,' + encoded[1:]

    def request(self, body: bytes) -> Request:
        return Request(self.url or self.name, body)

    def judge(self, reply: Reply, count: int) -> Judgement:
        if reply.status == 200:
            named = json.loads(reply.body or b"{}").items()
            exceptions = {int(i): Judgement(Verdict(v), v, f"It was {v}.") for i, v in named}
            return Judgement(Verdict.DELIVERED, exceptions=exceptions)
        if reply.status in {400, 413}:
            return Judgement(Verdict.REJECTED, f"http {reply.status}", "The toy refused it.")
        if reply.status == 401:
            return Judgement(Verdict.FATAL, "http 401", "The toy refused the key.")
        detail = reply.error or "The toy is unwell."
        return Judgement(Verdict.RETRIABLE, f"http {reply.status}", detail)


def plain(name: str = "toy", limits: Limits | None = None) -> ToyEndpoint:
    """Return an endpoint whose events stay apart and whose bodies are not compressed."""
    limits = limits or Limits(max_events=3, max_bytes=10_000)
    return ToyEndpoint(name, limits, is_packed=False, envelope=PLAIN)


def events_in(body: bytes) -> list[dict[str, Any]]:
    """Return the events of a body of either endpoint."""
    is_gzipped = body.startswith(b"\x1f\x8b")
    events: list[dict[str, Any]] = json.loads(gzip.decompress(body) if is_gzipped else body)
    return events


def numbers(request: Request) -> list[int]:
    """Return the numbers of the events in a request."""
    return [event["number"] for event in events_in(request.body)]


class ToyDecision(Decision):
    """Of a toy record; `value` is there when it is newer than what was sent.

    `counted` are the ids by which a service counts it;
    `listed` is the number by which the list of deliveries knows it, on the day of that number.
    """

    value: str | None = None
    listed: int | None = None
    counted: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        return self.counted

    @property
    def delivery(self) -> Delivery | None:
        return None if self.listed is None else Delivery(self.listed // 100, self.listed)


class ToyMapping:
    """Makes of a record `events`, a list of numbers, events of these numbers.

    Of its other columns, all optional: `person` (else the first event's own), `merges`, `skipped`,
    `endpoint` and `order` are the event's; `value` is said of the person `at` its time, if it is
    newer than what was sent; `said` are names of persons of whom a fact is said; `claims` are names
    of devices; `odd` and `strange` are examples of notes, of the decision and of the mapping;
    `listed` is its number in the list of deliveries, `hour` that of its source, `ids` those by
    which a service counts it; `unmappable`, `late` and `unsayable` say where nothing can be made
    of it; `deferred` and `gathered` do what they say, and what is deferred is sent only if it is
    newer.
    """

    decision_type: ClassVar[type[Decision]] = ToyDecision

    def observe(self, line: bytes, *, is_message: bool) -> Any:
        read = json.loads(line)
        return read["record"] if is_message else read

    def ids_of(self, record: Any) -> tuple[str, ...]:
        return (_person(record),)

    def people_of(self, record: Any) -> tuple[str, ...]:
        return (_person(record),)

    def decide(self, record: Any, facts: Facts, effects: Effects) -> ToyDecision:
        effects.notes += [Note("odd", example) for example in record.get("odd", ())]
        person = _person(record)
        effects.claims += [Fact("owner", name, person, 1) for name in record.get("claims", ())]
        if "unmappable" in record:
            raise Unmappable(record["unmappable"], "it names nobody")
        effects.is_gathered = "gathered" in record
        said = [Fact("person", name, f"v {name}", 1) for name in record.get("said", ())]
        effects.facts += said
        value = self._newer(record, person, facts, effects)
        is_old = record.get("deferred", False) and value is None
        sends = bool(record.get("events")) and not effects.is_gathered and not is_old
        decision = ToyDecision(person, record.get("skipped"), sends, record.get("merges"), value)
        decision.listed = record.get("listed")
        decision.counted = tuple(record.get("ids", ()))
        return decision

    def _newer(self, record: Any, person: str, facts: Facts, effects: Effects) -> str | None:
        if "value" not in record:
            return None
        fact, last = Fact("person", person, record["value"], record["at"]), None
        last = facts.recall("person", person)
        if last is not None and last.value == fact.value:
            effects.renewed += [fact] if fact.at > last.at else []
            return None
        if last is not None and fact.at < last.at:
            return None
        (effects.kept if record.get("deferred") else effects.facts).append(fact)
        return fact.value

    def map(self, record: Mapping[str, Any], decision: Any) -> Mapped:
        if "late" in record:
            raise Unmappable(record["late"], "it is found late")
        events = [self._event(number, record, decision) for number in record["events"]]
        return Mapped(events, [Note("strange", each) for each in record.get("strange", ())])

    def _event(self, number: int, record: Mapping[str, Any], decision: ToyDecision) -> Event:
        body: dict[str, Any] = {"number": number, "person": decision.person}
        if decision.value is not None:
            body["value"] = decision.value
        if "unsayable" in record:
            body["unsayable"] = 1
        deferred = record.get("deferred", False)
        facts: tuple[Fact, ...] = ()
        if deferred and decision.value is not None:
            facts = (Fact("person", decision.person, decision.value, record["at"]),)
        return Event(
            record.get("endpoint", "toy"),
            "event",
            f"event {number}",
            record.get("at"),
            body,
            record.get("order"),
            deferred,
            facts,
            id=f"id {number}",
            source_name=f"raw {number}",
            source_hour=record.get("hour", 0),
        )


def toy_event(number: int, endpoint: str = "toy") -> Event:
    """Return the event of a number by itself."""
    return Event(endpoint, "event", f"event {number}", None, {"number": number})


def _person(record: Mapping[str, Any]) -> str:
    events = record.get("events") or [0]
    return str(record.get("person", f"person-{events[0]}"))


class Sender:
    """Answers each request with what `answer` returns; keeps what was sent."""

    def __init__(self, answer: Callable[[list[int]], Reply] = lambda _numbers: OK) -> None:
        self.answer = answer
        self.sent: list[list[int]] = []
        self.bodies: list[bytes] = []
        self.in_flight = 0
        self.peak = 0
        self._lock = threading.Lock()

    def send(self, request: Request) -> Reply:
        with self._lock:
            self.sent.append(numbers(request))
            self.bodies.append(request.body)
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
        try:
            return self.answer(numbers(request))
        finally:
            with self._lock:
                self.in_flight -= 1


def scripted(*replies: Reply) -> Callable[[list[int]], Reply]:
    """Give these replies in turn, then 200."""
    left = list(replies)
    return lambda _numbers: left.pop(0) if left else OK
