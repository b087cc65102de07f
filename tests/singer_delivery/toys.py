"""A clock that never waits, an endpoint of one line an event, a sender that does as it is told."""

from __future__ import annotations

import faulthandler
import json
import random
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from singer_delivery.endpoint import Judgement, Limits, Reply, Request, Verdict
from singer_delivery.io.retry import Backoff, Clock
from singer_delivery.model import Event, Fact, Known, Mapped, Note, Unmappable
from singer_delivery.pipeline.dispatcher import Dispatcher
from singer_delivery.pipeline.pace import Pace
from singer_delivery.pipeline.queued import Queued, Ticket
from typing_extensions import Self

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
            pytest.fail(f"It hung.\n{dump.read()}")
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


@dataclass
class ToyEndpoint:
    """One line of JSON an event. A reply's body may name verdicts: `{"2": "rejected"}`."""

    name: str = "toy"
    limits: Limits = field(default_factory=lambda: Limits(max_events=3, max_bytes=10_000))

    def encode(self, event: Event) -> bytes:
        if "unsayable" in event.body:
            reason = "unsayable"
            raise Unmappable(reason, "it cannot be said")
        return json.dumps(event.body).encode()

    def request(self, encoded: Sequence[bytes]) -> Request:
        return Request(self.name, b"\n".join(encoded))

    def judge(self, reply: Reply, count: int) -> Judgement:
        if reply.status == 200:
            named = json.loads(reply.body or b"{}").items()
            exceptions = {int(i): Judgement(Verdict(v), v, f"It was {v}.") for i, v in named}
            return Judgement(Verdict.DELIVERED, exceptions=exceptions)
        if reply.status in {400, 413}:
            return Judgement(Verdict.REJECTED, f"http {reply.status}", "The toy refused it.")
        if reply.status == 401:
            return Judgement(Verdict.FATAL, "http 401", "The toy refused the key.")
        return Judgement(Verdict.RETRIABLE, f"http {reply.status}", "The toy is unwell.")


def numbers(request: Request) -> list[int]:
    """Return the numbers of the events in a request."""
    return [json.loads(line)["number"] for line in request.body.split(b"\n")]


def toy_event(number: int, person: str = "ann", **fields: Any) -> Event:
    body = {"number": number, **fields.pop("body", {})}
    endpoint = fields.pop("endpoint", "toy")
    return Event(endpoint, "event", f"event {number}", person, None, body, **fields)


def fact(number: int) -> Fact:
    return Fact("person", f"person-{number}", f"v{number}", number)


def mapping(record: Mapping[str, Any], known: Known) -> Mapped:
    """Make `events` events of a record; `unmappable` and `skipped` do what they say."""
    if "unmappable" in record:
        raise Unmappable(record["unmappable"], "it names nobody")
    events = tuple(
        toy_event(
            number,
            f"person-{number}",
            facts=(fact(number),),
            claims=tuple(Fact("owner", name, "ann", 1) for name in record.get("claims", ())),
            body={"unsayable": 1} if "unsayable" in record else {},
        )
        for number in record.get("events", ())
    )
    notes = tuple(Note("odd", example) for example in record.get("odd", ()))
    return Mapped(events, record.get("skipped"), notes)


class Sender:
    """Answers each request with what `answer` returns; keeps what was sent and by which lane."""

    def __init__(self, answer: Callable[[list[int]], Reply] = lambda _numbers: OK) -> None:
        self.answer = answer
        self.sent: list[list[int]] = []
        self.bodies: list[bytes] = []
        self.in_the_air = 0
        self.peak = 0
        self._lock = threading.Lock()

    def send(self, request: Request) -> Reply:
        with self._lock:
            self.sent.append(numbers(request))
            self.bodies.append(request.body)
            self.in_the_air += 1
            self.peak = max(self.peak, self.in_the_air)
        try:
            return self.answer(numbers(request))
        finally:
            with self._lock:
                self.in_the_air -= 1


def scripted(*replies: Reply) -> Callable[[list[int]], Reply]:
    """Give these replies in turn, then 200."""
    left = list(replies)
    return lambda _numbers: left.pop(0) if left else OK


@dataclass
class Notes:
    """A listener that writes down what it is told."""

    outcomes: dict[int, list[Judgement]] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    retries: list[str] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def before_sending(self) -> None:
        self.happened.append("before sending")

    def decided(self, batch: Sequence[tuple[Queued, Judgement]], attempts: int) -> None:
        with self.lock:
            for queued, judgement in batch:
                number = queued.event.body["number"]
                self.outcomes.setdefault(number, []).append(judgement)
                self.attempts[number] = attempts

    def attempted(self, endpoint: str, size: int, retry_reason: str) -> None:
        with self.lock:
            self.retries += [retry_reason] if retry_reason else []

    def verdicts(self) -> dict[int, list[Verdict]]:
        with self.lock:
            return {n: [each.verdict for each in of] for n, of in sorted(self.outcomes.items())}


class Stage:
    """A dispatcher among toys; leaving the block stops its lanes."""

    def __init__(self, sender: Any, **options: Any) -> None:
        self.endpoints = options.pop("endpoints", None) or {"toy": ToyEndpoint()}
        self.sender = sender
        self.notes = options.pop("listener", None) or Notes()
        self.clock = PlayedClock()
        settings: dict[str, Any] = {
            "max_in_flight": 2,
            "max_retries": 3,
            "pace": Pace(0, self.clock),
            "backoff": Backoff(jitter=partial(random.Random(7).uniform, 0)),
            "clock": self.clock,
            "linger": 1_000.0,
        }
        self.dispatcher = Dispatcher(self.endpoints, sender, self.notes, **{**settings, **options})

    def submit(self, *events: Event, message: bytes = b"") -> None:
        for event in events:
            encoded = self.endpoints[event.endpoint].encode(event)
            self.dispatcher.submit([Queued(event, encoded, Ticket(message))])

    def deliver(self, *events: Event) -> None:
        def run() -> None:
            self.submit(*events)
            self.dispatcher.drain()

        within(run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.dispatcher.stop(5.0)
